/** One function per call of the contract that the page uses. */
import { call } from "./http";
import type { InterruptionDto, NewStreamDto, StreamDto, StreamKind, StreamSource, TimelineDto } from "./types";

export interface SessionDto {
  username: string;
  role: string;
  name?: string;
  unit?: string;
  rights?: string[];
  must_change_password?: boolean;
  /** How one signed in. */
  method?: "password" | "oidc" | "token";
  /** The zone in which the hub tells days and times, as Asia/Shanghai. */
  time_zone?: string;
}

export interface UnitDto {
  id: string;
  name: string;
  parent: string | null;
  kind?: "bureau" | "brigade" | "hall" | "office" | "entrusted";
  retired?: boolean;
}

export const listUnits = (): Promise<UnitDto[]> => call("/api/units");

export const signIn = (username: string, password: string): Promise<SessionDto> =>
  call("/api/session", { method: "POST", body: { username, password } });

export const signInWays = (): Promise<{ oidc: boolean }> => call("/api/session/ways");

export const whoAmI = (): Promise<SessionDto> => call("/api/session");

export const signOut = (): Promise<void> => call("/api/session", { method: "DELETE" });

export const listStreams = (): Promise<StreamDto[]> => call("/api/streams");

export interface NewStream {
  id: string;
  name: string;
  kind: StreamKind;
  source: StreamSource;
  unit?: string;
  device_number?: string;
  custodian?: string;
  capabilities?: string[];
  preview?: { url: string };
}

export const addStream = (stream: NewStream): Promise<NewStreamDto> =>
  call("/api/streams", { method: "POST", body: stream });

/** A picture of the wall was saved: the hub enters who, of when, and the digest of the file. */
export const enterGrab = (stream: string, sha256: string, atMs: number): Promise<{ entered_at: string }> =>
  call(`/api/streams/${encodeURIComponent(stream)}/grabs`, { method: "POST", body: { sha256, at: rfc3339(atMs) } });

export const listInterruptions = (limit: number): Promise<InterruptionDto[]> =>
  call(`/api/interruptions?limit=${limit}`);

export const timeline = (stream: string, fromMs: number, toMs: number): Promise<TimelineDto> =>
  call(`/api/streams/${encodeURIComponent(stream)}/timeline?${period(fromMs, toMs)}`);

export const playbackUrl = (stream: string, fromMs: number, toMs: number): string =>
  `/api/streams/${encodeURIComponent(stream)}/playback.m3u8?${period(fromMs, toMs)}`;

export const whipUrl = (stream: string): string => `${location.origin}/whip/${stream}`;

function period(fromMs: number, toMs: number): string {
  return new URLSearchParams({ from: rfc3339(fromMs), to: rfc3339(toMs) }).toString();
}

export const rfc3339 = (ms: number): string => new Date(Math.round(ms)).toISOString();

/** True when the hub answered within the time; it needs no sign-in. */
export async function isAlive(timeoutMs: number): Promise<boolean> {
  try {
    return (await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(timeoutMs) })).ok;
  } catch {
    return false;
  }
}
