import { describe, expect, it } from "vitest";

import { hoursText, points, scaleFrom, sorted } from "@/domain/report";

describe("the month's report", () => {
  it("has a scale on which differences are seen, round and below the worst day", () => {
    expect([[1, 1, null], [0.9993, 1], [0.994], [0.93, 0.99], [0.6], [0.2], [null], []].map(scaleFrom)).toEqual([0.999, 0.999, 0.99, 0.9, 0.5, 0, 0, 0]);
  });

  it("never shows something as nothing, nor a change without its sign", () => {
    expect([0, 0.2, 59.9, 3661, 633_600].map(hoursText)).toEqual(["0:00:00", "0:00:01", "0:00:59", "1:01:01", "176:00:00"]);
    expect([0.0125, -0.5, 0.00001].map(points)).toEqual(["+1.25", "−50.00", "±0.00"]);
  });

  it("sorts windows as people count, and those without a rate last whichever way", () => {
    const row = (name: string, completeness: number | null, cuts = 0) =>
      ({ name, stream: name, completeness, due_s: 0, unexplained_s: 0, missing_s: 0, change: null, interruptions: [{ count: cuts }], no_sound_days: [] });
    const rows = [row("10号窗口", 0.9, 3), row("2号窗口", null), row("1号窗口", 1, 3)];
    const names = (...given: Parameters<typeof sorted>): string[] => sorted(...given).map((one) => one.name.slice(0, -3));
    expect(names(rows, "name", false)).toEqual(["1", "2", "10"]);
    expect(names(rows, "completeness", false)).toEqual(["10", "1", "2"]);
    expect(names(rows, "completeness", true)).toEqual(["1", "10", "2"]);
    expect(names(rows, "interruptions", true)).toEqual(["1", "10", "2"]);
  });
});
