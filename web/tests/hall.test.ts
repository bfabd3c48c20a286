import { describe, expect, it } from "vitest";

import type { StreamKind, StreamState, StreamStatus } from "@/api/types";
import type { PieceDto } from "@/domain/calendar";
import { type HallFault, type HallWindow, isHint, lineView, openingOf, PROBLEMS, stepIn, verdictOf } from "@/domain/hall";

const piece = (from: string, to: string, due: boolean | null, judged: PieceDto["judged"], detail = ""): PieceDto =>
  ({ from: `2026-11-20T${from}:00Z`, to: `2026-11-20T${to}:00Z`, due, judged, detail, year_missing: false });
const DAY = [piece("00:00", "01:00", false, "closed"), piece("01:00", "04:00", true, "hours"), piece("04:00", "05:30", false, "break"), piece("05:30", "09:30", true, "hours"), piece("09:30", "16:00", false, "closed")];
const at = (clock: string): number => Date.parse(`2026-11-20T${clock}:00Z`);
const window = (faults: Partial<HallFault>[] = [], pieces = DAY): HallWindow =>
  ({ stream: "w", pieces, no_sound: false, faults: faults.map((one) => ({ id: "i", kind: "black", state: "confirmed", since: "", picture: false, ...one })) });
const SOUND = { id: 2, kind: "audio" as const, codec: "aac", channels: 1 };
const PICTURE = { id: 1, kind: "video" as const, codec: "h264", channels: 0 };

function seen(state: StreamState, more: { tracks?: (typeof SOUND | typeof PICTURE)[]; bps?: number; kind?: StreamKind; black?: boolean | null; window?: HallWindow; fault?: StreamStatus["fault"] } = {}) {
  const status = { state, since: null, tracks: more.tracks ?? [PICTURE, SOUND], device: "", bitrate_bps: more.bps ?? 1, complaint: null, fault: more.fault ?? null };
  return verdictOf({ stream: { kind: more.kind ?? "window", status }, window: more.window ?? window(), black: more.black ?? false });
}

describe("a window before the opening", () => {
  it("is ready when pictures and sound come, whatever the hour", () => {
    for (const state of ["live", "off_duty"] as const) expect(seen(state)).toEqual({ problems: [], ready: true, worst: null });
  });

  it("is not ready when nothing comes", () => {
    expect(seen("interrupted").worst).toBe("interrupted");
    expect(seen("waiting", { tracks: [] }).worst).toBe("not_connected");
    expect(seen("off_duty", { bps: 0 }).worst).toBe("not_delivering");
    expect(seen("off_duty", { tracks: [] }).worst).toBe("not_delivering");
    expect(seen("live", { fault: { reason: "other" } as StreamStatus["fault"] }).worst).toBe("retired_device");
  });

  it("is black by its newest picture, also while nothing else looks", () => {
    expect(seen("off_duty", { black: true })).toMatchObject({ ready: false, worst: "black" });
    expect(seen("waiting", { black: true, tracks: [] }).problems).toEqual(["not_connected"]);
    expect(seen("live", { window: window([{ kind: "covered" }, { kind: "loss" }, { kind: "black", state: "suspected" }]) }).problems).toEqual(["covered"]);
  });

  it("must be heard; a room need not", () => {
    expect(seen("live", { tracks: [PICTURE] })).toMatchObject({ ready: false, worst: "no_sound" });
    expect(seen("live", { tracks: [PICTURE], kind: "room" }).ready).toBe(true);
    expect(seen("live", { window: window([{ kind: "silent" }]) }).worst).toBe("silent");
  });

  it("may open with a hint, which is said", () => {
    expect(seen("live", { window: window([{ kind: "blurred" }]) })).toEqual({ problems: ["blurred"], ready: true, worst: "blurred" });
    expect(seen("live", { window: window([], [piece("00:00", "16:00", null, "no_calendar")]) }).problems).toEqual(["no_calendar"]);
    expect(PROBLEMS.filter(isHint)).toHaveLength(4);
  });
});

describe("a hall's day", () => {
  it("goes from before over a break to after", () => {
    const phases = ["00:30", "02:00", "04:30", "06:00", "10:00"].map((clock) => openingOf([window()], at(clock)).phase);
    expect(phases).toEqual(["before", "open", "break", "open", "after"]);
    expect(openingOf([window()], at("00:30"))).toMatchObject({ opensMs: at("01:00"), closesMs: at("09:30"), nextMs: at("01:00"), differ: false, reason: { judged: "hours" } });
    expect(openingOf([window()], at("04:30")).nextMs).toBe(at("05:30"));
  });

  it("is closed for a reason, or always due without a calendar", () => {
    const holiday = [window([], [piece("00:00", "16:00", false, "holiday", "国庆节")])];
    expect(openingOf(holiday, at("02:00"))).toMatchObject({ phase: "closed", reason: { judged: "holiday", detail: "国庆节" } });
    expect(openingOf([window([], [piece("00:00", "16:00", null, "no_calendar")])], 0).phase).toBe("always");
    expect(openingOf([], 0)).toMatchObject({ phase: "closed", reason: null });
    expect(openingOf([window(), ...holiday], at("02:00"))).toMatchObject({ phase: "open", differ: true });
  });

  it("has one scale for all lines: its hours with some room, within the day", () => {
    const day = { from: at("00:00"), to: at("16:00") };
    expect(lineView(openingOf([window()], 0), day)).toEqual({ from: at("00:30"), to: at("10:00") });
    expect(lineView({ opensMs: null, closesMs: null }, day)).toEqual(day);
    expect(lineView({ opensMs: day.from, closesMs: day.to }, day)).toEqual(day);
  });
});

describe("arrow keys among the windows", () => {
  it("stay within", () => {
    const go = (place: number, key: string) => stepIn(place, 10, 4, key);
    expect([go(0, "ArrowRight"), go(0, "ArrowDown"), go(5, "ArrowUp"), go(9, "ArrowRight"), go(7, "ArrowDown"), go(0, "ArrowLeft"), go(3, "End"), go(3, "Home"), go(3, "x")]).toEqual([1, 4, 1, 9, 7, 0, 9, 0, 3]);
  });
});
