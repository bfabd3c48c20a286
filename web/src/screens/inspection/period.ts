/** Days as a person chooses them, and the range that the hub is asked for. Pure. */
import { dateOf } from "@/domain/time";

export interface Days {
  from: string;
  /** Included. */
  to: string;
}

const DAY = /^20\d\d-\d\d-\d\d$/;
export const isDay = (text: unknown): text is string => typeof text === "string" && DAY.test(text) && !Number.isNaN(Date.parse(text));

const midnight = (day: string, days = 0): Date => {
  const [year, month, date] = day.split("-").map(Number) as [number, number, number];
  return new Date(year, month - 1, date + days);
};

/** From the first midnight to the one after the last day, local time. */
export const rangeOf = (days: Days): { from: string; to: string } => ({ from: midnight(days.from).toISOString(), to: midnight(days.to, 1).toISOString() });

export const lastDays = (nowMs: number, count: number): Days => ({ from: dateOf(midnight(dateOf(nowMs), 1 - count).getTime()), to: dateOf(nowMs) });
export const thisMonth = (nowMs: number): Days => ({ from: `${dateOf(nowMs).slice(0, 7)}-01`, to: dateOf(nowMs) });
export const lastMonth = (nowMs: number): Days => {
  const last = midnight(thisMonth(nowMs).from, -1).getTime();
  return { from: `${dateOf(last).slice(0, 7)}-01`, to: dateOf(last) };
};

/** Whether the days are in order and no more than a year. */
export const fits = (days: Days): boolean => isDay(days.from) && isDay(days.to) && days.from <= days.to && midnight(days.to).getTime() - midnight(days.from).getTime() < 366 * 86_400_000;
