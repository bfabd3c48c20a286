/** Times for people. Always local time of the command centre, 24 h, digits of fixed width. */

const pad = (n: number, width = 2): string => String(n).padStart(width, "0");

export function clockTime(ms: number): string {
  const d = new Date(ms);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

export function clockTimeTenths(ms: number): string {
  return `${clockTime(ms)}.${Math.floor((((ms % 1000) + 1000) % 1000) / 100)}`;
}

export function clockTimeMs(ms: number): string {
  return `${clockTime(ms)}.${pad(Math.floor(((ms % 1000) + 1000) % 1000), 3)}`;
}

export function dateOf(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
}

export function startOfDay(ms: number): number {
  return new Date(ms).setHours(0, 0, 0, 0);
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
