/** Positions of devices: how old, where on a track, and of a track only the points that its shape needs. Pure. */
import type { PointDto } from "@/api/types";

import { STALE_REPORT_MS } from "./tile-info";

const SECOND = 1000;
const EARTH_M = 6_371_008.8;

export interface Age {
  /** Of the words `map.age`. */
  readonly key: "seconds" | "minutes" | "hours" | "days";
  readonly n: number;
  /** Older than this it may no longer be there: it is said, and drawn otherwise. */
  readonly old: boolean;
}

export function ageOf(atUs: number, nowMs: number): Age {
  const s = Math.max(0, Math.floor((nowMs - atUs / 1000) / SECOND));
  const old = s * SECOND > STALE_REPORT_MS;
  if (s < 60) return { key: "seconds", n: s, old };
  if (s < 3600) return { key: "minutes", n: Math.floor(s / 60), old };
  return s < 86_400 ? { key: "hours", n: Math.floor(s / 3600), old } : { key: "days", n: Math.floor(s / 86_400), old };
}

type Place = Pick<PointDto, "lat" | "lon">;

export function metres(a: Place, b: Place): number {
  const rad = Math.PI / 180;
  const x = (b.lon - a.lon) * rad * Math.cos(((a.lat + b.lat) / 2) * rad);
  return Math.hypot(x, (b.lat - a.lat) * rad) * EARTH_M;
}

/** Metres from a place to the straight way between two others. */
function aside(place: Place, from: Place, to: Place): number {
  const rad = Math.PI / 180;
  const scale = Math.cos(from.lat * rad);
  const at = (one: Place): [number, number] => [(one.lon - from.lon) * rad * scale * EARTH_M, (one.lat - from.lat) * rad * EARTH_M];
  const [px, py] = at(place);
  const [tx, ty] = at(to);
  const length = tx * tx + ty * ty;
  const share = length === 0 ? 0 : Math.min(1, Math.max(0, (px * tx + py * ty) / length));
  return Math.hypot(px - share * tx, py - share * ty);
}

/** Of a track what its shape needs: no point that is left out lies further from the line than this (Douglas–Peucker). First and last stay. */
export function simplify<T extends Place>(points: readonly T[], withinM: number): T[] {
  if (points.length < 3) return [...points];
  const kept = new Uint8Array(points.length);
  kept[0] = kept[points.length - 1] = 1;
  const parts: [number, number][] = [[0, points.length - 1]];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const [from, to] = part;
    let furthest = 0;
    let most = withinM;
    for (let index = from + 1; index < to; index += 1) {
      const by = aside(points[index] as T, points[from] as T, points[to] as T);
      if (by > most) [furthest, most] = [index, by];
    }
    if (furthest === 0) continue;
    kept[furthest] = 1;
    parts.push([from, furthest], [furthest, to]);
  }
  return points.filter((_, index) => kept[index] === 1);
}

/** A pause longer than this is no way: nobody knows where it was. Positions come at least each minute. */
export const PAUSE_MS = 150_000;

/** The parts of a track between which nothing is known. */
export function legs<T extends { at_us: number }>(points: readonly T[]): T[][] {
  const found: T[][] = [];
  for (const point of points) {
    const last = found.at(-1)?.at(-1);
    if (last === undefined || point.at_us - last.at_us > PAUSE_MS * 1000) found.push([point]);
    else found.at(-1)?.push(point);
  }
  return found;
}

/** The newest position at a moment; undefined before the first. */
export function pointAt<T extends { at_us: number }>(points: readonly T[], atMs: number): T | undefined {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle] as T).at_us <= atMs * 1000) low = middle + 1;
    else high = middle;
  }
  return points[low - 1];
}

/** Points to write a time beside: first, last, and between them not more than so many, evenly in time. */
export function labelled<T extends { at_us: number }>(points: readonly T[], most: number): T[] {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return [];
  const step = (last.at_us - first.at_us) / Math.max(1, most - 1);
  const found: T[] = [];
  for (const point of points) if (found.length === 0 || point === last || point.at_us - (found.at(-1) as T).at_us >= step) found.push(point);
  return found;
}

export const lengthM = (points: readonly Place[]): number => points.reduce((sum, point, index) => sum + (index === 0 ? 0 : metres(points[index - 1] as Place, point)), 0);
