/** A hall's day, its calendars and its month, as the hub tells them. */
import { ApiError, call, onAnswer401 } from "@/api/http";
import { rfc3339 } from "@/api/hub";
import type { InterruptionKind, StreamKind, TimelineDto } from "@/api/types";
import type { HoursDto, PieceDto, Span } from "@/domain/calendar";
import type { HallWindow } from "@/domain/hall";

export interface HallWindowDto extends HallWindow {
  timeline: TimelineDto;
}

export interface HallDto {
  unit: string;
  day: string;
  zone: string;
  from: string;
  to: string;
  windows: HallWindowDto[];
  left_out: number;
}

export const hallToday = (unit: string): Promise<HallDto> => call(`/api/halls/${encodeURIComponent(unit)}`);

// ---------------------------------------------------------------------------------------- calendar

/** A unit's hours hold for what lies below it; a stream's for itself. */
export interface Subject {
  kind: "unit" | "stream";
  id: string;
}

export interface ExceptionDto {
  id: string;
  of: Subject;
  date: string;
  until: string;
  /** None: closed. */
  hours: Span[];
  reason: string;
  by: string;
  at: string;
}

export interface CalendarDto {
  zone: string;
  hours: HoursDto | null;
  of: Subject | null;
  by: string;
  at: string | null;
  reason: string;
  exceptions: ExceptionDto[];
  years: number[];
  missing_years: number[];
}

export interface YearDto {
  year: number;
  title: string;
  number: string;
  issued: string;
  source: string;
  holidays: Record<string, string>;
  workdays: string[];
}

export interface NewException {
  date: string;
  until: string;
  hours: Span[];
  reason: string;
}

const hoursPath = ({ kind, id }: Subject): string => `/api/duty/${kind}s/${encodeURIComponent(id)}/hours`;
const subjectQuery = ({ kind, id }: Subject): string => `${kind}=${encodeURIComponent(id)}`;

export const calendarOf = (of: Subject): Promise<CalendarDto> => call(`/api/duty?${subjectQuery(of)}`);
export const giveHours = (of: Subject, hours: HoursDto, reason: string): Promise<CalendarDto> =>
  call(hoursPath(of), { method: "PUT", body: { hours, reason } });
export const takeHours = (of: Subject): Promise<void> => call(hoursPath(of), { method: "DELETE" });
export const addException = (of: Subject, made: NewException): Promise<ExceptionDto> =>
  call("/api/duty/exceptions", { method: "POST", body: { [of.kind]: of.id, ...made } });
export const withdrawException = (id: string, reason: string): Promise<void> =>
  call(`/api/duty/exceptions/${encodeURIComponent(id)}/withdraw`, { method: "POST", body: { reason } });

export async function preview(of: Subject, fromMs: number, toMs: number): Promise<{ zone: string; pieces: PieceDto[] }> {
  const range = new URLSearchParams({ from: rfc3339(fromMs), to: rfc3339(toMs) });
  return call(`/api/duty/calendar?${subjectQuery(of)}&${range.toString()}`);
}

export const years = (): Promise<YearDto[]> => call("/api/duty/years");

/** A table that Windows calls "application/vnd.ms-excel" is one all the same: its name tells. */
export function importYear(file: File): Promise<YearDto> {
  const type = file.name.toLowerCase().endsWith(".json") ? "application/json" : "text/csv";
  return call("/api/duty/years", { method: "POST", file: new File([file], file.name, { type }) });
}

// ------------------------------------------------------------------------------------------- month

export interface FiguresDto {
  due_s: number;
  recorded_s: number;
  backfilled_s: number;
  missing_s: number;
  explained_s: number;
  unexplained_s: number;
  usable_s: number;
  completeness: number | null;
  usable_rate: number | null;
  calendar_missing_days: number;
}

export interface CutsDto {
  kind: InterruptionKind;
  count: number;
  lasted_s: number;
}

export interface MonthDayDto extends FiguresDto {
  day: string;
}

export interface MonthWindowDto extends FiguresDto {
  stream: string;
  name: string;
  unit: string;
  unit_name: string;
  kind: StreamKind;
  retired: boolean;
  before: number | null;
  change: number | null;
  interruptions: CutsDto[];
  no_sound_days: string[];
}

export interface MonthDto {
  month: string;
  unit: string;
  unit_name: string;
  zone: string;
  from: string;
  until: string;
  over: boolean;
  calendar: boolean;
  drawn_at: string;
  drawn_by: string;
  total: FiguresDto;
  before: FiguresDto;
  change: number | null;
  interruptions: CutsDto[];
  days: MonthDayDto[];
  windows: MonthWindowDto[];
}

const monthQuery = (unit: string, month: string): string => new URLSearchParams({ unit, month }).toString();

export const monthOf = (unit: string, month: string): Promise<MonthDto> => call(`/api/completeness/month?${monthQuery(unit, month)}`);

/** The file, and what the hub calls it. Raises ApiError. */
export async function monthFile(unit: string, month: string, ending: "pdf" | "xlsx"): Promise<{ data: Blob; name: string }> {
  const response = await answerTo(`/api/completeness.${ending}?${monthQuery(unit, month)}`);
  const named = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  return { data: await response.blob(), name: named === undefined ? `${unit}-${month}.${ending}` : decodeURIComponent(named) };
}

// ------------------------------------------------------------------------------------------ pictures

export interface Still {
  data: Blob;
  atMs: number;
  black: boolean | null;
}

/** The newest picture; null: none has come since the hub began. */
export async function stillOf(stream: string): Promise<Still | null> {
  const response = await answerTo(`/api/streams/${encodeURIComponent(stream)}/still`);
  if (response.status === 204) return null;
  const black = response.headers.get("X-Picture-Black");
  return { data: await response.blob(), atMs: Date.parse(response.headers.get("X-Picture-At") ?? ""), black: black === null ? null : black === "1" };
}

export const faultPicture = (id: string): string => `/api/interruptions/${encodeURIComponent(id)}/picture`;

async function answerTo(path: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin" });
  } catch {
    throw new ApiError(0, "unreachable", "the hub does not answer");
  }
  if (response.ok) return response;
  if (response.status === 401) onAnswer401();
  const told = (await response.json().catch(() => null)) as { error?: { code: string; message: string } } | null;
  throw new ApiError(response.status, told?.error?.code ?? "error", told?.error?.message ?? response.statusText);
}
