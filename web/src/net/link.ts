/** When silence means that the hub is lost. Pure. The hub speaks at least once a second. */

const PROBE_AFTER_MS = 1300;
/** The whole wall must say so within 3 s; a quarter of a second goes to the timer. */
const LOST_AFTER_MS = 2500;

export type LinkVerdict = "fine" | "probe" | "lost";

export function linkVerdict(silentMs: number, lost: boolean): LinkVerdict {
  if (silentMs >= LOST_AFTER_MS) return "lost";
  return silentMs >= PROBE_AFTER_MS || lost ? "probe" : "fine";
}
