import { describe, expect, it } from "vitest";

import type { Clip } from "@/screens/recorder/clips";
import { confirmedBy, deletable, type Missing, missingOf, plan, room, toConfirm, touches, unrecordedOf } from "@/screens/recorder/plan";

/** From `from` to `to` s of this device's clock, which the hub's is ahead of by a minute. */
function clip(from: number, to: number, more: Partial<Clip> = {}): Clip {
  return {
    id: `c${from}`, stream: "phone", mime: "video/mp4", fromMs: from * 1000, startErrorMs: 100, lengthMs: (to - from) * 1000, bytes: 1, pieces: 1,
    clock: { offsetMs: 60_000, errorMs: 20 }, state: "kept", upload: null, sent: 0, problem: "", confirmed: false, ...more,
  };
}
const span = (from: number, to: number) => ({ fromMs: (from + 60) * 1000, toMs: (to + 60) * 1000 });
const cut = (from: number, to: number, more: Partial<Missing> = {}): Missing => ({ id: "i", over: true, followup: "awaiting", holes: [span(from, to)], ...span(from, to), ...more });

describe("what of it the hub lacks", () => {
  it("is read from the hub's words, in milliseconds", () => {
    const dto = {
      received_at_us: 0, answered_at_us: 0, unrecorded: [{ from_us: 1000, to_us: 3000 }],
      interruptions: [{ id: "a", started_us: 5_000_000, ended_us: null, followup: null, holes: [] }],
    };
    expect(missingOf(dto)).toEqual([{ id: "a", fromMs: 5000, toMs: Infinity, over: false, followup: null, holes: [] }]);
    expect(unrecordedOf(dto)).toEqual([{ fromMs: 1, toMs: 3 }]);
    expect(unrecordedOf({ ...dto, unrecorded: null })).toEqual([]);
  });

  it("is what overlaps on the hub's clock, its error included", () => {
    expect(touches(clip(0, 30), span(29, 40))).toBe(true);
    expect(touches(clip(0, 30), span(30.1, 40))).toBe(true);
    expect(touches(clip(0, 30), span(30.2, 40))).toBe(false);
    expect(touches(clip(0, 30, { clock: null }), span(0, 30))).toBe(false);
  });
});

describe("what goes to the hub", () => {
  it("is what touches a hole, the oldest first, and nothing else", () => {
    const clips = [clip(60, 90), clip(30, 60), clip(0, 30), clip(90, 120)];
    expect(plan(clips, [cut(40, 70)]).send.map((one) => one.fromMs)).toEqual([30_000, 60_000]);
    expect(plan(clips, [])).toEqual({ send: [], cut: false });
  });

  it("waits for the end of an interruption, whose holes are known only then", () => {
    expect(plan([clip(0, 30)], [cut(10, 20, { over: false, holes: [], toMs: Infinity })]).send).toEqual([]);
  });

  it("is sent once: not what the hub has, or refused", () => {
    const sent = (["here", "stored", "refused"] as const).map((state) => clip(0, 30, { state }));
    expect(plan(sent, [cut(10, 20)]).send).toEqual([]);
    expect(plan([clip(0, 30, { state: "sending" })], [cut(10, 20)]).send).toHaveLength(1);
  });

  it("ends the clip at hand where it holds something that is missing", () => {
    const clips = [clip(0, 30, { state: "recording" })];
    expect(plan(clips, [cut(10, 20)])).toEqual({ send: [], cut: true });
    expect(plan(clips, [cut(40, 50)]).cut).toBe(false);
  });
});

describe("what may be deleted here", () => {
  it("is asked of the hub when it is settled, for a bounded time", () => {
    const now = 1000 * 1000 + 60_000;
    expect(toConfirm([], now, 90_000, 3_600_000)).toBeNull();
    expect(toConfirm([clip(0, 30), clip(980, 1000)], now, 90_000, 3_600_000)).toEqual({ fromMs: 59_880, toMs: 90_120 });
    expect(toConfirm([clip(0, 30, { confirmed: true })], now, 90_000, 3_600_000)).toBeNull();
    expect(toConfirm([clip(0, 30), clip(800, 830)], now, 90_000, 600_000)).toEqual({ fromMs: 59_880, toMs: 90_120 });
  });

  it("is only what lies within the question and lacks nothing", () => {
    const asked = { fromMs: 59_000, toMs: 400_000 };
    const names = (lacking: Parameters<typeof confirmedBy>[2], missing: readonly Missing[] = []): string[] => confirmedBy([clip(0, 30), clip(30, 60), clip(390, 420)], asked, lacking, missing).map((one) => one.id);
    expect(names([])).toEqual(["c0", "c30"]);
    expect(names([span(40, 45)])).toEqual(["c0"]);
    expect(names([span(40, 40.4)])).toEqual(["c0", "c30"]); // a seam
    expect(names([], [cut(10, 20)])).toEqual(["c30"]);
    expect(names([], [cut(35, 40, { holes: [], over: false, toMs: Infinity })])).toEqual(["c0"]); // nobody knows yet
    expect(confirmedBy([clip(0, 30, { state: "recording" })], asked, [], [])).toEqual([]);
    expect(confirmedBy([clip(0, 30, { clock: null })], asked, [], [])).toEqual([]);
  });

  it("is never what the hub has not confirmed, however old it is, and however short of room", () => {
    const day = 86_400_000;
    const clips = [clip(0, 30), clip(30, 60, { state: "refused" }), clip(60, 90, { confirmed: true, state: "sending" })];
    expect(deletable(clips, 365 * day, day, true)).toEqual([]);
  });

  it("is kept for the time that was chosen, and less where room is short", () => {
    const day = 86_400_000;
    const kept = [clip(0, 30, { confirmed: true })];
    expect(deletable(kept, day, day, false)).toEqual([]);
    expect(deletable(kept, day, day, true)).toEqual(kept);
    expect(deletable(kept, day + 30_001, day, false)).toEqual(kept);
  });
});

describe("the room for local recording", () => {
  it("is told by how long it lasts", () => {
    const rate = 250_000; // 2 Mbit/s
    expect(room(rate * 3601, rate)).toBe("enough");
    expect(room(rate * 3599, rate)).toBe("low");
    expect(room(rate * 299, rate)).toBe("full");
    expect(room(60 << 20, 1000)).toBe("full");
    expect(room(0, 0)).toBe("full");
  });
});
