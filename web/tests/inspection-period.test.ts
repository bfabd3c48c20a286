import { describe, expect, it } from "vitest";

import { fits, isDay, lastDays, lastMonth, rangeOf, thisMonth } from "@/screens/inspection/period";

const NOW = new Date(2026, 2, 1, 9, 30).getTime();

describe("days of an inspection", () => {
  it("reach from the first midnight to the one after the last day", () => {
    const { from, to } = rangeOf({ from: "2026-02-27", to: "2026-02-28" });
    expect(new Date(from)).toEqual(new Date(2026, 1, 27));
    expect(new Date(to)).toEqual(new Date(2026, 2, 1));
  });

  it("of the usual periods end today, or with the month before", () => {
    expect(lastDays(NOW, 7)).toEqual({ from: "2026-02-23", to: "2026-03-01" });
    expect(thisMonth(NOW)).toEqual({ from: "2026-03-01", to: "2026-03-01" });
    expect(lastMonth(NOW)).toEqual({ from: "2026-02-01", to: "2026-02-28" });
  });

  it("fit in order and within a year alone", () => {
    expect(fits({ from: "2026-01-01", to: "2026-01-01" })).toBe(true);
    expect(fits({ from: "2026-01-02", to: "2026-01-01" })).toBe(false);
    expect(fits({ from: "2024-01-01", to: "2026-01-01" })).toBe(false);
    expect(fits({ from: "", to: "2026-01-01" })).toBe(false);
    expect(isDay("2026-13-45")).toBe(false);
    expect(isDay(7)).toBe(false);
  });
});
