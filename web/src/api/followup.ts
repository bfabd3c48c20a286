/** What is said and done about interruptions (GET /api/openapi.json, "followup"). */
import { rfc3339 } from "./hub";
import { call } from "./http";
import type { FollowupState, InterruptionDto } from "./types";

export const REPORT_REASONS = [
  "device_fault", "weather", "no_signal", "no_power", "no_storage", "obstructed", "emergency", "maintenance", "other",
] as const;

export interface SignatureDto {
  by: string;
  name: string;
  certificate: string;
  capacity: string;
  at: string;
}

export interface ScanDto {
  id: string;
  by: string;
  sha256: string;
  size: number;
  media: string;
  at: string;
  verdict: string;
  checked_by: string;
}

export interface StatementDto {
  id: string;
  by: string;
  sha256: string;
  at: string;
  /** Told when the statement itself is read. */
  text: string | null;
  signatures: SignatureDto[];
  scans: ScanDto[];
  done_at: string | null;
}

export interface CaseDto extends InterruptionDto {
  statements: StatementDto[];
}

export interface ToldDto {
  at: string;
  by: string;
  /** The entry's type, of an explanation with its form and action: explanation.written.signed. */
  what: string;
  seq: number;
  leaf: string;
  facts: Record<string, unknown>;
}

export interface InterruptionsQuery {
  stream?: string | undefined;
  /** With what lies below it. */
  unit?: string | undefined;
  kinds?: readonly string[] | undefined;
  followup?: FollowupState | undefined;
  fromMs?: number | undefined;
  toMs?: number | undefined;
  after?: string | undefined;
  limit: number;
}

export function findInterruptions(query: InterruptionsQuery): Promise<InterruptionDto[]> {
  const asked = new URLSearchParams({ limit: String(query.limit) });
  if (query.stream !== undefined) asked.set("stream", query.stream);
  if (query.unit !== undefined) asked.set("unit", query.unit);
  if (query.kinds !== undefined && query.kinds.length > 0) asked.set("kind", query.kinds.join(","));
  if (query.followup !== undefined) asked.set("followup", query.followup);
  if (query.fromMs !== undefined) asked.set("from", rfc3339(query.fromMs));
  if (query.toMs !== undefined) asked.set("to", rfc3339(query.toMs));
  if (query.after !== undefined) asked.set("after", query.after);
  return call(`/api/interruptions?${asked.toString()}`);
}

const one = (id: string): string => `/api/interruptions/${encodeURIComponent(id)}`;
const statement = (id: string, name: string): string => `${one(id)}/statements/${encodeURIComponent(name)}`;

export const showCase = (id: string): Promise<CaseDto> => call(one(id));
export const historyOf = (id: string): Promise<ToldDto[]> => call(`${one(id)}/history`);
export const pictureOf = (id: string): string => `${one(id)}/picture`;

export const report = (stream: string, reason: string, text: string): Promise<{ interruption: string | null }> =>
  call(`/api/streams/${encodeURIComponent(stream)}/report`, { method: "POST", body: { reason, text } });

export const speak = (stream: string, interruption: string, fromMs: number, toMs: number): Promise<CaseDto> =>
  call(`/api/streams/${encodeURIComponent(stream)}/spoken`, { method: "POST", body: { interruption, from: rfc3339(fromMs), to: rfc3339(toMs) } });

export const draft = (id: string, text: string): Promise<StatementDto> => call(`${one(id)}/statements`, { method: "POST", body: { text } });
export const readStatement = (id: string, name: string): Promise<StatementDto> => call(statement(id, name));
export const statementPage = (id: string, name: string): string => `${statement(id, name)}/page`;
export const sign = (id: string, name: string, password: string, sha256: string): Promise<CaseDto> =>
  call(`${statement(id, name)}/signatures`, { method: "POST", body: { password, sha256 } });

export const sendScan = (id: string, name: string, file: File): Promise<CaseDto> =>
  call(`${statement(id, name)}/scans`, { method: "POST", file });
export const scanFile = (id: string, name: string, scan: string): string => `${statement(id, name)}/scans/${encodeURIComponent(scan)}`;
export const checkScan = (
  id: string, name: string, scan: string, body: { accepted: boolean; certificates: string[]; text: string },
): Promise<CaseDto> => call(`${scanFile(id, name, scan)}/check`, { method: "POST", body });

export const correct = (id: string, cites: string, text: string, withdraws: boolean): Promise<CaseDto> =>
  call(`${one(id)}/corrections`, { method: "POST", body: { cites, text, withdraws } });
export const close = (id: string): Promise<CaseDto> => call(`${one(id)}/close`, { method: "POST" });

export const EXEMPTIONS = ["maintenance", "continuous", "other_place", "remote", "on_water", "hard_to_reach"] as const;

/** `untilMs`: the return, from which the deadline runs; null for planned maintenance, which asks for nothing. */
export const exempt = (id: string, kind: string, text: string, untilMs: number | null): Promise<CaseDto> =>
  call(`${one(id)}/exemption`, { method: "POST", body: untilMs === null ? { kind, text } : { kind, text, until: rfc3339(untilMs) } });

export const ACTIVITY_EXEMPTIONS = ["continuous", "elsewhere", "frontier", "water", "hard_access"] as const;

/** Why its footage comes later than the rules ask, and since when its officers are back. */
export interface ActivityExemptionDto {
  type: string;
  text: string;
  by: string;
  returned_at: string | null;
}

const activity = (id: string): string => `/api/activities/${encodeURIComponent(id)}`;
export const exemptActivity = (id: string, type: string, text: string): Promise<unknown> =>
  call(`${activity(id)}/exemption`, { method: "POST", body: { type, text } });
export const returnedFrom = (id: string): Promise<unknown> => call(`${activity(id)}/return`, { method: "POST", body: {} });

/** An activity whose footage is not stored yet (待补传). */
export interface DueDto {
  activity: { id: string; stream: string; unit: string; unit_name: string; cause: string; case_number: string; party: string; began_at: string; ended_at: string | null; exemption: ActivityExemptionDto | null };
  deadline: string | null;
  left_s: number | null;
  interruptions: string[];
}

export const backfillDue = (): Promise<DueDto[]> => call("/api/backfill-due");

/** What became of a file that was brought. */
export interface FootageDto {
  id: string;
  stream: string;
  name: string;
  size: number;
  by: string;
  created_at: string;
  state: "receiving" | "received" | "waiting" | "recorded" | "attached" | "apart" | "duplicate" | "failed";
  code: string;
  message: string;
  fills: { interruption: string; from_us: number; to_us: number; whole: boolean }[];
}

export const footage = (id: string): Promise<FootageDto> => call(`/api/footage/${encodeURIComponent(id)}`);
export const footageOf = (stream: string): Promise<FootageDto[]> => call(`/api/footage?stream=${encodeURIComponent(stream)}&limit=50`);
