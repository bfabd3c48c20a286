/**
 * How close to the present a tile plays. Pure: what the buffer looks like in, what to do out.
 *
 * Right after an append the buffer ends a fragment further on (120 ms of a stream that is watched, 200 ms of one that was not until now), and
 * is played empty until the next. Times here are taken right after an append or by a slow timer; seconds of media time.
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
  /** What was left to play when the next fragment came, at worst of late; null before that is known. */
  readonly margin: number | null;
  /** What there was to play right after the last fragment came. */
  readonly lead: number;
  /** How often it ran dry of late. */
  readonly stalls: number;
  /** How long a fragment is of late. */
  readonly fragment: number;
  /** It sounds: players of sound begin with no less than 0.2 s in hand. */
  readonly sounding: boolean;
}

export type EdgeAction =
  | { readonly kind: "none" }
  | { readonly kind: "rate"; readonly rate: number }
  | { readonly kind: "seek"; readonly to: number; readonly why: "start" | "late" | "gap" };

/** Before any is known. */
export const FRAGMENT_S = 0.2;
/** What a tile that sounds has in hand right after an append. */
export const SOUND_LEAD_S = 0.28;
/** What there is to play in the middle between two fragments: it bridges the same hitch however long fragments are. */
const DEPTH_S = 0.18;
/** Two pictures in hand when the next fragment comes: less, and the decoder runs dry on a busy machine. */
const LEAST_MARGIN_S = 0.08;
const MAX_MARGIN_S = 0.6;
/** A tile that stalled lately plays a little further behind: smoothness first, then latency. */
const PER_STALL_S = 0.06;
/** Late fragments alone, without a stall, are answered up to here: beyond it a short wait now and then is the lesser evil. */
const FURTHER_S = 0.14;
const FURTHEST_STALLED_S = 0.9;
const JUMP_S = 1.5;
const SETTLING_JUMP_S = 0.25;
/** Begin to lean when this far from what is wanted, rest when nearly there: no flutter between two rates. */
const LEAN_S = 0.04;
const RESTED_S = 0.01;
const SLOWEST_CATCH_UP = 1.02;
const FASTEST_CATCH_UP = 1.2;
const FALL_BACK = 0.95;
const STUCK_MS = 300;
const JOIN_S = 0.05;

/** What is to be left to play when the next fragment comes. */
export function wantedMargin(fragment: number, recentStalls: number): number {
  return Math.min(MAX_MARGIN_S, Math.max(LEAST_MARGIN_S, DEPTH_S - fragment / 2) + PER_STALL_S * recentStalls);
}

export function furthestLead(fragment: number, recentStalls: number): number {
  return Math.min(FURTHEST_STALLED_S, fragment + wantedMargin(fragment, 0) + FURTHER_S + PER_STALL_S * recentStalls);
}

const ARRIVALS_MS = 6000;
const LEAST_ARRIVALS = 4;
/** A pause this long is the source's, not the network's: it says nothing of the margin that is needed. */
export const PAUSE_MS = 900;

/**
 * How late fragments come of late. Kept apart from where the player stands (the end of what there was,
 * less the clock), so that leaning and leaping do not disturb what was learnt.
 */
export class Arrivals {
  private list: { readonly at: number; readonly slack: number; readonly length: number }[] = [];
  private lastAt = -Infinity;

  /** A fragment was appended: `end` was the end of the buffer until then, and it is so long. Seconds of media, ms of the
   *  clock. */
  add(end: number, now: number, length: number): void {
    if (now - this.lastAt > PAUSE_MS) this.list = [];
    else this.list.push({ at: now, slack: end - now / 1000, length });
    this.lastAt = now;
    this.list = this.list.filter((arrival) => now - arrival.at < ARRIVALS_MS);
  }

  /** What would be left at a late arrival, for a player that stands at `currentTime` now. Of ten the latest is not
   *  counted: one straggler is worth a short wait, not seconds of standing further behind. */
  margin(currentTime: number, now: number): number | null {
    if (this.list.length < LEAST_ARRIVALS) return null;
    const slacks = sorted(this.list.map(({ slack }) => slack));
    return (slacks[Math.floor(slacks.length / 10)] as number) + now / 1000 - currentTime;
  }

  /** How long a fragment is, in the middle of the late ones. */
  fragment(): number {
    if (this.list.length < LEAST_ARRIVALS) return FRAGMENT_S;
    return sorted(this.list.map(({ length }) => length))[this.list.length >> 1] as number;
  }
}

function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

export function decideEdge(view: EdgeView): EdgeAction {
  const last = view.ranges.at(-1);
  if (last === undefined) return { kind: "none" };
  const wanted = Math.max(wantedMargin(view.fragment, view.stalls), view.sounding ? SOUND_LEAD_S - view.fragment : 0);
  const target = wanted + view.fragment;
  const seekTo = Math.max(last.start, last.end - target);
  const behind = last.end - view.currentTime;
  if (!view.started) {
    const away = view.currentTime < last.start || behind < 0 || behind > target + SETTLING_JUMP_S;
    return away ? { kind: "seek", to: seekTo, why: "start" } : rate(view, 1);
  }
  const late = view.settling ? target + SETTLING_JUMP_S : Math.max(JUMP_S, target + 1);
  if (behind > late) return { kind: "seek", to: seekTo, why: "late" };
  const here = view.ranges.find((r) => view.currentTime >= r.start - JOIN_S && view.currentTime < r.end);
  const ahead = view.ranges.find((r) => r.start > view.currentTime);
  if (view.stuckMs >= STUCK_MS && ahead !== undefined && (here === undefined || here.end - view.currentTime < JOIN_S)) {
    return { kind: "seek", to: Math.max(ahead.start, Math.min(seekTo, ahead.end)), why: "gap" };
  }
  if (view.settling || view.margin === null) return rate(view, 1);
  return rate(view, leanRate(Math.max(view.margin - wanted, view.lead - furthestLead(view.fragment, view.stalls)), view.rate));
}

/** Faster with more margin than is wanted, slower with less. Gentle: sound follows it. */
export function leanRate(over: number, current: number): number {
  const from = current === 1 ? LEAN_S : RESTED_S;
  if (over < -from && current <= 1) return FALL_BACK;
  if (over <= from || current < 1) return 1;
  return Math.min(FASTEST_CATCH_UP, Math.max(SLOWEST_CATCH_UP, Math.round((1 + over * 0.25) * 100) / 100));
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
