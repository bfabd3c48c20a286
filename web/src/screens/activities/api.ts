/** The calls of enforcement activities (执法活动). Times are RFC 3339, UTC. */
import { rfc3339 } from "@/api/hub";
import { call } from "@/api/http";
import type { ActivityExemptionDto } from "@/api/followup";
import type { InterruptionDto, TimelineDto } from "@/api/types";
import { type ActivityFilter, asked } from "@/domain/activities";

export type MarkKind = "certificate_shown" | "notice" | "key" | "free";

export interface OfficerDto {
  name: string;
  certificate: string;
  assistant: boolean;
  username: string;
}

export interface ActivityDto {
  id: string;
  stream: string;
  unit: string;
  unit_name: string;
  device: string;
  mode: "full" | "key_steps";
  officers: OfficerDto[];
  recorder: string;
  party: string;
  party_present: boolean;
  cause: string;
  case_number: string;
  documents: string[];
  place: string;
  matter: string;
  began_at: string;
  ended_at: string | null;
  by: string;
  marks: { kind: MarkKind; at: string; text: string; by: string; entered_at: string }[];
  exemption: (ActivityExemptionDto & { at: string }) | null;
  findings: string[];
  storage: "recording" | "stored" | "due" | "exempt" | "overdue";
  deadline: string | null;
}

export interface SaidDto {
  seq: number;
  at: string;
  said: Record<string, unknown> & { action: string; by: string };
}

export interface ActivityDetailDto extends ActivityDto {
  history: SaidDto[];
}

/** What is said of an activity; what is left out stays as it is. */
export interface ActivityWords {
  officers?: { name: string; certificate: string; assistant: boolean }[];
  recorder?: string;
  party?: string;
  party_present?: boolean;
  cause?: string;
  case_number?: string;
  documents?: string[];
  place?: string;
  matter?: string;
  mode?: "full" | "key_steps";
}

export interface NamedOfficerDto {
  name: string;
  certificate: string;
  assistant: boolean;
  unit: string;
}

export interface FindingDto {
  finding: string;
  text: string;
  clause: string;
  activity: ActivityDto | null;
  stream: string;
  since: string;
}

const one = (id: string): string => `/api/activities/${encodeURIComponent(id)}`;

export function findActivities(filter: ActivityFilter, after: string | null, limit: number): Promise<ActivityDto[]> {
  const query = asked(filter);
  query.set("limit", String(limit));
  if (after !== null) query.set("after", after);
  return call(`/api/activities?${query.toString()}`);
}

export const getActivity = (id: string): Promise<ActivityDetailDto> => call(one(id));
export const beginActivity = (body: ActivityWords & { stream: string; at?: string; ended_at?: string }): Promise<ActivityDto> => call("/api/activities", { method: "POST", body });
export const amendActivity = (id: string, body: ActivityWords & { reason: string }): Promise<ActivityDto> => call(one(id), { method: "PATCH", body });
export const markMoment = (id: string, body: { kind: MarkKind; text: string; at?: string }): Promise<ActivityDto> => call(`${one(id)}/marks`, { method: "POST", body });
export const endActivity = (id: string, at?: string): Promise<ActivityDto> => call(`${one(id)}/end`, { method: "POST", body: at === undefined ? {} : { at } });
export const listOfficers = (): Promise<NamedOfficerDto[]> => call("/api/activities/officers");

export const findingsOf = (unit: string, limit: number): Promise<FindingDto[]> =>
  call(`/api/findings?${new URLSearchParams({ limit: String(limit), ...(unit === "" ? {} : { unit }) }).toString()}`);

export const lineOf = (stream: string, fromMs: number, toMs: number): Promise<TimelineDto> =>
  call(`/api/streams/${encodeURIComponent(stream)}/timeline?${new URLSearchParams({ from: rfc3339(fromMs), to: rfc3339(toMs) }).toString()}`);

export const cutsOf = (stream: string, fromMs: number, toMs: number): Promise<InterruptionDto[]> =>
  call(`/api/interruptions?${new URLSearchParams({ stream, from: rfc3339(fromMs), to: rfc3339(toMs), limit: "200" }).toString()}`);
