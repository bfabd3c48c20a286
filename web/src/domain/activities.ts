/** Enforcement activities (执法活动): the search and its address, moments that people enter, words in a history. Pure. */
import { clockTime, dateOf, momentOfField } from "./time";

export const FINDINGS = [
  "no_officers", "only_assistants", "no_recorder", "recorder_is_assistant", "no_certificate_shown", "no_notice", "unexplained", "storage_overdue", "no_footage",
] as const;
export const STORAGES = ["recording", "due", "overdue", "exempt", "stored"] as const;
export const MODES = ["full", "key_steps"] as const;

/** Empty: not asked for. `from` and `to` are the hub's local times as a field `datetime-local` has them. */
export interface ActivityFilter {
  unit: string;
  device: string;
  officer: string;
  from: string;
  to: string;
  party: string;
  cause: string;
  case: string;
  mode: string;
  storage: string;
  finding: string;
}

export const NO_FILTER: ActivityFilter = { unit: "", device: "", officer: "", from: "", to: "", party: "", cause: "", case: "", mode: "", storage: "", finding: "" };
const KEYS = Object.keys(NO_FILTER) as (keyof ActivityFilter)[];
const CHOICES: Partial<Record<keyof ActivityFilter, readonly string[]>> = { mode: MODES, storage: STORAGES, finding: FINDINGS };

/** What an address says; what it cannot say is left out, so that an old link still opens. */
export function filterFrom(query: Readonly<Record<string, unknown>>): ActivityFilter {
  const filter = { ...NO_FILTER };
  for (const key of KEYS) {
    const value = query[key];
    if (typeof value !== "string") continue;
    const choices = CHOICES[key];
    if (choices !== undefined && !choices.includes(value)) continue;
    if ((key === "from" || key === "to") && localMs(value) === null) continue;
    filter[key] = value.slice(0, 100);
  }
  return filter;
}

/** For the address: only what is asked for. */
export const queryOf = (filter: ActivityFilter): Record<string, string> =>
  Object.fromEntries(KEYS.filter((key) => filter[key].trim() !== "").map((key) => [key, filter[key].trim()]));

/** For the hub. */
export function asked(filter: ActivityFilter): URLSearchParams {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(queryOf(filter))) {
    const ms = key === "from" || key === "to" ? localMs(value) : null;
    query.set(key, ms === null ? value : new Date(ms).toISOString());
  }
  return query;
}

const LOCAL = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?$/;

/** Ms of what a field `datetime-local` says, in the hub's zone, to the second; null for none. */
export function localMs(text: string): number | null {
  const match = LOCAL.exec(text);
  if (match === null || Number.isNaN(Date.parse(`${text}Z`))) return null;
  return momentOfField(text) + Number(match[6] ?? 0) * 1000;
}

/** The other way, to the second. */
export const localText = (ms: number): string => `${dateOf(ms)}T${clockTime(ms)}`;

/** Numbers of documents as people write them: one a line, or with commas between. Each once. */
export const documentsOf = (text: string): string[] => [...new Set(text.split(/[\n,，;；、]+/u).map((one) => one.trim()).filter((one) => one !== ""))];

export interface Changed {
  field: string;
  before: unknown;
  after: unknown;
}

const AMENDED = ["mode", "officers", "recorder", "party", "party_present", "cause", "case_number", "documents", "place", "matter"] as const;

/** For each entry of a history what it changed, with what stood there before. A begin changes nothing. */
export function changes(history: readonly { said: Readonly<Record<string, unknown>> }[]): Changed[][] {
  const now: Record<string, unknown> = {};
  return history.map(({ said }) => {
    const fields = (said["action"] === "begin" ? said : said["action"] === "amend" ? said["fields"] : {}) as Record<string, unknown>;
    const found: Changed[] = [];
    for (const field of AMENDED) {
      if (!(field in (fields ?? {}))) continue;
      if (said["action"] === "amend" && JSON.stringify(now[field]) !== JSON.stringify(fields[field])) found.push({ field, before: now[field], after: fields[field] });
      now[field] = fields[field];
    }
    return found;
  });
}

/** Where a moment lies on a line from 0 to 1; outside of it at its end. */
export const shareOf = (atMs: number, fromMs: number, toMs: number): number => (toMs <= fromMs ? 0 : Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs))));
