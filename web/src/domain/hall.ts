/** A hall before its opening: which windows are ready, and what keeps the others from it. Pure. */
import type { InterruptionKind, StreamDto, StreamKind } from "@/api/types";

import { decisive, type PieceDto } from "./calendar";

export interface HallFault {
  id: string;
  kind: InterruptionKind;
  state: string;
  since: string;
  picture: boolean;
}

export interface HallWindow {
  stream: string;
  pieces: PieceDto[];
  no_sound: boolean;
  faults: HallFault[];
}

export const PROBLEMS = [
  "retired_device", "interrupted", "suspected", "not_connected", "not_delivering", "black", "frozen", "covered", "no_sound", "silent", "blurred", "no_calendar", "year_missing",
] as const;
export type Problem = (typeof PROBLEMS)[number];

/** These are worth a look and keep no window from opening. */
const HINTS: readonly Problem[] = ["suspected", "blurred", "no_calendar", "year_missing"];

export interface Verdict {
  readonly problems: readonly Problem[];
  readonly ready: boolean;
  /** Of those that keep it from opening, the first; else the first hint. */
  readonly worst: Problem | null;
}

/** What a page knows of a window at one moment. `black`: what its newest picture shows; null: not known. */
export interface Seen {
  readonly stream: Pick<StreamDto, "kind" | "status">;
  readonly window: HallWindow | undefined;
  readonly black: boolean | null;
}

/** Something comes, whether or not it is due: a window is checked before its hours begin. */
export const delivers = (status: StreamDto["status"]): boolean =>
  status.state === "live" || status.state === "suspected" || (status.state === "off_duty" && status.tracks.length > 0 && status.bitrate_bps > 0);

/** There is a sound track; null: nothing is connected that could say so. */
export function hasSound(status: StreamDto["status"]): boolean | null {
  return status.tracks.length === 0 ? null : status.tracks.some((track) => track.kind === "audio");
}

/** A window must be heard as well as seen (音视频监控设备); a room need not. */
const mustBeHeard = (kind: StreamKind): boolean => kind === "window";

export function verdictOf({ stream, window, black }: Seen): Verdict {
  const { status } = stream;
  const found = new Set<Problem>();
  if (status.fault !== undefined && status.fault !== null) found.add("retired_device");
  if (status.state === "interrupted" || status.state === "suspected") found.add(status.state);
  else if (status.state === "waiting" || status.state === "idle") found.add("not_connected");
  else if (!delivers(status)) found.add("not_delivering");
  for (const fault of window?.faults ?? []) {
    if (fault.state === "suspected") continue;
    if (fault.kind === "black" || fault.kind === "frozen" || fault.kind === "covered" || fault.kind === "silent" || fault.kind === "blurred") found.add(fault.kind);
  }
  if (black === true && delivers(status)) found.add("black");
  if (mustBeHeard(stream.kind) && delivers(status) && hasSound(status) === false) found.add("no_sound");
  if (window !== undefined) {
    if (window.pieces.length > 0 && window.pieces.every((piece) => piece.due === null)) found.add("no_calendar");
    if (window.pieces.some((piece) => piece.year_missing)) found.add("year_missing");
  }
  const problems = PROBLEMS.filter((one) => found.has(one));
  const grave = problems.filter((one) => !isHint(one));
  return { problems, ready: grave.length === 0, worst: grave[0] ?? problems[0] ?? null };
}

export const isHint = (problem: Problem): boolean => HINTS.includes(problem);

export type Phase = "before" | "open" | "break" | "after" | "closed" | "always";

export interface Opening {
  readonly phase: Phase;
  readonly opensMs: number | null;
  readonly closesMs: number | null;
  /** Of `before` and `break`: when it opens (again). */
  readonly nextMs: number | null;
  /** The piece that says why the day is as it is. */
  readonly reason: Pick<PieceDto, "judged" | "detail"> | null;
  /** Not all windows have the same hours. */
  readonly differ: boolean;
}

/** The day of the hall as a whole: from its first window's opening to its last one's close. */
export function openingOf(windows: readonly Pick<HallWindow, "pieces">[], nowMs: number): Opening {
  const due = windows.flatMap(({ pieces }) => pieces.filter((piece) => piece.due === true)).map((piece) => ({ from: Date.parse(piece.from), to: Date.parse(piece.to) }));
  const differ = new Set(windows.map(({ pieces }) => JSON.stringify(pieces))).size > 1;
  const pieces = windows.flatMap((one) => one.pieces);
  const told = decisive(pieces);
  const reason = told === undefined ? null : { judged: told.judged, detail: told.detail };
  if (due.length === 0) {
    const phase = pieces.length > 0 && pieces.every((piece) => piece.due === null) ? "always" : "closed";
    return { phase, opensMs: null, closesMs: null, nextMs: null, reason, differ };
  }
  const opensMs = Math.min(...due.map((one) => one.from));
  const closesMs = Math.max(...due.map((one) => one.to));
  const open = due.some((one) => one.from <= nowMs && nowMs < one.to);
  const later = due.filter((one) => one.from > nowMs).map((one) => one.from);
  const nextMs = open || later.length === 0 ? null : Math.min(...later);
  const phase: Phase = open ? "open" : nowMs < opensMs ? "before" : nowMs >= closesMs ? "after" : "break";
  return { phase, opensMs, closesMs, nextMs, reason, differ };
}

const ROOM_MS = 30 * 60_000;
const STEP_MS = 30 * 60_000;

/** What the duty lines of a hall show: one scale for all, its hours with half an hour on either side. */
export function lineView(opening: Pick<Opening, "opensMs" | "closesMs">, day: { from: number; to: number }): { from: number; to: number } {
  if (opening.opensMs === null || opening.closesMs === null) return day;
  const from = Math.floor((opening.opensMs - ROOM_MS) / STEP_MS) * STEP_MS;
  const to = Math.ceil((opening.closesMs + ROOM_MS) / STEP_MS) * STEP_MS;
  return { from: Math.max(day.from, from), to: Math.min(day.to, to) };
}

/** Where an arrow key leads in a grid of so many columns; the place itself where there is none. */
export function stepIn(place: number, count: number, columns: number, key: string): number {
  const next: Record<string, number> = { ArrowLeft: place - 1, ArrowRight: place + 1, ArrowUp: place - columns, ArrowDown: place + columns, Home: 0, End: count - 1 };
  const wanted = next[key] ?? place;
  return wanted >= 0 && wanted < count ? wanted : place;
}
