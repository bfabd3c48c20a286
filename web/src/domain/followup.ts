/** What an interruption still needs, and which form a person may fill in for it. Pure: the hub judges, this finds the words. */
import type { StatementDto, ToldDto } from "@/api/followup";
import type { FollowupDto, FollowupState, InterruptionDto, StreamKind } from "@/api/types";

import type { Look } from "./states";

export const FOLLOWUP_LOOK: Record<FollowupState, Look> = {
  none: { tone: "off", glyph: "–" },
  open: { tone: "interrupted", glyph: "!" },
  reported: { tone: "explained", glyph: "↑" },
  awaiting: { tone: "suspected", glyph: "?" },
  partly_backfilled: { tone: "backfilled", glyph: "½" },
  backfilled: { tone: "backfilled", glyph: "+" },
  explained: { tone: "explained", glyph: "=" },
  overdue: { tone: "interrupted", glyph: "‼" },
  exempt: { tone: "mark", glyph: "免" },
  closed: { tone: "recorded", glyph: "✓" },
  withdrawn: { tone: "off", glyph: "–" },
};

/** A closed or withdrawn one takes no more words. */
export const isSettled = (state: FollowupState): boolean => state === "closed" || state === "withdrawn";

export interface Need {
  way: FollowupDto["needs"][number]["code"];
  signatures?: number;
}

/** The ways to explain it that are left; any one of them is enough (but `resume`, which is told, not asked for). */
export function needs(followup: Pick<FollowupDto, "needs" | "signatures" | "state">): Need[] {
  if (isSettled(followup.state)) return [];
  return followup.needs.map(({ code }) => (code === "written" ? { way: code, signatures: followup.signatures } : { way: code }));
}

export type Form = "report" | "spoken" | "written" | "backfill" | "exempt" | "close";

/** The forms that can be filled in at this moment, by this person. */
export function formsFor(
  fault: Pick<InterruptionDto, "state" | "ended_at" | "needs_explanation">, kind: StreamKind, followup: FollowupDto | null | undefined,
  may: (right: string) => boolean, nowMs: number,
): Form[] {
  if (followup === null || followup === undefined || isSettled(followup.state)) return [];
  const forms: Form[] = [];
  const writes = may("explanations.write");
  const reportable = fault.ended_at === null || nowMs - Date.parse(fault.ended_at) < REPORT_WITHIN_MS;
  if (followup.missing.length > 0) {
    if (fault.state === "closed" && kind !== "window" && (writes || may("interruptions.handle"))) forms.push("spoken");
    if (writes || may("explanations.sign")) forms.push("written");
  }
  if (writes && followup.state !== "backfilled" && followup.state !== "none") forms.push("backfill");
  if (writes && reportable) forms.push("report");
  if (may("explanations.exempt") && followup.missing.length > 0) forms.push("exempt");
  if (may("interruptions.handle") && fault.needs_explanation === true) forms.push("close");
  return forms;
}

/** A later report would be one of the next fault (the hub's default window). */
const REPORT_WITHIN_MS = 30 * 60_000;

/** Why this person cannot sign this statement now; empty when they can. */
export function signingProblem(statement: StatementDto, username: string, kind: StreamKind, may: (right: string) => boolean): string {
  if (statement.done_at !== null) return "done";
  if (!may("explanations.sign")) return "noRight";
  if (statement.signatures.some((one) => one.by === username)) return "signed";
  if (kind !== "window" && statement.signatures.length > 0 && statement.by === username) return "writerSecond";
  return "";
}

/** One's own words that can still be corrected. */
const CORRECTABLE = /^explanation\.(report|spoken|written\.drafted|written\.signed|paper\.scanned|exemption)$/;
export const correctable = (entry: Pick<ToldDto, "what">): boolean => CORRECTABLE.test(entry.what);

/** Leaves that a later correction has taken back. */
export function withdrawn(history: readonly ToldDto[]): Set<string> {
  return new Set(history.filter((one) => one.what === "explanation.correction" && one.facts["withdraws"] === true).map((one) => String(one.facts["cites"])));
}

/** Days, hours or minutes to a deadline; negative after it. */
export function timeLeft(deadline: string | null | undefined, nowMs: number): { late: boolean; days: number; hours: number; minutes: number } | null {
  if (deadline === null || deadline === undefined) return null;
  const ms = Date.parse(deadline) - nowMs;
  const minutes = Math.floor(Math.abs(ms) / 60_000);
  return { late: ms < 0, days: Math.floor(minutes / 1440), hours: Math.floor((minutes % 1440) / 60), minutes: minutes % 60 };
}

/** What must be true of a spoken clip before it is sent: a message key, or empty. Seconds after the resume. */
export function clipProblem(fromS: number, toS: number): string {
  if (!(fromS >= 0)) return "clip.beforeResume";
  if (fromS > 600) return "clip.tooLate";
  const length = toS - fromS;
  if (!(length >= 1)) return "clip.tooShort";
  return length > 120 ? "clip.tooLong" : "";
}

/** Days that an exemption may reach beyond the begin, as the hub has it. */
const MOST_AWAY_MS = 90 * 86_400_000;

/** What must be true of an exemption before it is sent: a message key, or empty. */
export function exemptionProblem(kind: string, text: string, untilMs: number | null, startedMs: number): string {
  if (kind === "") return "exemptNoKind";
  if (kind !== "maintenance" && (untilMs === null || Number.isNaN(untilMs))) return "exemptNoUntil";
  if (untilMs !== null && (untilMs < startedMs || untilMs > startedMs + MOST_AWAY_MS)) return "exemptFar";
  return text.trim() === "" ? "exemptNoText" : "";
}
