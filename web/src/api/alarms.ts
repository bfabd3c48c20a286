/** What rings, who looks after it, who is on duty (GET /api/openapi.json, "notices"). */
import { rfc3339 } from "./hub";
import { call } from "./http";

export interface AlarmDto {
  id: string;
  /** 1 is the gravest. */
  level: number;
  kind: string;
  /** What rang, as interruption:<id>. */
  cause: string;
  stream: string;
  unit: string;
  incident: string;
  /** The alarm of the incident that this one is a part of; it rings no more by itself. */
  joined: string;
  text: string;
  count: number;
  picture: string;
  state: "open" | "acknowledged" | "handled" | "false_alarm" | "cleared";
  since: string;
  raised_at: string;
  over_at: string | null;
  acknowledged_by: string;
  acknowledged_at: string | null;
  settled_by: string;
  settled_at: string | null;
  handed_to: string;
  note: string;
  escalated: number;
  /** Usernames; null: whoever may handle it. */
  rings_for: string[] | null;
  /** Whether it rings for the caller; an event does not say. */
  rings?: boolean;
}

export interface ShiftDto {
  id: string;
  unit: string;
  username: string;
  since: string;
  ended_at: string | null;
  from_whom: string;
}

/** The hub allows this many; a hand-over must name every one. */
const ALL = 1000;

export const openAlarms = (): Promise<AlarmDto[]> => call(`/api/alarms?limit=${ALL}`);
export const settledAlarms = (beforeMs: number | null, limit: number): Promise<AlarmDto[]> =>
  call(`/api/alarms?state=settled&limit=${limit}${beforeMs === null ? "" : `&before=${encodeURIComponent(rfc3339(beforeMs))}`}`);

export type AlarmAction = "acknowledge" | "handle" | "false-alarm" | "note";

export const act = (id: string, action: AlarmAction, note: string): Promise<AlarmDto> =>
  call(`/api/alarms/${encodeURIComponent(id)}/${action}`, { method: "POST", body: { note } });
export const handTo = (id: string, to: string, note: string): Promise<AlarmDto> =>
  call(`/api/alarms/${encodeURIComponent(id)}/hand-over`, { method: "POST", body: { to, note } });

export const shifts = (): Promise<ShiftDto[]> => call("/api/shifts");
export const beginShift = (unit: string): Promise<ShiftDto> => call("/api/shifts/begin", { method: "POST", body: { unit } });
export const endShift = (unit: string): Promise<ShiftDto> => call("/api/shifts/end", { method: "POST", body: { unit } });
export const handOverShift = (body: { unit: string; to: string; password: string; accepted: string[]; note: string }): Promise<ShiftDto> =>
  call("/api/shifts/hand-over", { method: "POST", body });
