/** The month as a calendar shows it. Pure; local days. */

export interface Day {
  /** 2026-11-20, as the hub's periods are called. */
  readonly key: string;
  readonly day: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly future: boolean;
}

const two = (n: number): string => String(n).padStart(2, "0");
export const dayKey = (ms: number): string => {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`;
};

/** Weeks from Monday on; null: a day of another month. */
export function weeksOf(year: number, month: number, nowMs: number): (Day | null)[][] {
  const count = new Date(year, month + 1, 0).getDate();
  const lead = (new Date(year, month, 1).getDay() + 6) % 7;
  const cells: (Day | null)[] = Array.from({ length: lead }, () => null);
  for (let day = 1; day <= count; day += 1) {
    const fromMs = new Date(year, month, day).getTime();
    cells.push({ key: dayKey(fromMs), day, fromMs, toMs: new Date(year, month, day + 1).getTime(), future: fromMs > nowMs });
  }
  while (cells.length % 7 !== 0) cells.push(null);
  return Array.from({ length: cells.length / 7 }, (_, week) => cells.slice(week * 7, week * 7 + 7));
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
