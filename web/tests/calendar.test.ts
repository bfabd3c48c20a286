import { describe, expect, it } from "vitest";

import { addDays, addMonths, alike, clockIn, clockOf, dayIn, daysOf, faultOf, hoursFault, type Judged, momentIn, type PieceDto, plans, type Span, spanText, weekdayOf, weeksOf } from "@/domain/calendar";

const ZONE = "Asia/Shanghai";
const at = (text: string): string => new Date(`${text}:00+08:00`).toISOString();
const piece = (from: string, to: string, due: boolean | null, judged: Judged, detail = ""): PieceDto => ({ from: at(from), to: at(to), due, judged, detail, year_missing: false });

describe("days in the hub's zone", () => {
  it("are those of the hall's wall clock, wherever the browser stands", () => {
    const ms = Date.parse("2026-11-20T16:30:00Z");
    expect([dayIn(ZONE, ms), clockIn(ZONE, ms)]).toEqual(["2026-11-21", "00:30"]);
    expect([dayIn("America/New_York", ms), clockIn("America/New_York", ms)]).toEqual(["2026-11-20", "11:30"]);
    expect(momentIn(ZONE, "2026-11-20", "09:00")).toBe(Date.parse("2026-11-20T01:00:00Z"));
  });

  it("follow a change of summer time", () => {
    const zone = "Europe/Berlin";
    expect(momentIn(zone, "2026-03-30") - momentIn(zone, "2026-03-29")).toBe(23 * 3_600_000);
    expect(momentIn(zone, "2026-10-26") - momentIn(zone, "2026-10-25")).toBe(25 * 3_600_000);
  });

  it("make months and weeks from Monday on", () => {
    expect(daysOf("2028-02")).toHaveLength(29);
    expect(addDays("2026-12-31", 1)).toBe("2027-01-01");
    expect([addMonths("2026-12", 1), addMonths("2026-01", -1), addMonths("2026-05", -17)]).toEqual(["2027-01", "2025-12", "2024-12"]);
    expect(weekdayOf("2026-11-20")).toBe(4);
    const weeks = weeksOf("2026-11");
    expect(weeks[0]).toEqual([null, null, null, null, null, null, "2026-11-01"]);
    expect(weeks.every((week) => week.length === 7)).toBe(true);
    expect(weeks.flat().filter(Boolean)).toHaveLength(30);
    expect(weeksOf("2027-02")).toHaveLength(4);
  });
});

describe("a day's plan", () => {
  it("tells what decided, not the breaks within", () => {
    const found = plans([
      piece("2026-11-20T00:00", "2026-11-20T09:00", false, "closed"), piece("2026-11-20T09:00", "2026-11-20T12:00", true, "hours"),
      piece("2026-11-20T12:00", "2026-11-20T13:30", false, "break"), piece("2026-11-20T13:30", "2026-11-20T17:30", true, "hours"),
      piece("2026-11-20T17:30", "2026-11-23T09:00", false, "closed"), piece("2026-11-23T09:00", "2026-11-24T00:00", true, "makeup"),
    ], ZONE);
    expect([...found.keys()]).toEqual(["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]);
    expect(found.get("2026-11-20")).toMatchObject({ judged: "hours", hours: [["09:00", "12:00"], ["13:30", "17:30"]], mixed: false });
    expect(found.get("2026-11-21")).toMatchObject({ judged: "closed", hours: [] });
    expect(found.get("2026-11-23")).toMatchObject({ judged: "makeup", hours: [["09:00", "24:00"]] });
  });

  it("names the holiday and the exception, and says when hours changed within a day", () => {
    const found = plans([
      piece("2026-10-01T00:00", "2026-10-02T00:00", false, "holiday", "国庆节"), piece("2026-10-02T00:00", "2026-10-03T00:00", false, "exception", "停电"),
      piece("2026-10-03T00:00", "2026-10-03T10:00", null, "no_calendar"), piece("2026-10-03T10:00", "2026-10-03T17:00", true, "hours"),
    ], ZONE);
    expect(found.get("2026-10-01")).toMatchObject({ judged: "holiday", detail: "国庆节", hours: [] });
    expect(found.get("2026-10-02")).toMatchObject({ judged: "exception", detail: "停电" });
    expect(found.get("2026-10-03")).toMatchObject({ judged: "hours", mixed: true });
    const closed = plans([
      piece("2026-10-09T00:00", "2026-10-09T09:00", null, "no_calendar"), piece("2026-10-09T09:00", "2026-10-09T10:00", true, "hours"),
      piece("2026-10-09T10:00", "2026-10-10T00:00", false, "exception", "停电"),
    ], ZONE);
    expect(closed.get("2026-10-09"), "what it came to").toMatchObject({ judged: "exception", detail: "停电", hours: [["09:00", "10:00"]], mixed: true });
  });
});

describe("hours that are typed", () => {
  it("are understood as people write them", () => {
    expect(["9", "930", "0930", "9:30", "9：30", "17.05", "24", "24:00", " 8:5 "].map(clockOf)).toEqual(["09:00", "09:30", "09:30", "09:30", "09:30", "17:05", "24:00", "24:00", "08:05"]);
    expect(["", "25", "24:01", "9:60", "abc", "1:2:3", "-1"].map(clockOf)).toEqual(Array(7).fill(null));
  });

  it("are refused as the hub would refuse them", () => {
    const day = (...spans: Span[]) => faultOf(spans);
    expect(day(["09:00", "12:00"], ["13:30", "17:30"])).toBeNull();
    expect(day(["09:00", "12:00"], ["12:00", "24:00"])).toBeNull();
    expect(day(["9:00", "12:00"])).toBe("badTime");
    expect(day(["12:00", "12:00"])).toBe("endsFirst");
    expect(day(["22:00", "06:00"])).toBe("endsFirst");
    expect(day(["09:00", "12:00"], ["11:00", "13:00"])).toBe("overlap");
    expect(faultOf(Array<Span>(13).fill(["09:00", "10:00"]))).toBe("tooMany");
  });

  it("need those of make-up days where the week's days differ", () => {
    const work: Span[] = [["09:00", "17:00"]];
    const weekly = { mon: work, tue: work, wed: work, thu: work, fri: work };
    expect(alike({ weekly })).toBe(true);
    expect(hoursFault({ weekly })).toBeNull();
    const short = { weekly: { ...weekly, fri: [["09:00", "12:00"]] as Span[] } };
    expect(hoursFault(short)).toEqual({ fault: "makeupMissing", where: "makeup" });
    expect(hoursFault({ ...short, makeup: work })).toBeNull();
    expect(hoursFault({ ...short, holidays: "ignored" })).toBeNull();
    expect(hoursFault({ weekly, holiday: [["10:00", "09:00"]] })).toEqual({ fault: "endsFirst", where: "holiday" });
    expect(spanText([["09:00", "12:00"], ["13:30", "17:30"]])).toBe("09:00–12:00  13:30–17:30");
  });
});
