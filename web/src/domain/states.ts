/** What a tile, a row and a bar look like in each state. Never by colour alone: each has a glyph and a pattern too. */
import type { InterruptionKind, InterruptionState, SpanDto, StreamState } from "@/api/types";

/** Names of the colour tokens in styles/tokens.css. */
export type Tone = "recorded" | "backfilled" | "interrupted" | "explained" | "suspected" | "off" | "waiting" | "mark";

export type TileState = StreamState | "unsupported" | "lost";

export interface Look {
  readonly tone: Tone;
  /** A sign that is read without its colour. */
  readonly glyph: string;
}

export const TILE_LOOK: Record<TileState, Look> = {
  live: { tone: "recorded", glyph: "●" },
  suspected: { tone: "suspected", glyph: "?" },
  interrupted: { tone: "interrupted", glyph: "!" },
  waiting: { tone: "waiting", glyph: "…" },
  idle: { tone: "off", glyph: "–" },
  off_duty: { tone: "off", glyph: "–" },
  unsupported: { tone: "waiting", glyph: "×" },
  lost: { tone: "interrupted", glyph: "×" },
};

export type SpanLook = "recorded" | "backfilled" | "interrupted" | "explained" | "suspected" | "off";

/** The colour of a span: orange is what was explained, yellow what is only suspected. */
export function spanLook(span: Pick<SpanDto, "state" | "interruption">): SpanLook {
  switch (span.state) {
    case "recorded":
      return "recorded";
    case "backfilled":
      return "backfilled";
    case "off_duty":
      return "off";
    case "suspected":
      return "suspected";
    default:
      if (span.interruption?.state === "suspected") return "suspected";
      if (span.interruption?.state === "backfilled") return "backfilled";
      return span.interruption?.state === "explained" ? "explained" : "interrupted";
  }
}

const RUNNING: readonly InterruptionState[] = ["suspected", "confirmed"];
const UNFINISHED: readonly InterruptionState[] = ["suspected", "confirmed", "resumed", "awaiting", "overdue"];

/** It has not ended. */
export const isRunning = (state: InterruptionState): boolean => RUNNING.includes(state);

const LOSES_NOTHING: readonly InterruptionKind[] = ["jump", "drift", "step", "low_rate"];

/** Whether footage is missing: a clock that drifts is listed, but its picture is live and its line stays green. */
export const losesMedia = (kind: InterruptionKind): boolean => !LOSES_NOTHING.includes(kind);

interface Ringing {
  readonly state: InterruptionState;
  readonly rings?: boolean;
  readonly count?: number;
}

/** Whether a change must be heard: it is certain and grave, and was not so before. Each new break of a series rings. */
export function ringsNow(before: Ringing | undefined, now: Ringing): boolean {
  const loud = (i: Ringing): boolean => i.state === "confirmed" && i.rings !== false;
  return loud(now) && (before === undefined || !loud(before) || (now.count ?? 1) > (before.count ?? 1));
}

/** Someone still has to look at it. */
export const isOpen = (state: InterruptionState): boolean => UNFINISHED.includes(state);

export function interruptionTone(state: InterruptionState): Tone {
  switch (state) {
    case "suspected":
      return "suspected";
    case "confirmed":
    case "overdue":
      return "interrupted";
    case "backfilled":
      return "backfilled";
    case "explained":
    case "resumed":
    case "awaiting":
      return "explained";
    default:
      return "off";
  }
}
