import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ApiError } from "@/api/http";
import type { DeviceHub } from "@/screens/recorder/hub";
import { type LinkState, Publisher } from "@/screens/recorder/whip";

/** A connection that is up as soon as it has its answer, until the test ends it. */
class Peer {
  static all: Peer[] = [];
  connectionState = "new";
  iceGatheringState = "complete";
  localDescription = { sdp: "offer" };
  onconnectionstatechange: () => void = () => undefined;
  channel: { onmessage: (event: { data: string }) => void } = { onmessage: () => undefined };

  constructor() {
    Peer.all.push(this);
  }

  createDataChannel = (): unknown => this.channel;
  addTransceiver = (): unknown => ({ setCodecPreferences: () => undefined });
  createOffer = (): Promise<unknown> => Promise.resolve({});
  setLocalDescription = (): Promise<void> => Promise.resolve();
  setRemoteDescription = (): Promise<void> => (this.turn("connected"), Promise.resolve());
  close = (): void => void (this.connectionState = "closed");

  turn(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange();
  }

  say(message: unknown): void {
    this.channel.onmessage({ data: JSON.stringify(message) });
  }
}

interface Call {
  method: string;
  path: string;
}

/** `refused`: how many offers, from the second on, find no node; or, with `awayMs`, all of that time after the second. */
function phone(refused = 0, awayMs = 0) {
  const calls: Call[] = [];
  const states: LinkState[] = [];
  const said: unknown[] = [];
  let offers = 0;
  let secondMs = 0;
  const hub = {
    stream: "phone",
    send: (method: string, path: string) => {
      calls.push({ method, path });
      if (method !== "POST") return Promise.resolve({ body: "", headers: new Headers() });
      offers += 1;
      if (offers === 2) secondMs = Date.now();
      const away = offers <= 1 + refused || Date.now() - secondMs < awayMs;
      if (offers > 1 && away) return Promise.reject(new ApiError(503, "no_node", "no node takes streams"));
      return Promise.resolve({ body: "answer", headers: new Headers({ Location: `/whip/phone/${String(offers)}` }) });
    },
  };
  const media = { getTracks: () => [{ kind: "video" }] };
  const publisher = new Publisher(hub as unknown as DeviceHub, media as unknown as MediaStream, 1_000_000, {
    state: (state) => void states.push(state), said: (message) => void said.push(message),
  });
  publisher.start();
  return { publisher, calls, states, said };
}

const peer = (at: number): Peer => Peer.all[at] as Peer;

beforeEach(() => {
  Peer.all = [];
  vi.useFakeTimers();
  vi.stubGlobal("RTCPeerConnection", Peer);
  vi.stubGlobal("RTCRtpSender", { getCapabilities: () => ({ codecs: [{ mimeType: "video/H264" }] }) });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a recorder that is told to move", () => {
  it("opens a second session and keeps the first until the hub ends it; the link never looks broken", async () => {
    const { publisher, calls, states, said } = phone();
    await vi.advanceTimersByTimeAsync(100);
    peer(0).say({ type: "move" });
    peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(100);
    expect(Peer.all.map((one) => one.connectionState)).toEqual(["connected", "connected"]);
    peer(1).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(100);
    expect(Peer.all.length, "two are enough").toBe(2);
    peer(0).turn("failed");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(Peer.all.length, "the second goes on in its place").toBe(2);
    peer(1).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(100);
    expect(Peer.all.length, "and may move, too").toBe(3);
    expect(new Set(states)).toEqual(new Set(["connecting", "live"]));
    expect(states.at(-1)).toBe("live");
    expect(said).toEqual([]);
    await publisher.stop();
    expect(calls.filter(({ method }) => method === "DELETE").map(({ path }) => path)).toEqual(["/whip/phone/2", "/whip/phone/3"]);
    expect(Peer.all.map((one) => one.connectionState)).toEqual(["closed", "closed", "closed"]);
  });

  it("tries again while the first session lasts, and goes on with that", async () => {
    phone(2);
    await vi.advanceTimersByTimeAsync(100);
    peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(5000);
    expect(Peer.all.map((one) => one.connectionState)).toEqual(["connected", "closed", "closed", "connected"]);
  });

  it("tries for as long as the hub waits for it, without offering more because it is told again", async () => {
    const waitsMs = 15_000; // COMES_S, hub/app/handover.py
    const { states, calls } = phone(0, (waitsMs * 2) / 3);
    await vi.advanceTimersByTimeAsync(100);
    peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(200);
    for (let told = 0; told < 5; told++) peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(waitsMs - 2200); // its first keyframe takes a moment, too
    expect(peer(0).connectionState).toBe("connected");
    expect(Peer.all.filter((one) => one.connectionState === "connected").length).toBe(2);
    expect(calls.filter(({ method }) => method === "POST").length).toBeLessThan(9);
    expect(new Set(states)).toEqual(new Set(["connecting", "live"]));
  });

  it("opens another second session when told again and the one that it had is gone", async () => {
    phone();
    await vi.advanceTimersByTimeAsync(100);
    peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(100);
    peer(1).turn("disconnected");
    peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(2000);
    peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(100);
    expect(Peer.all.map((one) => one.connectionState)).toEqual(["connected", "closed", "connected"]);
  });

  it("comes back as after any break when both sessions are gone", async () => {
    const { states } = phone(5);
    await vi.advanceTimersByTimeAsync(100);
    peer(0).say({ type: "move" });
    await vi.advanceTimersByTimeAsync(100);
    peer(0).turn("failed");
    await vi.advanceTimersByTimeAsync(30_000);
    expect(states).toContain("waiting");
    expect(states.at(-1)).toBe("live");
    expect(Peer.all.filter((one) => one.connectionState === "connected").length).toBe(1);
  });

  it("hears everything else as before", async () => {
    const { said } = phone();
    await vi.advanceTimersByTimeAsync(100);
    peer(0).say({ type: "cue", cue: "explain" });
    expect(said).toEqual([{ type: "cue", cue: "explain" }]);
  });
});
