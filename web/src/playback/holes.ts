/** Where a playlist has footage, in wall-clock time. Pure; ms of hub UTC. */
import type { Piece } from "./clock";

export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Edges of segments are rounded; a jump of the clock shorter than this is none. */
const SEAM_MS = 120;

export function stretches(pieces: readonly Piece[]): Stretch[] {
  const list: Stretch[] = [];
  for (const piece of pieces) {
    if (piece.gap) continue;
    const to = piece.clockMs + piece.duration * 1000;
    const last = list.at(-1);
    if (last !== undefined && piece.clockMs - last.to <= SEAM_MS) list[list.length - 1] = { from: last.from, to: Math.max(last.to, to) };
    else list.push({ from: piece.clockMs, to });
  }
  return list;
}

export const within = (list: readonly Stretch[], at: number): Stretch | undefined => list.find((one) => at >= one.from - 20 && at < one.to - 5);

/** When footage goes on after a moment. */
export const nextAfter = (list: readonly Stretch[], at: number): number | null => list.find((one) => one.from > at)?.from ?? null;

/** The end of what there is before a moment. */
export const lastBefore = (list: readonly Stretch[], at: number): number | null => list.findLast((one) => one.to <= at + 5)?.to ?? null;

/** Where the keyframe before (or at) a moment is: segments begin with one. */
export const keyframeAt = (pieces: readonly Piece[], at: number): Piece | undefined =>
  pieces.findLast((one) => !one.gap && one.clockMs <= at && at < one.clockMs + one.duration * 1000);

export const PART_MS = 600_000;

/** A day is loaded by parts of ten minutes, on round times: the next one begins where this one ends. */
export const partOf = (at: number): Stretch => {
  const from = Math.floor(at / PART_MS) * PART_MS;
  return { from, to: from + PART_MS };
};
