/** The name and the words of a saved picture. */
import { clockTimeMs, dateOf, offsetAt } from "./time";

/** `window-01_2026-11-21_16-40-12.345.png`: the stream, and the time of the picture in the hub's zone. */
export function grabName(stream: string, atMs: number): string {
  return `${stream}_${dateOf(atMs)}_${clockTimeMs(atMs).replaceAll(":", "-")}.png`;
}

/** `2026-11-21 16:40:12.345 +08:00` */
export function grabTime(atMs: number): string {
  const offset = offsetAt(atMs) / 60_000;
  const pad = (n: number): string => String(n).padStart(2, "0");
  const zone = `${offset < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  return `${dateOf(atMs)} ${clockTimeMs(atMs)} ${zone}`;
}

export const hex = (digest: ArrayBuffer): string => [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
