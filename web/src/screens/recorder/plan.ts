/** Which clips go to the hub, and which may be deleted here. Pure. */
import { type Clip, placed } from "./clips";

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** An interruption as GET /api/streams/{id}/missing tells it. Hub time. */
export interface Missing extends Span {
  readonly id: string;
  readonly over: boolean;
  readonly followup: string | null;
  readonly holes: readonly Span[];
}

export interface MissingDto {
  readonly received_at_us: number;
  readonly answered_at_us: number;
  readonly interruptions: readonly {
    readonly id: string;
    readonly started_us: number;
    readonly ended_us: number | null;
    readonly followup: string | null;
    readonly holes: readonly { readonly from_us: number; readonly to_us: number }[];
  }[];
  readonly unrecorded: readonly { readonly from_us: number; readonly to_us: number }[] | null;
}

const span = (one: { from_us: number; to_us: number }): Span => ({ fromMs: one.from_us / 1000, toMs: one.to_us / 1000 });

export function missingOf(dto: MissingDto): Missing[] {
  return dto.interruptions.map((one) => ({
    id: one.id,
    fromMs: one.started_us / 1000,
    toMs: one.ended_us === null ? Infinity : one.ended_us / 1000,
    over: one.ended_us !== null,
    followup: one.followup,
    holes: one.holes.map(span),
  }));
}

export const unrecordedOf = (dto: MissingDto): Span[] => (dto.unrecorded ?? []).map(span);

/** Whether a clip may hold something of this time, by what is known of its clock. */
export function touches(clip: Clip, time: Span): boolean {
  const at = placed(clip);
  return at !== null && at.fromMs - at.errorMs < time.toMs && at.toMs + at.errorMs > time.fromMs;
}

export interface Plan {
  /** To be sent, the oldest first. */
  readonly send: Clip[];
  /** The clip that is being recorded holds something that is missing: it is to be ended, and the next one begun. */
  readonly cut: boolean;
}

/** What the link lost. A clip is sent once; what the hub refused, or says to have, is not sent again. */
export function plan(clips: readonly Clip[], missing: readonly Missing[]): Plan {
  const holes = missing.flatMap((one) => one.holes);
  const wanted = clips.filter((clip) => holes.some((hole) => touches(clip, hole)));
  return {
    send: wanted.filter((clip) => clip.state === "kept" || clip.state === "sending").sort((a, b) => a.fromMs - b.fromMs),
    cut: wanted.some((clip) => clip.state === "recording"),
  };
}

/** The time of clips that nobody has confirmed yet, in questions of at most `mostMs`: the first one. Hub time. */
export function toConfirm(clips: readonly Clip[], nowMs: number, settleMs: number, mostMs: number): Span | null {
  const open = clips.flatMap((clip) => (clip.confirmed || clip.state === "recording" ? [] : (placed(clip) ?? []))).filter((at) => at.toMs + at.errorMs < nowMs - settleMs);
  if (open.length === 0) return null;
  const fromMs = Math.min(...open.map((at) => at.fromMs - at.errorMs));
  const toMs = Math.max(...open.map((at) => at.toMs + at.errorMs).filter((end) => end - fromMs <= mostMs));
  return Number.isFinite(toMs) ? { fromMs, toMs } : null;
}

/** Shorter than a break that anybody is asked about: seams of two measurements. */
export const SEAM_MS = 500;

/** Clips within `asked` of which the hub lacks nothing. */
export function confirmedBy(clips: readonly Clip[], asked: Span, unrecorded: readonly Span[], missing: readonly Missing[]): Clip[] {
  const lacking = [...unrecorded.filter((one) => one.toMs - one.fromMs > SEAM_MS), ...missing.flatMap((one) => one.holes), ...missing.filter((one) => !one.over)];
  return clips.filter((clip) => {
    const at = placed(clip);
    const inside = at !== null && at.fromMs - at.errorMs >= asked.fromMs - 1 && at.toMs + at.errorMs <= asked.toMs + 1;
    return inside && clip.state !== "recording" && !lacking.some((one) => touches(clip, one));
  });
}

/** What may be deleted: old enough, and the hub says that it has that time. With too little room left also what is younger. */
export function deletable(clips: readonly Clip[], nowLocalMs: number, keepMs: number, shortOfRoom: boolean): Clip[] {
  return clips.filter((clip) => clip.confirmed && clip.state !== "recording" && clip.state !== "sending" && (shortOfRoom || nowLocalMs - clip.fromMs - clip.lengthMs > keepMs));
}

/** How it stands with the room for local recording. */
export type Room = "enough" | "low" | "full";
const LOW_MS = 60 * 60_000;
const FULL_MS = 5 * 60_000;
const FULL_BYTES = 64 << 20;

/** By how long it lasts at this rate (bytes a second). */
export function room(leftBytes: number, bytesPerS: number): Room {
  const lastsMs = (leftBytes / Math.max(1, bytesPerS)) * 1000;
  return lastsMs < FULL_MS || leftBytes < FULL_BYTES ? "full" : lastsMs < LOW_MS ? "low" : "enough";
}
