/** What keeps several streams in step with one clock. Pure: a look at a tile in, what to do with it out. */

/** How far a tile may be from the clock before it is leant, s; a picture of 25 a second lasts 0.04. */
const NEAR_S = 0.03;
/** From here on leaning would take too long. */
const LEAP_S = 1;
/** A leap needs time to be seen; before that the next one would only undo it. */
const LEAP_EVERY_MS = 700;
/** Standing still nothing runs on meanwhile. */
const STILL_EVERY_MS = 80;
const MOST_LEAN = 0.2;
/** A tile that loads for so long no longer holds the others up. */
export const PATIENCE_MS = 5000;

export interface Look {
  /** The tile's picture against the clock, s: positive is ahead. Null: it has none yet. */
  readonly aheadS: number | null;
  readonly playing: boolean;
  readonly speed: number;
  /** It has footage at the clock's time. */
  readonly footage: boolean;
  readonly seeking: boolean;
  /** It can show what comes next. */
  readonly ready: boolean;
  readonly sinceLeapMs: number;
  /** It leads: the clock goes by it, and nobody leans it. */
  readonly leads: boolean;
}

export interface Act {
  readonly play: boolean;
  readonly rate: number;
  /** Set it to the clock's time. */
  readonly leap: boolean;
  /** The clock waits for it. */
  readonly holds: boolean;
}

export function steer(look: Look): Act {
  const { aheadS, speed } = look;
  if (!look.footage) return { play: false, rate: speed, leap: false, holds: false };
  const late = look.seeking || !look.ready;
  const leapOk = !look.seeking && look.sinceLeapMs > (look.playing ? LEAP_EVERY_MS : STILL_EVERY_MS);
  if (!look.playing) return { play: false, rate: speed, leap: aheadS !== null && Math.abs(aheadS) > 0.02 && leapOk && !look.leads, holds: false };
  const far = aheadS === null || Math.abs(aheadS) > LEAP_S * Math.max(1, speed);
  const leap = far && leapOk && aheadS !== null;
  return { play: true, rate: look.leads ? speed : leant(speed, aheadS), leap, holds: late || leap };
}

/** The rate that brings a tile back within about a second, never by more than a fifth. */
export function leant(speed: number, aheadS: number | null): number {
  if (aheadS === null || Math.abs(aheadS) <= NEAR_S) return speed;
  const lean = Math.min(MOST_LEAN, Math.max(-MOST_LEAN, (-aheadS / speed) * 1.2));
  return Math.max(0.0625, Math.min(16, speed * (1 + lean)));
}

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16] as const;

/** What a machine shows of a speed: each picture, or keyframes alone. Many decoders at once reach their end sooner. */
export type Manner = "all" | "keys";

export function mannerOf(speed: number, tiles: number): Manner {
  const most = tiles <= 1 ? 8 : tiles <= 2 ? 4 : tiles <= 4 ? 2 : 1;
  return speed > most ? "keys" : "all";
}

/** The neighbour in the list of speeds. */
export function otherSpeed(speed: number, by: 1 | -1): number {
  const index = SPEEDS.findIndex((one) => one >= speed);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, index + by))] ?? 1;
}

/** Where sound goes on: beyond it, it is no longer understood and browsers drop it. */
export const audible = (speed: number): boolean => speed >= 0.5 && speed <= 4;
