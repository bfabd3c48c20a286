/** Which stream stands on which place of a wall. Pure; every function gives a new arrangement. */
import { SPLITS, type Split } from "./split";

/** A stream's id; "" is empty; null is a stream that this person may not see: it is left where it is. */
export type Place = string | null;

export interface Arrangement {
  readonly split: Split;
  /** At least as many as the split: what a smaller split hides comes back with a larger one. */
  readonly places: readonly Place[];
}

export const EMPTY = "";
const MOST = 16;

export function arranged(split: Split, places: readonly Place[]): Arrangement {
  const length = Math.max(split, places.length);
  return { split, places: Array.from({ length }, (_, i) => (places[i] === undefined ? EMPTY : places[i])) };
}

/** The places in sight: as many as the split. */
export const inSight = (a: Arrangement): Place[] => a.places.slice(0, a.split);

/** As the hub keeps it: nothing hidden beyond the split. */
export const trimmed = (a: Arrangement): Arrangement => ({ split: a.split, places: inSight(a) });

export const resized = (a: Arrangement, split: Split): Arrangement => arranged(split, a.places);

/** Without what this person may not see: only in its own place would the hub know what is meant. */
export const known = (a: Arrangement): Arrangement => ({ split: a.split, places: a.places.map((one) => one ?? EMPTY) });

/** The stream comes to the place. If it stood elsewhere, the two change places: a stream has one place at most. */
export function put(a: Arrangement, place: number, stream: string): Arrangement {
  if (place < 0 || place >= a.split || a.places[place] === stream) return a;
  const places = [...a.places];
  const before = places.indexOf(stream);
  if (before >= 0) places[before] = places[place] ?? EMPTY; // null cannot be moved, see `known`
  places[place] = stream;
  return { split: a.split, places };
}

export function swapped(a: Arrangement, from: number, to: number): Arrangement {
  const places = [...a.places];
  const [one, other] = [places[from], places[to]];
  if (typeof one !== "string" || typeof other !== "string" || from >= a.split || to >= a.split) return a;
  places[from] = other;
  places[to] = one;
  return { split: a.split, places };
}

export function cleared(a: Arrangement, place: number): Arrangement {
  if (place < 0 || place >= a.places.length) return a;
  return { split: a.split, places: a.places.map((one, i) => (i === place ? EMPTY : one)) };
}

/** Where the next one goes: the next empty place, or else simply the next. */
export function nextPlace(a: Arrangement, after: number): number {
  for (let step = 1; step <= a.split; step++) {
    const place = (after + step) % a.split;
    if (a.places[place] === EMPTY) return place;
  }
  return (after + 1) % a.split;
}

/** The first empty place; null where there is none. */
export function firstEmpty(a: Arrangement): number | null {
  const place = inSight(a).indexOf(EMPTY);
  return place < 0 ? null : place;
}

export const isSplit = (value: unknown): value is Split => (SPLITS as readonly unknown[]).includes(value);

/** What this browser remembered; null for anything else. */
export function readArrangement(value: unknown): Arrangement | null {
  if (typeof value !== "object" || value === null) return null;
  const { split, places } = value as { split?: unknown; places?: unknown };
  if (!isSplit(split) || !Array.isArray(places) || places.length > MOST) return null;
  const ids = places.map((one: unknown) => (typeof one === "string" ? one : EMPTY));
  return arranged(split, ids.map((id, i) => (id !== EMPTY && ids.indexOf(id) < i ? EMPTY : id)));
}
