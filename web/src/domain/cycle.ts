/** Auto-cycle (轮巡): which streams come next, and which ones stay because of what happens on them. Pure. */
import type { StreamStatus } from "@/api/types";

import { type Arrangement, EMPTY, inSight, isSplit, type Place, readArrangement } from "./arrangement";
import type { Split } from "./split";

export const MIN_EVERY_S = 5;
export const MAX_EVERY_S = 300;
export const USUAL_EVERY_S = 20;
/** So long an interruption holds its place without anybody's alarm: time enough to see that it broke off. */
const FRESH_MS = 60_000;

export interface CyclePlan {
  readonly everyS: number;
  /** Its streams and those below it; empty where `steps` are shown one after another. */
  readonly unit: string;
  readonly steps: readonly Arrangement[];
  readonly split: Split;
  readonly paused: boolean;
}

/** Where a cycle stands. `anchor` is the first stream of this turn, by its id: the list may change meanwhile. */
export interface Turn {
  readonly places: readonly Place[];
  readonly split: Split;
  readonly anchor: string;
  readonly step: number;
}

export const boundedEvery = (seconds: number): number =>
  Number.isFinite(seconds) ? Math.min(MAX_EVERY_S, Math.max(MIN_EVERY_S, Math.round(seconds))) : USUAL_EVERY_S;

/** Where nothing is recorded there is nothing to see: such a device is not cycled through. */
export const isWorthATurn = (state: StreamStatus["state"]): boolean => state !== "idle" && state !== "off_duty";

/**
 * How much a tile resists being cycled away; 0: not at all. A suspicion stays until it is certain or withdrawn, an
 * interruption until somebody looks after its alarm, or for a minute if it rings for nobody.
 */
export function hold(status: Pick<StreamStatus, "state" | "since">, rings: boolean, nowMs: number): number {
  if (status.state === "suspected") return 1;
  if (status.state !== "interrupted") return 0;
  if (rings) return 3;
  return status.since !== null && nowMs - Date.parse(status.since) < FRESH_MS ? 2 : 0;
}

/** The streams that stay: the gravest, and always fewer than the places, so that the others are still seen. */
export function staying(places: readonly Place[], holdOf: (stream: string) => number): Set<string> {
  const held = places.filter((one): one is string => one !== null && one !== EMPTY && holdOf(one) > 0);
  const most = places.length === 1 ? 1 : places.length - 1;
  return new Set(held.sort((a, b) => holdOf(b) - holdOf(a)).slice(0, most));
}

/** The turn after (`by` 1) or before (-1) this one, over a list of streams. Who stays keeps its place. */
export function turnOver(ring: readonly string[], split: Split, before: Turn | null, stay: ReadonlySet<string>, by: number): Turn {
  const now = before === null ? [] : before.places.slice(0, split);
  const places = Array.from({ length: split }, (_, i): Place => {
    const one = now[i];
    return typeof one === "string" && stay.has(one) ? one : EMPTY;
  });
  const others = ring.filter((one) => !places.includes(one));
  const free = places.filter((one) => one === EMPTY).length;
  const from = others.length <= free ? 0 : startOf(ring, others, before, now, free, by);
  let given = 0;
  const filled = places.map((one) => (one !== EMPTY ? one : given < others.length ? (others[(from + given++) % others.length] ?? EMPTY) : EMPTY));
  return { places: filled, split, anchor: others[from] ?? "", step: 0 };
}

/** Forward: after the last one shown. Backward: as many before the first one. */
function startOf(ring: readonly string[], others: readonly string[], before: Turn | null, now: readonly Place[], free: number, by: number): number {
  if (before === null) return 0;
  const order = new Map(ring.map((one, i) => [one, i]));
  const anchor = order.get(before.anchor) ?? 0;
  // Counted in the order of the ring, since the one that began the turn may be among those who stay now.
  const at = others.findIndex((one) => (order.get(one) ?? 0) >= anchor);
  const first = at < 0 ? 0 : at;
  if (by === 0) return first;
  if (by < 0) return (((first - free) % others.length) + others.length) % others.length;
  let start = first;
  for (let passed = 0; passed < others.length && now.includes(others[start] ?? ""); passed++) start = (start + 1) % others.length;
  return start;
}

/** The next of several arrangements. Who stays keeps its place, or takes the last one where there is no such place. */
export function stepOver(steps: readonly Arrangement[], before: Turn | null, stay: ReadonlySet<string>, by: number): Turn {
  const step = before === null ? 0 : (((before.step + by) % steps.length) + steps.length) % steps.length;
  const arrangement = steps[step];
  if (arrangement === undefined) return { places: [EMPTY], split: 1, anchor: "", step: 0 };
  const places = inSight(arrangement);
  for (const stream of stay) {
    if (places.includes(stream)) continue;
    const place = Math.min(before?.places.indexOf(stream) ?? 0, places.length - 1);
    const taken = places[place];
    const free = typeof taken === "string" && stay.has(taken) ? places.findLastIndex((one) => typeof one !== "string" || !stay.has(one)) : place;
    if (free >= 0) places[free] = stream;
  }
  return { places, split: arrangement.split, anchor: "", step };
}

/** What this browser remembered; null for anything else. */
export function readPlan(value: unknown): CyclePlan | null {
  if (typeof value !== "object" || value === null) return null;
  const { everyS, unit, steps, split, paused } = value as Partial<Record<keyof CyclePlan, unknown>>;
  if (typeof everyS !== "number" || typeof unit !== "string" || !Array.isArray(steps) || !isSplit(split)) return null;
  const read = steps.map(readArrangement).filter((one) => one !== null);
  if ((unit === "") === (read.length === 0)) return null;
  return { everyS: boundedEvery(everyS), unit, steps: read, split, paused: paused === true };
}
