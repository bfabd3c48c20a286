import { beforeAll, describe, expect, it } from "vitest";

import { setZone } from "@/domain/time";
import { fits, isDay, lastDays, lastMonth, rangeOf, thisMonth } from "@/screens/inspection/period";

/** 01:30 of 1 March in Shanghai; still February elsewhere. */
const NOW = Date.parse("2026-02-28T17:30:00Z");

beforeAll(() => setZone("Asia/Shanghai"));

describe("days of an inspection", () => {
  it("reach from the first midnight to the one after the last day", () => {
    const { from, to } = rangeOf({ from: "2026-02-27", to: "2026-02-28" });
    expect(from).toBe("2026-02-26T16:00:00.000Z");
    expect(to).toBe("2026-02-28T16:00:00.000Z");
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
