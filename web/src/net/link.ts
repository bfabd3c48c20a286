/**
 * When silence means that the hub is lost. Pure. The hub speaks at least once a second; a page that hears nothing asks
 * `/healthz`, and only a question that failed makes silence a loss: a page that was held up itself (a busy machine, a
 * hidden tab) finds its answers waiting.
 */

/** A tick is a second apart; this is clearly more. */
const PROBE_AFTER_MS = 1150;
/** The whole wall must say so within 3 s of the hub's last word, with room for a busy machine. */
const LOST_AFTER_MS = 2000;
/** The question asked first is answered, or has failed, just before that. */
export const PROBE_TIMEOUT_MS = 750;
/** This much later than its time, a timer tells of ourselves and nothing of the hub. */
export const HELD_UP_MS = 400;
/** A refusal comes at once: so long until the next question, and longer once the hub is lost, for many pages wait. */
const PROBE_EVERY_MS = 200;
const PROBE_LOST_EVERY_MS = 700;
/** It answers, yet its sockets are silent for this long: they hang. */
const SOCKETS_HANG_MS = 2400;

export interface Silence {
  /** Since the last word. */
  readonly silentMs: number;
  /** A question that was asked since then has failed. */
  readonly probeFailed: boolean;
  /** Since the last question was asked. */
  readonly probedMs: number;
  /** This look comes late by so much. */
  readonly lateMs: number;
}

export interface LinkVerdict {
  readonly lost: boolean;
  readonly probe: boolean;
}

export function linkVerdict(silence: Silence, lost: boolean): LinkVerdict {
  const silent = silence.silentMs >= LOST_AFTER_MS && silence.probeFailed && silence.lateMs < HELD_UP_MS;
  const due = lost ? silence.probedMs >= PROBE_LOST_EVERY_MS : silence.silentMs >= PROBE_AFTER_MS && silence.probedMs >= PROBE_EVERY_MS;
  return { lost: lost || silent, probe: due };
}

/** Whether an answer to a question that was asked after so much silence means that the sockets must be made anew. */
export const socketsHang = (silentMs: number, lost: boolean): boolean => lost || silentMs >= SOCKETS_HANG_MS;
