/** Times for people. Always the hub's zone, whatever this machine is set to; 24 h, digits of fixed width. */
import { momentIn, offsetIn } from "./calendar";

let zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** By quarter of an hour: no zone changes within one. */
const offsets = new Map<number, number>();
const QUARTER = 900_000;
const MOST_OFFSETS = 2000;

/** The hub says it with each sign-in (`HUB_TIME_ZONE`). One that this browser does not know leaves its own. */
export function setZone(name: string): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
  } catch {
    return;
  }
  zone = name;
  offsets.clear();
}

export const hubZone = (): string => zone;

/** East of UTC is positive. */
export function offsetAt(ms: number): number {
  const quarter = Math.floor(ms / QUARTER);
  let found = offsets.get(quarter);
  if (found === undefined) {
    if (offsets.size >= MOST_OFFSETS) offsets.clear();
    found = offsetIn(zone, quarter * QUARTER);
    offsets.set(quarter, found);
  }
  return found;
}

/** A date whose UTC fields are what the hub's clock on the wall says. */
const wall = (ms: number): Date => new Date(ms + offsetAt(ms));

const pad = (n: number, width = 2): string => String(n).padStart(width, "0");

export function clockTime(ms: number): string {
  const d = wall(ms);
  return `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}`;
}

export function clockTimeTenths(ms: number): string {
  return `${clockTime(ms)}.${Math.floor((((ms % 1000) + 1000) % 1000) / 100)}`;
}

export function clockTimeMs(ms: number): string {
  return `${clockTime(ms)}.${pad(Math.floor(((ms % 1000) + 1000) % 1000), 3)}`;
}

export function dateOf(ms: number): string {
  const d = wall(ms);
  return `${d.getUTCFullYear()}-${pad(d.getUTCMonth() + 1)}-${pad(d.getUTCDate())}`;
}

export const startOfDay = (ms: number): number => momentIn(zone, dateOf(ms));

/** What a `datetime-local` field says, in the hub's zone; NaN of an empty one. */
export const momentOfField = (text: string): number => (text === "" ? Number.NaN : momentIn(zone, text.slice(0, 10), text.slice(11, 16)));

/** Date pickers know this machine's zone alone: theirs that shows the hub's clock, and the moment that such a one means. */
export function pickerDate(ms: number): Date {
  const d = wall(ms);
  return new Date(d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds(), d.getUTCMilliseconds());
}

export function momentOfPicker(shown: Date): number {
  const day = `${shown.getFullYear()}-${pad(shown.getMonth() + 1)}-${pad(shown.getDate())}`;
  const clock = `${pad(shown.getHours())}:${pad(shown.getMinutes())}`;
  return momentIn(zone, day, clock) + shown.getSeconds() * 1000 + shown.getMilliseconds();
}

/** `07` s as 00:07, an hour as 1:00:00, a day as 24:00:00. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(s / 3600);
  const rest = `${pad(Math.floor((s % 3600) / 60))}:${pad(s % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** Short ones to a tenth, as a list shows them: 0.8 s, 12.4 s, 01:15. */
export function durationShort(ms: number): string {
  return ms < 60_000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : duration(ms);
}

/** 0.99973 → 99.97 %. Rounded down: what is not complete never reads 100 %. */
export function percent(share: number): string {
  const hundredths = Math.floor(share * 10_000 + 1e-6);
  return hundredths >= 10_000 ? "100 %" : `${(hundredths / 100).toFixed(2)} %`;
}
