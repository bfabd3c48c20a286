/** The hub's answers that this page reads (openapi.json). */

export interface OfficerDto {
  name: string;
  certificate: string;
  assistant: boolean;
}

export interface ActivityDto {
  readonly id: string;
  readonly mode: "full" | "key_steps";
  readonly officers: readonly OfficerDto[];
  readonly party: string;
  readonly cause: string;
  readonly began_at: string;
  readonly ended_at: string | null;
  readonly marks: readonly { readonly kind: string; readonly at: string; readonly text: string }[];
}

export interface CurrentDto {
  readonly activity: ActivityDto | null;
  readonly phrase: string;
  readonly mode: "full" | "key_steps";
}

export interface FootageDto {
  readonly id: string;
  readonly state: string;
  readonly code: string;
  readonly message: string;
  readonly edge_error_us?: number;
}

export interface TakenDto {
  readonly acknowledged: readonly string[];
  readonly cues: readonly Cue[];
}

export interface Cue {
  readonly id: string;
  readonly cue: string;
  readonly interruption?: string;
  readonly text?: string;
}

/** An event of telemetry: sent again until the hub acknowledges it. */
export interface Happened {
  readonly type: "sos" | "key_mark" | "report" | "cue_ack";
  readonly id: string;
  readonly at: string;
  readonly text?: string;
  readonly reason?: string;
  readonly cue?: string;
  position?: Position;
}

export interface Position {
  readonly lat: number;
  readonly lon: number;
  readonly accuracy_m: number;
  readonly at: string;
}

export const REASONS = ["no_signal", "no_power", "no_storage", "device_fault", "weather", "obstructed", "emergency", "maintenance", "other"] as const;
export type Reason = (typeof REASONS)[number];
