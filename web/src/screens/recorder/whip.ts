/**
 * Publishes by WHIP (RFC 9725) with H.264, and comes back by itself with a new session whenever the link was cut. Told to
 * move, it opens a second session, which comes to another machine, and goes on with the first until the hub ends that.
 */
import { ApiError } from "@/api/http";

import { type DeviceHub, passing } from "./hub";

export type LinkState = "off" | "connecting" | "live" | "waiting" | "refused";

const CONNECT_MS = 10_000;
/** A path that is silent for so long is left for a new session: Chromium would wait 15 s more before it says `failed`. */
const SILENT_MS = 1500;
const GATHER_MS = 1000;
const RETRY_MS = [300, 700, 1500, 3000, 5000];

export interface Heard {
  state(state: LinkState, problem: ApiError | null): void;
  /** A message on the data channel `telemetry`. */
  said(message: Record<string, unknown>): void;
}

export class Publisher {
  private readonly peers = new Set<RTCPeerConnection>();
  private readonly locations = new Set<string>();
  /** Second sessions. */
  private readonly moves = new Set<Promise<void>>();
  /** A second session is being opened: the hub says again and again that it waits for one. */
  private opening = false;
  private running = false;
  private wake: () => void = () => undefined;

  constructor(
    private readonly hub: DeviceHub,
    private readonly media: MediaStream,
    private readonly bitsPerS: number,
    private readonly heard: Heard,
  ) {}

  start(): void {
    this.running = true;
    void this.run();
  }

  /** The link may be back: no need to wait. */
  hurry = (): void => this.wake();

  /** Says goodbye: what follows is no interruption of the link. */
  async stop(): Promise<void> {
    this.running = false;
    this.wake();
    const locations = [...this.locations];
    this.locations.clear();
    await Promise.all(locations.map((location) => this.hub.send("DELETE", location, null, "").catch(() => undefined)));
    this.peers.forEach((peer) => peer.close());
    this.heard.state("off", null);
  }

  private async run(): Promise<void> {
    for (let failures = 0; this.running; ) {
      this.heard.state("connecting", null);
      try {
        await this.session(() => {
          failures = 0;
          this.heard.state("live", null);
        });
        await this.moved();
        this.heard.state("waiting", null);
      } catch (error) {
        const problem = error instanceof ApiError ? error : new ApiError(0, "no_h264", String(error));
        const final = !passing(problem) && problem.status !== 404;
        this.heard.state(final ? "refused" : "waiting", problem);
        if (final) failures = RETRY_MS.length; // a token may be renewed, a fault repaired: it is asked again, but seldom
      }
      if (!this.running) return;
      await this.pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 5000);
      failures += 1;
    }
  }

  /** The first session is over: another one may go on in its place. */
  private async moved(): Promise<void> {
    while (this.moves.size > 0) {
      if (![...this.peers].some((peer) => peer.connectionState === "connected")) this.heard.state("connecting", null);
      await Promise.race(this.moves);
    }
  }

  private move(): void {
    if (!this.running || this.opening || this.peers.size !== 1) return;
    this.opening = true;
    const move = this.again().finally(() => this.moves.delete(move));
    this.moves.add(move);
  }

  /** A second session beside the first; tried again while that lasts, for as long as the hub waits for it. */
  private async again(): Promise<void> {
    for (const pause of [0, ...RETRY_MS]) {
      await new Promise((done) => setTimeout(done, pause));
      if (!this.running || this.peers.size !== 1) break;
      let connected = false;
      await this.session(() => {
        connected = true;
        this.opening = false;
        this.heard.state("live", null);
      }).catch(() => undefined);
      if (connected) return;
    }
    this.opening = false;
  }

  /** Until the path is gone. Raises ApiError. */
  private async session(connected: () => void): Promise<void> {
    const peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
    let location = "";
    this.peers.add(peer);
    try {
      const channel = peer.createDataChannel("telemetry");
      channel.onmessage = ({ data }) => this.hear(data);
      for (const track of this.media.getTracks()) this.offerTrack(peer, track);
      await peer.setLocalDescription(await peer.createOffer());
      await gathered(peer);
      const { body, headers } = await this.hub.send<string>("POST", `/whip/${this.hub.stream}`, peer.localDescription?.sdp ?? "", "application/sdp");
      if (!this.running) return;
      location = headers.get("Location") ?? "";
      this.locations.add(location);
      await peer.setRemoteDescription({ type: "answer", sdp: body });
      await this.whileUp(peer, connected);
    } finally {
      this.peers.delete(peer);
      this.locations.delete(location);
      peer.close();
    }
  }

  private offerTrack(peer: RTCPeerConnection, track: MediaStreamTrack): void {
    const video = track.kind === "video";
    const transceiver = peer.addTransceiver(track, { direction: "sendonly", streams: [this.media], sendEncodings: video ? [{ maxBitrate: this.bitsPerS }] : [] });
    if (!video) return;
    const codecs = RTCRtpSender.getCapabilities("video")?.codecs.filter((one) => one.mimeType === "video/H264") ?? [];
    if (codecs.length === 0) throw new ApiError(400, "no_h264", "this browser cannot send H.264");
    transceiver.setCodecPreferences(codecs);
  }

  private whileUp(peer: RTCPeerConnection, connected: () => void): Promise<void> {
    return new Promise((resolve) => {
      let silent: ReturnType<typeof setTimeout> | undefined = setTimeout(resolve, CONNECT_MS);
      const look = (): void => {
        const state = peer.connectionState;
        if (state === "connected") {
          clearTimeout(silent);
          silent = undefined;
          connected();
        } else if (state === "failed" || state === "closed" || !this.running) {
          clearTimeout(silent);
          resolve();
        } else if (state === "disconnected" && silent === undefined) {
          silent = setTimeout(resolve, SILENT_MS);
        }
      };
      peer.onconnectionstatechange = look;
      const after = this.wake;
      this.wake = () => {
        after();
        look();
      };
      look();
    });
  }

  private hear(data: unknown): void {
    try {
      const message: unknown = JSON.parse(String(data));
      if (typeof message !== "object" || message === null) return;
      if ((message as Record<string, unknown>)["type"] === "move") this.move();
      else this.heard.said(message as Record<string, unknown>);
    } catch {
      // no message of ours
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** All own addresses are known, or time is up: what is missing then, the hub learns from the first check. */
function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") resolve();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
    setTimeout(resolve, GATHER_MS);
  });
}
