/** The hub's objects as its API tells them (GET /api/openapi.json). Times are RFC 3339, UTC. */

import type { Secrecy } from "./labels";

export const STREAM_KINDS = ["recorder", "window", "room", "vehicle"] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

export const STREAM_STATES = ["live", "suspected", "interrupted", "waiting", "idle", "off_duty"] as const;
export type StreamState = (typeof STREAM_STATES)[number];

export type StreamSource = { type: "rtsp"; url: string; transport?: "tcp" | "udp" } | { type: "whip" };

export interface PointDto {
  at: string;
  at_us: number;
  lat: number;
  lon: number;
  accuracy_m: number | null;
}

/** The newest that a device said of itself. */
export interface TelemetryDto {
  at: string;
  at_us: number;
  battery_percent: number | null;
  storage_left_mb: number | null;
  storage_total_mb: number | null;
  signal_percent: number | null;
  temperature_c: number | null;
  recording_locally: boolean | null;
  position: PointDto | null;
  alarms?: Record<string, string>;
  sos: { id: string; at: string } | null;
}

/** 故障停用: a device that is not to be used, and its repair. */
export interface FaultDto {
  id: string;
  stream: string;
  began_at: string;
  reported_by: string;
  reason: string;
  text: string;
  ended_at: string | null;
  repaired_by: string;
  service: string;
  work: string;
}

export interface StreamStatus {
  state: StreamState;
  /** When this state began. */
  since: string | null;
  tracks: { id: number; kind: "video" | "audio"; codec: string; channels: number }[];
  device: string;
  bitrate_bps: number;
  /** What was last refused of it, or why it failed, in the hub's words. */
  complaint: { code: string; message: string; at: string } | null;
  /** What makes it suspected or interrupted. */
  interruption?: string | null;
  /** When the connection that lasts began. */
  session_at?: string | null;
  telemetry?: TelemetryDto | null;
  /** 故障停用: its device is not to be used. */
  fault?: FaultDto | null;
  /** Labelled at this moment (R31). */
  label?: Secrecy | null;
  peer?: string;
  attempts?: number;
}

/** The activity that lasts: who records, and where. */
export interface RunningActivityDto {
  id: string;
  officers: string[];
  place: string;
  began_at: string;
}

export interface StreamDto {
  id: string;
  name: string;
  kind: StreamKind;
  source: StreamSource;
  /** Empty for the root. */
  unit?: string;
  /** The camera's H.264 sub-stream (子码流): shown in place of the source, never recorded. Its password is masked. */
  preview?: { url: string; transport: "tcp" | "udp" } | null;
  /** Only the list tells it; an event never does. */
  activity?: RunningActivityDto | null;
  device_number?: string;
  /** A username; empty for nobody. */
  custodian?: string;
  capabilities?: ("explosion_proof" | "night_vision" | "positioning")[];
  managed_by_others?: boolean;
  retired?: boolean;
  created_at?: string;
  status: StreamStatus;
}

/** The answer to a new stream has a recorder's token, told this once. */
export interface NewStreamDto extends StreamDto {
  token?: string | null;
}

export const INTERRUPTION_KINDS = [
  "no_signal", "stall", "stopped", "not_started", "loss", "jump", "low_rate", "frozen", "black", "covered", "blurred",
  "silent", "drift", "step", "storage", "hub",
] as const;
export type InterruptionKind = (typeof INTERRUPTION_KINDS)[number];

export const INTERRUPTION_STATES = [
  "suspected", "confirmed", "withdrawn", "resumed", "awaiting", "backfilled", "explained", "closed", "overdue",
] as const;
export type InterruptionState = (typeof INTERRUPTION_STATES)[number];

export interface InterruptionDto {
  id: string;
  stream: string;
  kind: InterruptionKind;
  class: string;
  state: InterruptionState;
  started_at: string;
  detected_at: string;
  ended_at: string | null;
  edge_error_us?: number;
  count?: number;
  rings?: boolean;
  needs_explanation?: boolean;
  /** What it was found by; `picture` names the picture that was kept. */
  evidence?: Record<string, number | string>;
  /** What became of it; null for a suspicion. */
  followup?: FollowupDto | null;
  incident?: string | null;
}

export const FOLLOWUP_STATES = [
  "none", "open", "reported", "awaiting", "partly_backfilled", "backfilled", "explained", "overdue", "exempt", "closed",
  "withdrawn",
] as const;
export type FollowupState = (typeof FOLLOWUP_STATES)[number];

export interface FollowupDto {
  state: FollowupState;
  deadline: string | null;
  reported_at: string | null;
  explained_at: string | null;
  how: "" | "backfilled" | "spoken" | "written" | "paper" | "exempt";
  filled_us: number;
  closed_at: string | null;
  closed_by: string;
  exemption: string;
  findings: string[];
  missing: string[];
  /** The same in parts: any one is enough, but `resume`, which is only told. */
  needs: { code: "footage" | "spoken" | "written" | "resume"; text: string }[];
  /** How many must sign a statement of it. */
  signatures: number;
}

export interface SpanDto {
  from: string;
  to: string;
  state: "recorded" | "interrupted" | "suspected" | "backfilled" | "off_duty";
  interruption?: { id: string; kind: InterruptionKind; state: InterruptionState } | null;
}

export interface TimelineDto {
  spans: SpanDto[];
  /** 0 to 1, or null where nothing was due. */
  completeness: number | null;
}

export interface HubEvent {
  type: string;
  at: string;
  data: unknown;
}
