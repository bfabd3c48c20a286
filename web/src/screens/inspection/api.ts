/** Figures, samples, checks and orders, as the hub tells them. */
import { ApiError, call, onAnswer401 } from "@/api/http";

export const NUMBERS = [
  "interruptions", "unexplained", "overdue", "activities", "full_unexplained", "no_notice", "no_certificate_shown", "no_officers", "only_assistants", "storage_overdue", "no_sound",
] as const;
export type NumberKind = (typeof NUMBERS)[number];
export type Counts = Partial<Record<NumberKind, number>>;

export interface UnitRowDto {
  unit: string;
  name: string;
  parent: string;
  depth: number;
  own: Counts;
  all: Counts;
}

export interface OverviewDto {
  unit: string;
  from: string;
  to: string;
  rows: UnitRowDto[];
  left_out: number;
}

export interface RecordDto {
  of: "interruption" | "activity" | "day";
  id: string;
  unit: string;
  stream: string;
  at: string;
  to: string | null;
  text: string;
}

export interface ViolationDto {
  code: string;
  text: string;
  clause: string;
}

export type Outcome = "pass" | "problem";

export interface ItemDto {
  number: number;
  id: string;
  stream: string;
  at: string;
  to: string;
  result: { outcome: Outcome; code: string; note: string; by: string; at: string } | null;
}

export const POPULATIONS = ["slots", "activities", "streams"] as const;

export interface SampleDto {
  id: string;
  unit: string;
  by: string;
  at: string;
  leaf: string;
  kind: (typeof POPULATIONS)[number];
  from: string;
  to: string;
  filter: Record<string, string | number | null>;
  population: number;
  population_sha256: string;
  size: number;
  seed: string;
  seed_origin: "drawn" | "given";
  items: ItemDto[];
  done: boolean;
  problems: number;
}

export interface OrderDto {
  id: string;
  unit: string;
  by: string;
  at: string;
  sample: string;
  item: number;
  what: string;
  code: string;
  until: string;
  state: "open" | "done" | "closed";
  overdue: boolean;
  steps: { action: string; by: string; at: string; note: string }[];
}

export interface CheckFindingDto {
  step: number;
  harm: string;
  harm_text: string;
  stream: string;
  place: string;
  expected: string;
  found: string;
  text: string;
}

export interface VerdictDto {
  exit: number;
  integrity: string;
  completeness: string;
  provenance: string;
  words: Record<string, string>;
  checkpoint: { origin: string; size: number; root: string };
  key: { vkey: string };
  findings: CheckFindingDto[];
  more_findings: number;
  unchecked: string[];
  notes: string[];
  counts: Record<string, number>;
  seconds_ms: number;
  time: { source?: string } | string;
}

export interface CheckDto {
  id: string;
  unit: string;
  by: string;
  at: string | null;
  started_at: string;
  state: "running" | "failed" | "cancelled" | "done";
  problem: string;
  done_bytes: number;
  total_bytes: number;
  streams: string[];
  from: string | null;
  to: string | null;
  verdict: VerdictDto | null;
  hidden_findings: number;
}

export interface Range {
  unit: string;
  from: string;
  to: string;
}

const API = "/api/inspection";
const query = (asked: object): string => new URLSearchParams(asked as Record<string, string>).toString();
const one = (kind: string, id: string): string => `${API}/${kind}/${encodeURIComponent(id)}`;

export const overviewOf = (range: Range): Promise<OverviewDto> => call(`${API}/overview?${query(range)}`);
export const recordsOf = (range: Range, kind: NumberKind): Promise<RecordDto[]> => call(`${API}/records?${query({ ...range, kind, limit: "500" })}`);
export const violations = (): Promise<ViolationDto[]> => call(`${API}/violations`);
export const listSamples = (): Promise<SampleDto[]> => call(`${API}/samples`);
export const getSample = (id: string): Promise<SampleDto> => call(one("samples", id));
export const drawSample = (body: object): Promise<SampleDto> => call(`${API}/samples`, { method: "POST", body });
export const giveResult = (id: string, item: number, body: { outcome: Outcome; code: string; note: string }): Promise<SampleDto> =>
  call(`${one("samples", id)}/items/${item}`, { method: "POST", body });
export const populationPath = (id: string): string => `${one("samples", id)}/population`;
export const paperPath = (id: string): string => `${one("samples", id)}/paper.pdf`;
export const bulletinPath = (range: Range): string => `${API}/bulletin.xlsx?${query(range)}`;
export const listOrders = (): Promise<OrderDto[]> => call(`${API}/orders`);
export const giveOrder = (body: object): Promise<OrderDto> => call(`${API}/orders`, { method: "POST", body });
export const stepOrder = (id: string, step: "done" | "back" | "close", note: string): Promise<OrderDto> =>
  call(`${one("orders", id)}/${step}`, { method: "POST", body: { note } });
export const listChecks = (): Promise<CheckDto[]> => call(`${API}/checks?limit=50`);
export const startCheck = (body: object): Promise<CheckDto> => call(`${API}/checks`, { method: "POST", body });
export const cancelCheck = (id: string): Promise<CheckDto> => call(`${one("checks", id)}/cancel`, { method: "POST", body: {} });

/** Saves a file of the hub under the name that it gives. Raises ApiError. */
export async function save(path: string): Promise<void> {
  const response = await fetch(path, { credentials: "same-origin" }).catch(() => null);
  if (response === null) throw new ApiError(0, "unreachable", "the hub does not answer");
  if (!response.ok) {
    if (response.status === 401) onAnswer401();
    const told = (await response.json().catch(() => null)) as { error?: { code: string; message: string } } | null;
    throw new ApiError(response.status, told?.error?.code ?? "error", told?.error?.message ?? response.statusText);
  }
  const named = /filename\*=UTF-8''([^;]+)/.exec(response.headers.get("Content-Disposition") ?? "")?.[1];
  const url = URL.createObjectURL(await response.blob());
  const way = document.createElement("a");
  [way.href, way.download] = [url, named === undefined ? "file" : decodeURIComponent(named)];
  way.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
