/** Days as a person chooses them, and the range that the hub is asked for. Pure. */
import { addDays, momentIn } from "@/domain/calendar";
import { dateOf, hubZone } from "@/domain/time";

export interface Days {
  from: string;
  /** Included. */
  to: string;
}

const DAY = /^20\d\d-\d\d-\d\d$/;
export const isDay = (text: unknown): text is string => typeof text === "string" && DAY.test(text) && !Number.isNaN(Date.parse(text));

const midnight = (day: string): Date => new Date(momentIn(hubZone(), day));

/** From the first midnight to the one after the last day, in the hub's zone. */
export const rangeOf = (days: Days): { from: string; to: string } => ({ from: midnight(days.from).toISOString(), to: midnight(addDays(days.to, 1)).toISOString() });

export const lastDays = (nowMs: number, count: number): Days => ({ from: addDays(dateOf(nowMs), 1 - count), to: dateOf(nowMs) });
export const thisMonth = (nowMs: number): Days => ({ from: `${dateOf(nowMs).slice(0, 7)}-01`, to: dateOf(nowMs) });
export const lastMonth = (nowMs: number): Days => {
  const last = addDays(thisMonth(nowMs).from, -1);
  return { from: `${last.slice(0, 7)}-01`, to: last };
};

/** Whether the days are in order and no more than a year. */
export const fits = (days: Days): boolean => isDay(days.from) && isDay(days.to) && days.from <= days.to && Date.parse(days.to) - Date.parse(days.from) < 366 * 86_400_000;
