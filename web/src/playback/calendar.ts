/** The month as a calendar shows it. Pure; days of the hub's zone. */
import { addDays, momentIn, weeksOf as weeksOfDays } from "@/domain/calendar";
import { hubZone } from "@/domain/time";

export interface Day {
  /** 2026-11-20, as the hub's periods are called. */
  readonly key: string;
  readonly day: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly future: boolean;
}

/** Weeks of a month (2026-11) from Monday on; null: a day of another month. */
export function weeksOf(month: string, nowMs: number): (Day | null)[][] {
  const begin = (day: string): number => momentIn(hubZone(), day);
  const cell = (key: string): Day => ({ key, day: Number(key.slice(8)), fromMs: begin(key), toMs: begin(addDays(key, 1)), future: begin(key) > nowMs });
  return weeksOfDays(month).map((week) => week.map((day) => (day === null ? null : cell(day))));
}

export type DayLook = "full" | "partly" | "poor" | "off" | "future";

/** Completeness of a day in a colour; what is not complete is never called so. */
export function dayLook(share: number | null | undefined, future: boolean): DayLook {
  if (future) return "future";
  if (share === null || share === undefined) return "off";
  return share >= 0.99995 ? "full" : share >= 0.95 ? "partly" : "poor";
}

/** The number in the cell: 99 for 99.97 %, never rounded up. */
export const dayPercent = (share: number): string => `${Math.floor(share * 100 + 1e-6)}%`;
