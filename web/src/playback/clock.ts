/** Between a playlist's own time and the wall clock, across holes. Pure; seconds of media, ms of hub UTC. */

export interface Piece {
  /** Media time at which it begins. */
  readonly start: number;
  readonly duration: number;
  /** EXT-X-PROGRAM-DATE-TIME of its first picture. */
  readonly clockMs: number;
  /** EXT-X-GAP: nothing to play. */
  readonly gap: boolean;
}

/** The wall clock of a media time; null before the playlist is known. */
export function clockOf(pieces: readonly Piece[], mediaTime: number): number | null {
  const piece = pieces.findLast((p) => p.start <= mediaTime + 0.001) ?? pieces[0];
  return piece === undefined ? null : piece.clockMs + (mediaTime - piece.start) * 1000;
}

/** The media time of a moment; in a hole, of the first picture after it, else of the end. */
export function mediaTimeOf(pieces: readonly Piece[], clockMs: number): number | null {
  const playable = pieces.filter((p) => !p.gap);
  const here = playable.find((p) => clockMs < p.clockMs + p.duration * 1000);
  if (here !== undefined) return here.start + Math.max(0, clockMs - here.clockMs) / 1000;
  const last = playable.at(-1);
  return last === undefined ? null : last.start + last.duration;
}

/** Where playing goes on when it has come to (within `reach` seconds of) a hole; null when it has not. */
export function afterHole(pieces: readonly Piece[], mediaTime: number, reach: number): { from: number; to: Piece } | null {
  const hole = pieces.find((p) => p.gap && mediaTime >= p.start - reach && mediaTime < p.start + p.duration);
  if (hole === undefined) return null;
  const to = pieces.find((p) => !p.gap && p.start >= hole.start);
  const first = pieces.findLast((p) => !p.gap && p.start < hole.start);
  return to === undefined ? null : { from: first === undefined ? hole.clockMs : first.clockMs + first.duration * 1000, to };
}

/** A leap of the wall clock that is longer than what was played: something is missing in between. */
export function skipped(beforeMs: number, nowMs: number, playedMs: number): { from: number; to: number } | null {
  return nowMs - beforeMs - playedMs > 800 ? { from: beforeMs, to: nowMs } : null;
}
