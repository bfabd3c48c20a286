/** What the hub tells of itself. */
import { call } from "@/api/http";
import type { StreamFigures } from "@/domain/operations";

export interface StreamsDto {
  at: string;
  counted_since: string;
  streams: StreamFigures[];
}

export interface PointsDto {
  step_s: number;
  /** ms since 1970 */
  at: number[];
  values: Record<string, (number | null)[]>;
}

export interface BalanceDto {
  since: string;
  at: string;
  pictures_received: number;
  pictures_to_recorder: number;
  pictures_given_up: number;
  frames_to_recorder: number;
  frames_settled: number;
  frames_recorded: number;
  frames_unrecorded: number;
  storage_interruptions: number;
  chunks_sealed: number;
  chunk_entries: number;
  entries_missing: number;
  viewer_drops: number;
  due_s: number;
  had_s: number;
  interruptions: number;
  holes: { stream: string; from: string; to: string; seconds: number }[];
  holes_count: number;
  holes_at: string;
  silent: string[];
}

export interface HubDto {
  at: string;
  version: string;
  started_at: string;
  memory_of_history_bytes: number;
  checks: Record<string, string>;
  signer: { vkey: string; key_id: string; custody: string; signed_at: string | null; waiting_bytes: number; problem: string; statements: number; failures: number } | null;
  settings: { name: string; value: string; changed: boolean }[];
  warnings: { at: string; level: string; event: string; facts: Record<string, string> }[];
}

export interface NodeDto {
  name: string;
  roles: string[];
  leads: boolean;
  draining: boolean;
  streams: number;
  version: string;
  since: string | null;
  disk_total_bytes: number | null;
  disk_free_bytes: number | null;
  loop_lag_s: number | null;
  cpu: number | null;
  memory_bytes: number | null;
  outbox_bytes: number | null;
  ledger_queue_bytes: number | null;
  problems: Record<string, string>;
}

export interface StoredDto {
  measured_at: string;
  streams: { stream: string; unit: string; class: string; bytes: number }[];
  beside: Record<string, number>;
  storage_errors: number;
}

export interface RetentionDto {
  classes: { name: string; least_days: number; most_days: number | null; clause: string }[];
  streams: { stream: string; class: string; oldest: string | null; next_at: string | null; may_go_reels: number; may_go_bytes: number; kept_longer_reels: number }[];
  storage: { total_bytes: number; free_bytes: number; low_bytes: number; low: boolean; waiting_bytes: number; may_go_bytes: number; bytes_per_s: number | null; days_left: number | null; full_at: string | null } | null;
  holds_in_force: number;
  holds_not_copied: number;
  problems: string[];
}

export interface LogStatusDto {
  state: "ok" | "late" | "no outside witness";
  size: number;
  anchored_size: number;
  unanchored_since: string | null;
  authorities: { name: string; kind: "witness" | "timestamp"; state: "waiting" | "ok" | "late"; size: number; anchored_at: string | null; unanchored_since: string | null; error: string; error_at: string | null }[];
}

export interface AccessDto {
  id: number;
  at: string;
  by: string;
  what: string;
  reason: string;
  stream: string | null;
  seq: number;
  leaf: string;
  from: string | null;
  to: string | null;
  facts: Record<string, unknown>;
}

export interface ChannelDto {
  name: string;
  kind: string;
  url: string;
  unit: string;
  by: string;
  created_at: string;
  problem: string;
  last_sent_at: string | null;
  waiting: number;
}

const at = (path: string, query: Record<string, string> = {}): string => (Object.keys(query).length > 0 ? `${path}?${new URLSearchParams(query)}` : path);

export const streamFigures = (): Promise<StreamsDto> => call("/api/operations/streams");
export const streamSeries = (id: string): Promise<PointsDto> => call(`/api/operations/streams/${encodeURIComponent(id)}/series`);
export const hubSeries = (fromMs: number, toMs: number): Promise<PointsDto> =>
  call(at("/api/operations/series", { names: "*", from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }));
export const balance = (): Promise<BalanceDto> => call("/api/operations/balance");
export const hubFigures = (): Promise<HubDto> => call("/api/operations/hub");
/** Empty: the hub is one process. */
export const listNodes = (): Promise<{ nodes: NodeDto[] }> => call("/api/operations/nodes");
export const drainNode = (name: string): Promise<{ draining: boolean }> => call(`/api/operations/nodes/${encodeURIComponent(name)}/drain`, { method: "POST" });
export const stored = (): Promise<StoredDto> => call("/api/operations/storage");
export const retention = (): Promise<RetentionDto> => call("/api/retention");
export const logStatus = (): Promise<LogStatusDto> => call("/api/log/status");
export const accesses = (query: Record<string, string>): Promise<AccessDto[]> => call(at("/api/access", query));
export const listChannels = (): Promise<ChannelDto[]> => call("/api/channels");
export const addChannel = (body: { name: string; kind: string; url: string; unit: string }): Promise<ChannelDto> => call("/api/channels", { method: "POST", body });
export const removeChannel = (name: string): Promise<void> => call(`/api/channels/${encodeURIComponent(name)}`, { method: "DELETE" });
export const tryChannel = (name: string): Promise<{ problem: string }> => call(`/api/channels/${encodeURIComponent(name)}/trial`, { method: "POST" });

/** The head as a text, for those who check it elsewhere. */
export async function checkpoint(): Promise<string> {
  const answer = await fetch("/api/log/checkpoint", { credentials: "same-origin" });
  return answer.ok ? answer.text() : "";
}
