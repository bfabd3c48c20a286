import { describe, expect, it } from "vitest";

import { offsetAt, setZone } from "@/domain/time";
import { dayLook, dayPercent, weeksOf } from "@/playback/calendar";
import { bestActivity, missingNotes, NO_CLIP, notesFrom, officersOf, rangeOf, setIn, setOut } from "@/playback/clip";
import { DAY, PLAYBACK_LIMITS, SECOND, span, ticks, zoom } from "@/timeline/scale";

describe("the calendar", () => {
  setZone("Asia/Shanghai");
  const now = Date.parse("2026-11-21T12:00:00+08:00");
  it("has weeks from Monday on, and each day once", () => {
    const weeks = weeksOf("2026-11", now);
    expect(weeks.every((week) => week.length === 7)).toBe(true);
    expect(weeks.flat().filter((one) => one !== null).map((one) => one.day)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(weeks[0]?.findIndex((one) => one !== null)).toBe(6); // 1 November 2026 is a Sunday
    expect(weeks.flat().find((one) => one?.day === 21)).toMatchObject({ key: "2026-11-21", fromMs: Date.parse("2026-11-20T16:00:00Z"), toMs: Date.parse("2026-11-21T16:00:00Z"), future: false });
    expect(weeks.flat().find((one) => one?.day === 22)?.future).toBe(true);
  });
  it("never calls complete what is not", () => {
    expect([dayLook(1, false), dayLook(0.9998, false), dayLook(0.5, false), dayLook(null, false), dayLook(1, true)]).toEqual(["full", "partly", "poor", "off", "future"]);
    expect([dayPercent(0.9999), dayPercent(0.5), dayPercent(0)]).toEqual(["99%", "50%", "0%"]);
  });
});

describe("the line", () => {
  it("zooms from a month to a second, with ticks at both ends", () => {
    let view = { from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 11, 2) };
    const at = Date.UTC(2026, 10, 20, 8);
    expect(ticks(view, 900, 90).length).toBeGreaterThan(3);
    for (let i = 0; i < 60; i += 1) view = zoom(view, 0.6, at);
    view = zoom(view, 0.01, at, PLAYBACK_LIMITS);
    expect(span(view)).toBe(1200); // the wall's least is two minutes
    view = zoom(view, 0.01, at, PLAYBACK_LIMITS);
    expect(span(view)).toBe(SECOND);
    expect(ticks(view, 900, 90).map((one) => one.label)).toContain(`${String(new Date(at + offsetAt(at)).getUTCHours()).padStart(2, "0")}:00:00.2`);
    expect(span(zoom(view, 1e9, at, PLAYBACK_LIMITS))).toBe(31 * DAY);
  });
});

describe("a clip", () => {
  it("has both marks, in order", () => {
    expect(rangeOf(NO_CLIP)).toBeNull();
    const clip = setOut(setIn(NO_CLIP, 1000), 5000);
    expect(rangeOf(clip)).toEqual({ from: 1000, to: 5000 });
    expect(setIn(clip, 6000)).toEqual({ inMs: 6000, outMs: null });
    expect(setOut(clip, 500)).toEqual({ inMs: null, outMs: 500 });
  });
  const activity = {
    matter: "占道经营检查", cause: "", party: "王某", case_number: "冀〔2026〕1号", place: "人民路", mode: "full", device: "DSJ-7", began_at: "2026-11-20T08:00:00Z", ended_at: "2026-11-20T08:10:00Z",
    officers: [{ name: "李雷", certificate: "冀A-1", assistant: false }, { name: "小王", certificate: "", assistant: true }],
  };
  it("takes its notes from the activity that shares most of its time, as a package words them", () => {
    const at = Date.parse("2026-11-20T08:08:00Z");
    const later = { ...activity, began_at: "2026-11-20T08:10:00Z", ended_at: null };
    expect(bestActivity([activity, later], { from: at, to: at + 600_000 }, at + 900_000)).toBe(later);
    expect(bestActivity([activity], { from: at + 900_000, to: at + 960_000 }, at)).toBeUndefined();
    const notes = notesFrom(activity);
    expect(notes).toEqual({ matter: "占道经营检查，当事人王某，冀〔2026〕1号", place: "人民路", method: "全程音像记录，设备编号DSJ-7", officers: "李雷（执法证号冀A-1）\n小王，协助人员" });
    expect(missingNotes({ ...notes, place: "  " })).toEqual(["place"]);
    expect(officersOf(notes.officers)).toEqual(["李雷（执法证号冀A-1）", "小王，协助人员"]);
  });
});
