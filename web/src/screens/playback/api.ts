/** What playback asks of the hub (GET /api/openapi.json). */
import { rfc3339 } from "@/api/hub";
import { ApiError, call, onAnswer401 } from "@/api/http";
import type { InclusionDto, LogSource } from "@/playback/check/proof";
import type { ChunkDto } from "@/playback/check/types";
import type { ActivityLike } from "@/playback/clip";

const of = (stream: string): string => `/api/streams/${encodeURIComponent(stream)}`;
const period = (from: number, to: number): string => new URLSearchParams({ from: rfc3339(from), to: rfc3339(to) }).toString();

// ---------------------------------------------------------------------------------- the entries of what is played

const MOST_PAGES = 50;

export async function chunkEntries(stream: string, fromMs: number, toMs: number): Promise<ChunkDto[]> {
  const found = new Map<number, ChunkDto>();
  let from: string | null = rfc3339(fromMs);
  for (let page = 0; from !== null && page < MOST_PAGES; page += 1) {
    const answer: { chunks: ChunkDto[]; next: string | null } = await call(`${of(stream)}/chunks?${new URLSearchParams({ from, to: rfc3339(toMs) }).toString()}`);
    for (const chunk of answer.chunks) found.set(chunk.seq, chunk);
    from = answer.next;
  }
  return [...found.values()];
}

/** Bytes of a reel as they lie on the disk; null: it does not have them. */
export async function reelBytes(stream: string, reel: string, from: number, size: number): Promise<ArrayBuffer | null> {
  const response = await fetch(`${of(stream)}/reels/${reel}`, { headers: { Range: `bytes=${from}-${from + size - 1}` }, credentials: "same-origin" });
  if (response.status === 401) onAnswer401();
  return response.status === 206 ? response.arrayBuffer() : null;
}

async function text(path: string): Promise<string> {
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new ApiError(response.status, "error", response.statusText);
  return response.text();
}

const KEY_OF = "hub-log-key:";

export const LOG: LogSource = {
  checkpoint: () => text("/api/log/checkpoint"),
  vkey: () => text("/api/log/vkey"),
  inclusion: (index, size): Promise<InclusionDto> => call(`/api/log/proof/inclusion?index=${index}&size=${size}`),
  remembered: {
    get: (origin) => localStorage.getItem(KEY_OF + origin),
    set: (origin, key) => localStorage.setItem(KEY_OF + origin, key),
  },
};

// ------------------------------------------------------------------------------------------- calendar and marks

export interface PeriodDto {
  period: string;
  due_s: number;
  recorded_s: number;
  backfilled_s: number;
  missing_s: number;
  completeness: number | null;
}

export const completenessByDay = async (whose: { stream: string } | { unit: string }, fromMs: number, toMs: number): Promise<PeriodDto[]> =>
  (await call<{ periods: PeriodDto[] }>(`/api/completeness?${period(fromMs, toMs)}&by=day&${new URLSearchParams(whose).toString()}`)).periods;

export interface ActivityDto extends ActivityLike {
  id: string;
  stream: string;
  marks: { kind: "certificate_shown" | "notice" | "key" | "free"; at: string; text: string; by: string }[];
}

export const activitiesOf = (stream: string, fromMs: number, toMs: number): Promise<ActivityDto[]> =>
  call(`/api/activities?${period(fromMs, toMs)}&stream=${encodeURIComponent(stream)}&limit=200`);

export const markActivity = (id: string, atMs: number, textOf: string): Promise<ActivityDto> =>
  call(`/api/activities/${encodeURIComponent(id)}/marks`, { method: "POST", body: { kind: "key", text: textOf, at: rfc3339(atMs) } });

export interface DeviceMarkDto {
  id: string;
  kind: "sos" | "key_mark";
  at: string;
  text: string;
}

export const deviceMarks = (stream: string, fromMs: number, toMs: number): Promise<DeviceMarkDto[]> => call(`${of(stream)}/marks?${period(fromMs, toMs)}`);

// --------------------------------------------------------------------------------------------- holds

export const HOLD_REASONS = [
  "objection", "complaint", "petition", "evasion", "refusal", "obstruction", "verbal_abuse", "insult", "assault", "mass_incident", "emergency", "other",
] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];

export interface HoldDto {
  id: string;
  stream: string;
  from: string;
  to: string;
  reason: HoldReason;
  text: string;
  by: string;
  at: string;
  released_at: string | null;
  released_by: string;
  release_text: string;
  copies: { medium: string; label: string; sha256: string; by: string; at: string }[];
  deleted: boolean;
}

export type HoldState = "in_force" | "not_copied" | "released" | "all";
export const listHolds = (state: HoldState): Promise<HoldDto[]> => call(`/api/holds?state=${state}`);
export const placeHold = (stream: string, fromMs: number, toMs: number, reason: HoldReason, why: string): Promise<HoldDto> =>
  call("/api/holds", { method: "POST", body: { stream, from: rfc3339(fromMs), to: rfc3339(toMs), reason, text: why } });
export const releaseHold = (id: string, why: string): Promise<HoldDto> => call(`/api/holds/${encodeURIComponent(id)}/release`, { method: "POST", body: { text: why } });
export const copiedHold = (id: string, medium: string, label: string, digest: string): Promise<HoldDto> =>
  call(`/api/holds/${encodeURIComponent(id)}/copied`, { method: "POST", body: { medium, label, sha256: digest } });
