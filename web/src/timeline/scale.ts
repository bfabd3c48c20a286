/** The time line's arithmetic: what is seen, where a moment lies, which ticks are written. Pure; ms and CSS pixels. */
import { clockTime, clockTimeMs, dateOf, offsetAt } from "@/domain/time";

export interface View {
  readonly from: number;
  readonly to: number;
}

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const SHORTEST = 2 * MINUTE;
export const LONGEST = DAY;
/** How far one may zoom in and out: the wall's line, and playback's. */
export const WALL_LIMITS = { shortest: SHORTEST, longest: LONGEST };
export const PLAYBACK_LIMITS = { shortest: SECOND, longest: 31 * DAY };
export const PRESETS = [5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY] as const;

/** Where "now" stands while the line follows it: a little room to the right says that time goes on. */
const NOW_AT = 0.96;

export const span = (view: View): number => view.to - view.from;

export const xOf = (view: View, width: number, at: number): number => ((at - view.from) / span(view)) * width;

export const timeAt = (view: View, width: number, x: number): number => view.from + (x / width) * span(view);

export function following(now: number, length: number): View {
  const from = now - length * NOW_AT;
  return { from, to: from + length };
}

/** Zoom by a factor (< 1 is in) with the moment under the pointer standing still. */
export function zoom(view: View, factor: number, anchor: number, limits = WALL_LIMITS): View {
  const length = Math.min(limits.longest, Math.max(limits.shortest, span(view) * factor));
  const share = (anchor - view.from) / span(view);
  const from = anchor - share * length;
  return { from, to: from + length };
}

/** Move, but never so far that now is out of sight to the left: there is nothing in the future. */
export function pan(view: View, by: number, now: number): View {
  const limit = following(now, span(view)).from;
  const from = Math.min(view.from + by, limit);
  return { from, to: from + span(view) };
}

/** Whether the view stands where "follow now" would put it, give or take 2 %. */
export const isAtNow = (view: View, now: number): boolean =>
  Math.abs(view.from - following(now, span(view)).from) < span(view) * 0.02;

const STEPS = [
  50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
  15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY,
] as const;

export interface Tick {
  readonly at: number;
  readonly x: number;
  readonly label: string;
  /** Midnight: the label is the date. */
  readonly day: boolean;
}

/** Round times of the hub's zone at least `apart` pixels from each other. */
export function ticks(view: View, width: number, apart: number): Tick[] {
  if (width <= 0) return [];
  const step = STEPS.find((s) => (s / span(view)) * width >= apart) ?? 5 * DAY;
  const zone = -offsetAt(view.from);
  const list: Tick[] = [];
  for (let at = Math.ceil((view.from - zone) / step) * step + zone; at <= view.to; at += step) {
    const day = clockTimeMs(at) === "00:00:00.000";
    list.push({ at, x: xOf(view, width, at), label: label(at, day, step), day });
  }
  return list;
}

function label(at: number, day: boolean, step: number): string {
  if (day) return dateOf(at).slice(5);
  if (step >= MINUTE) return clockTime(at).slice(0, 5);
  return step < SECOND ? clockTimeMs(at).slice(0, step < 100 ? 12 : 10) : clockTime(at);
}
