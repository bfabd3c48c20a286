import { describe, expect, it } from "vitest";

import type { InterruptionKind, InterruptionState, StreamState, StreamStatus } from "@/api/types";
import { deviceProblems, freeId } from "@/domain/device";
import { followed } from "@/domain/follow";
import { pageOf, splitFor } from "@/domain/split";
import { isOpen, isRunning, losesMedia, ringsNow } from "@/domain/states";
import { duration, durationShort, percent } from "@/domain/time";
import { linkVerdict, PROBE_TIMEOUT_MS, socketsHang } from "@/net/link";
import { backoffMs } from "@/net/reconnecting";
import { parseEvent } from "@/net/events";

describe("split", () => {
  it("is the smallest that holds all", () => {
    expect([0, 1, 2, 4, 5, 9, 10, 16, 40].map((n) => splitFor(n, "auto"))).toEqual([1, 1, 4, 4, 9, 9, 16, 16, 16]);
    expect(splitFor(3, 16)).toBe(16);
  });
  it("pages what does not fit", () => {
    expect(pageOf([1, 2, 3, 4, 5], 4, 1)).toEqual([5]);
  });
});

describe("times", () => {
  it("reads as a running clock", () => {
    expect([0, 7_900, 61_000, 3_600_000, 86_400_000].map(duration)).toEqual(["00:00", "00:07", "01:01", "1:00:00", "24:00:00"]);
    expect(durationShort(12_440)).toBe("12.4 s");
    expect(durationShort(75_000)).toBe("01:15");
  });
  it("never calls complete what is not", () => {
    expect(percent(1)).toBe("100 %");
    expect(percent(0.999999)).toBe("99.99 %");
    expect(percent(0.5)).toBe("50.00 %");
  });
});

describe("states", () => {
  it("a resumed interruption is over but still open; a closed one is neither", () => {
    expect([isRunning("resumed"), isOpen("resumed")]).toEqual([false, true]);
    expect([isRunning("closed"), isOpen("closed"), isOpen("withdrawn")]).toEqual([false, false, false]);
  });
});

describe("a stream follows its interruption", () => {
  const status = (state: StreamState, interruption: string | null = null): StreamStatus =>
    ({ state, interruption, since: null, tracks: [], device: "", bitrate_bps: 0, complaint: null });
  const change = (id: string, state: InterruptionState, kind: InterruptionKind = "stall") => ({ id, state, kind });

  it("through suspicion and certainty back to live", () => {
    let now = status("live");
    const seen = (["suspected", "confirmed", "resumed"] as const).map((state) => (now = followed(now, change("a", state)) ?? now).state);
    expect(seen).toEqual(["suspected", "interrupted", "live"]);
    expect(followed(now, change("a", "closed"))).toBeNull();
  });

  it("the end of another one does not make it live", () => {
    expect(followed(status("interrupted", "b"), change("a", "closed"))).toBeNull();
    expect(followed(status("interrupted", "b"), change("b", "resumed"))?.state).toBe("live");
  });

  it("a suspicion does not make a certainty less", () => {
    expect(followed(status("interrupted", "b"), change("c", "suspected"))).toBeNull();
  });

  it("a clock that drifts leaves it live", () => {
    expect(followed(status("live"), change("d", "confirmed", "drift"))).toBeNull();
  });
});

describe("what must be heard", () => {
  const confirmed = { state: "confirmed" as const, rings: true, count: 1 };
  it("a certain break rings once, and each new one of a series", () => {
    expect(ringsNow(undefined, confirmed)).toBe(true);
    expect(ringsNow({ ...confirmed, state: "suspected", rings: false }, confirmed)).toBe(true);
    expect(ringsNow(confirmed, confirmed)).toBe(false);
    expect(ringsNow(confirmed, { ...confirmed, count: 2 })).toBe(true);
    expect(ringsNow({ ...confirmed, state: "resumed" }, confirmed)).toBe(true);
  });
  it("what becomes grave later rings then", () => {
    expect(ringsNow(undefined, { ...confirmed, rings: false })).toBe(false);
    expect(ringsNow({ ...confirmed, rings: false }, confirmed)).toBe(true);
  });
  it("a suspicion and an end are silent", () => {
    for (const state of ["suspected", "resumed", "closed", "withdrawn"] as const) expect(ringsNow(undefined, { ...confirmed, state })).toBe(false);
  });
  it("a clock that drifts takes no footage away", () => {
    expect([losesMedia("drift"), losesMedia("step"), losesMedia("no_signal"), losesMedia("frozen")]).toEqual([false, false, true, true]);
  });
});

describe("the link", () => {
  const quiet = (silentMs: number, change = {}) => ({ silentMs, probeFailed: false, probedMs: 5000, lateMs: 0, ...change });

  it("asks after a tick that did not come, and takes silence for a loss only when the question failed", () => {
    expect(linkVerdict(quiet(1000), false)).toEqual({ lost: false, probe: false });
    expect(linkVerdict(quiet(1200), false)).toEqual({ lost: false, probe: true });
    expect(linkVerdict(quiet(1200, { probedMs: 20 }), false).probe).toBe(false);
    expect(linkVerdict(quiet(2100), false).lost).toBe(false);
    expect(linkVerdict(quiet(2100, { probeFailed: true }), false).lost).toBe(true);
    expect(linkVerdict(quiet(1300, { probeFailed: true }), false).lost).toBe(false);
  });

  it("says so within 2.3 s of the last word although it looks only four times a second", () => {
    let lostAt = 0;
    for (let now = 249; lostAt === 0; now += 250) {
      // the question asked first fails when its time is over
      if (linkVerdict(quiet(now, { probeFailed: now > 1249 + PROBE_TIMEOUT_MS }), false).lost) lostAt = now;
    }
    expect(lostAt).toBeLessThanOrEqual(2300);
  });

  it("does not take its own delay for the hub's", () => {
    expect(linkVerdict(quiet(9000, { probeFailed: true, lateMs: 3000 }), false).lost).toBe(false);
  });

  it("once lost, asks at its leisure until there is an answer, and then makes its sockets anew", () => {
    expect(linkVerdict(quiet(9000, { probedMs: 200 }), true)).toEqual({ lost: true, probe: false });
    expect(linkVerdict(quiet(9000, { probedMs: 800 }), true)).toEqual({ lost: true, probe: true });
    expect([socketsHang(1200, false), socketsHang(2500, false), socketsHang(0, true)]).toEqual([false, true, true]);
  });

  it("comes back ever more slowly, but always", () => {
    expect(backoffMs(0, 0.5)).toBe(400);
    expect(backoffMs(99, 1)).toBeLessThanOrEqual(6250);
    expect(backoffMs(3, 0)).toBeLessThan(backoffMs(3, 1));
  });
});

describe("events", () => {
  it("are read, and what is no event is skipped", () => {
    expect(parseEvent('{"type":"hub.tick","at":"2026-11-20T08:00:00.000000Z","data":{}}')?.type).toBe("hub.tick");
    for (const text of ["", "null", "[]", "7", "{}", '{"type":"x","at":"yesterday"}', '{"type":1,"at":"2026-11-20T08:00:00Z"}']) {
      expect(parseEvent(text)).toBeNull();
    }
  });
});

describe("a new device", () => {
  const draft = { type: "rtsp" as const, id: "window-01", name: "1号窗口", kind: "window" as const, url: "rtsp://10.0.0.1/live", transport: "tcp" as const };
  it("is named for what is wrong with it", () => {
    expect(deviceProblems(draft)).toEqual({});
    expect(Object.keys(deviceProblems({ ...draft, id: "../x", name: " ", url: "http://a" }))).toEqual(["name", "id", "url"]);
    expect(deviceProblems({ ...draft, type: "whip", url: "" })).toEqual({});
    expect(deviceProblems({ ...draft, id: "a".repeat(64) })).toHaveProperty("id");
  });
  it("gets the next free id", () => {
    expect(freeId("window", new Set(["window-01", "window-02"]))).toBe("window-03");
  });
});
