/**
 * How close to the present a tile plays. Pure: what the buffer looks like in, what to do out.
 *
 * A fragment is about 200 ms, so right after an append the buffer ends 0.2 s further on and is played empty until
 * the next. Times here are taken right after an append or by a slow timer; seconds of media time.
 */

export interface TimeRange {
  readonly start: number;
  readonly end: number;
}

export interface EdgeView {
  readonly ranges: readonly TimeRange[];
  readonly currentTime: number;
  readonly rate: number;
  /** The element has played before; false while it waits for its first picture. */
  readonly started: boolean;
  /** It began a moment ago: the hub's first burst is still coming in, and a leap costs nothing. */
  readonly settling: boolean;
  /** How long currentTime has stood still although it should move. */
  readonly stuckMs: number;
  /** How far behind the end to play, from edgeTarget(). */
  readonly target: number;
}

export type EdgeAction =
  | { readonly kind: "none" }
  | { readonly kind: "rate"; readonly rate: number }
  | { readonly kind: "seek"; readonly to: number; readonly why: "start" | "late" | "gap" };

/** Measured: 0.25–0.30 s of buffer gives picture to paint at p95 in about 0.3 s with one tile. */
export const TARGET_S = 0.28;
const MAX_TARGET_S = 0.9;
const PER_STALL_S = 0.1;
const JUMP_S = 1.5;
const SETTLING_JUMP_S = 0.25;
/** Begin to catch up when this much over the target, stop when nearly on it: no flutter between two rates. */
const CATCH_UP_S = 0.18;
const CAUGHT_UP_S = 0.05;
const SLOWEST_CATCH_UP = 1.02;
const FASTEST_CATCH_UP = 1.1;
const STUCK_MS = 300;
const JOIN_S = 0.05;

/** A tile that stalled lately plays a little further behind: smoothness first, then latency. */
export function edgeTarget(recentStalls: number): number {
  return Math.min(MAX_TARGET_S, TARGET_S + PER_STALL_S * recentStalls);
}

export function decideEdge(view: EdgeView): EdgeAction {
  const last = view.ranges.at(-1);
  if (last === undefined) return { kind: "none" };
  const seekTo = Math.max(last.start, last.end - view.target);
  if (!view.started) {
    const behind = last.end - view.currentTime;
    const away = view.currentTime < last.start || behind < 0 || behind > view.target + SETTLING_JUMP_S;
    return away ? { kind: "seek", to: seekTo, why: "start" } : rate(view, 1);
  }
  const behind = last.end - view.currentTime;
  const late = view.settling ? view.target + SETTLING_JUMP_S : Math.max(JUMP_S, view.target + 1);
  if (behind > late) return { kind: "seek", to: seekTo, why: "late" };
  const here = view.ranges.find((r) => view.currentTime >= r.start - JOIN_S && view.currentTime < r.end);
  const ahead = view.ranges.find((r) => r.start > view.currentTime);
  if (view.stuckMs >= STUCK_MS && ahead !== undefined && (here === undefined || here.end - view.currentTime < JOIN_S)) {
    return { kind: "seek", to: Math.max(ahead.start, Math.min(seekTo, ahead.end)), why: "gap" };
  }
  return rate(view, catchUpRate(behind - view.target, view.rate));
}

/** Gentle: an ear notices 1.1, an eye does not. */
export function catchUpRate(over: number, current: number): number {
  if (over <= CAUGHT_UP_S) return 1;
  if (over < CATCH_UP_S && current <= 1) return 1;
  const wanted = SLOWEST_CATCH_UP + (over - CAUGHT_UP_S) * 0.12;
  return Math.min(FASTEST_CATCH_UP, Math.round(wanted * 100) / 100);
}

function rate(view: EdgeView, wanted: number): EdgeAction {
  return wanted === view.rate ? { kind: "none" } : { kind: "rate", rate: wanted };
}

/** A correction of the alignment moves a run's origin by milliseconds; a new run begins at another time of day. */
const NEW_RUN_US = 500_000;

/** Whether media time begins anew: an unchanged init is not sent again, the origin alone tells. */
export function isNewRun(oldOriginUs: number, newOriginUs: number): boolean {
  return Math.abs(newOriginUs - oldOriginUs) > NEW_RUN_US;
}

/** What to keep behind the picture; trimming a little at a time costs more than rarely and by seconds. */
export const KEEP_S = 10;
const TRIM_SLACK_S = 4;

/** The end of what may be removed, or null when there is nothing worth removing. */
export function trimBefore(ranges: readonly TimeRange[], currentTime: number): number | null {
  const first = ranges[0];
  if (first === undefined) return null;
  const before = currentTime - KEEP_S;
  return before - first.start > TRIM_SLACK_S ? before : null;
}

/** Sound follows its picture: leap when far off, lean gently when near. */
export function followRate(pictureTime: number, soundTime: number, pictureRate: number): number | "seek" {
  const off = pictureTime - soundTime;
  if (Math.abs(off) > 0.25) return "seek";
  if (Math.abs(off) < 0.03) return pictureRate;
  return Math.round((pictureRate + Math.max(-0.06, Math.min(0.06, off * 0.5))) * 100) / 100;
}
