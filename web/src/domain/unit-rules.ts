/** The rules of a unit that have a form: their fields, bounds and defaults, as the hub reads them. Pure. */
export type Field =
  | { readonly name: string; readonly type: "number"; readonly least: number; readonly most: number; readonly fallback: number }
  | { readonly name: string; readonly type: "choice"; readonly of: readonly string[]; readonly fallback: string }
  | { readonly name: string; readonly type: "set"; readonly of: readonly string[]; readonly fallback: readonly string[] }
  | { readonly name: string; readonly type: "list"; readonly least: number; readonly most: number; readonly fallback: readonly number[] }
  | { readonly name: string; readonly type: "time"; readonly fallback: string };

const number = (name: string, fallback: number, least: number, most: number): Field => ({ name, type: "number", least, most, fallback });
const EXEMPTIONS = ["continuous", "elsewhere", "frontier", "water", "hard_access"] as const;
const MODES = ["full", "key_steps"] as const;

export const FORMS = {
  followup: [
    number("deadline_h", 24, 1, 720), number("warn_before_h", 4, 0, 168), number("escalate_every_h", 24, 1, 168), number("report_within_min", 30, 1, 1440),
    number("report_window_min", 30, 1, 1440), number("spoken_within_s", 600, 10, 3600), number("spoken_min_ms", 1000, 500, 60000), number("signatures", 2, 2, 5),
  ],
  deadlines: [
    { name: "storage", type: "choice", of: ["24h", "24h_no_exemption", "end_of_day"], fallback: "24h" },
    { name: "exemptions", type: "set", of: EXEMPTIONS, fallback: EXEMPTIONS },
    { name: "day_end", type: "time", fallback: "18:00" },
    number("grace_minutes", 60, 0, 1440),
    { name: "warn_minutes", type: "list", least: 0, most: 1440, fallback: [240, 60] },
    { name: "escalate_hours", type: "list", least: 0, most: 720, fallback: [0, 12, 24, 48] },
  ],
  activities: [
    { name: "mode", type: "choice", of: MODES, fallback: "key_steps" },
    { name: "room_mode", type: "choice", of: MODES, fallback: "full" },
    { name: "accountable", type: "set", of: ["recorder", "window", "room", "vehicle"], fallback: ["recorder", "vehicle"] },
    number("grace_s", 120, 0, 3600), number("marks_within_s", 300, 0, 86400), number("gap_s", 5, 0, 3600),
  ],
  telemetry: [
    number("battery_warning_percent", 20, 0, 100), number("battery_critical_percent", 5, 0, 100), number("storage_warning_percent", 10, 0, 100), number("storage_critical_percent", 3, 0, 100),
    number("storage_warning_mb", 2048, 0, 1_000_000_000), number("storage_critical_mb", 512, 0, 1_000_000_000), number("signal_weak_percent", 20, 0, 100), number("signal_weak_s", 30, 0, 3600),
    number("silent_s", 60, 0, 86400), number("clear_by_percent", 5, 0, 50),
  ],
} as const satisfies Record<string, readonly Field[]>;

export type FormName = keyof typeof FORMS;
export const FORM_NAMES = Object.keys(FORMS) as FormName[];

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

/** What is shown in a form: lists as text, everything else as it is. What a rule does not say has the hub's default. */
export function toDraft(fields: readonly Field[], value: unknown): Record<string, string | string[]> {
  const given = isObject(value) ? value : {};
  return Object.fromEntries(
    fields.map((field) => {
      const one = given[field.name] ?? field.fallback;
      if (field.type === "set") return [field.name, Array.isArray(one) ? one.map(String) : [...field.fallback]];
      return [field.name, Array.isArray(one) ? one.join(", ") : String(one)];
    }),
  );
}

export type Wrong = Record<string, { least: number; most: number } | null>;

/** The rule to send, keeping what has no field; and the fields that cannot be read. */
export function fromDraft(fields: readonly Field[], draft: Record<string, string | string[]>, before: unknown): { rule: Record<string, unknown>; wrong: Wrong } {
  const rule: Record<string, unknown> = isObject(before) ? { ...before } : {};
  const wrong: Wrong = {};
  for (const field of fields) {
    const raw = draft[field.name] ?? "";
    if (field.type === "set") rule[field.name] = Array.isArray(raw) ? field.of.filter((one) => raw.includes(one)) : [];
    else if (field.type === "choice") rule[field.name] = raw;
    else if (field.type === "time") {
      rule[field.name] = raw;
      if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(String(raw))) wrong[field.name] = null;
    } else {
      const texts = field.type === "list" ? String(raw).split(/[,，、\s]+/).filter((one) => one !== "") : [String(raw)];
      const numbers = texts.map((one) => whole(one, field.least, field.most));
      if (numbers.some((one) => one === null)) wrong[field.name] = { least: field.least, most: field.most };
      else rule[field.name] = field.type === "list" ? numbers : numbers[0];
    }
  }
  return { rule, wrong };
}

export function whole(text: string, least: number, most: number): number | null {
  const found = /^\d{1,10}$/.test(text.trim()) ? Number(text) : NaN;
  return found >= least && found <= most ? found : null;
}

// ------------------------------------------------------------------------------- thresholds of interruptions

export const EDGES = ["record_from", "ring_from", "explain_from"] as const;
export type Edge = (typeof EDGES)[number];
/** Seconds, or null: never; undefined: not said here. */
export type Threshold = number | null | undefined;

/** What one unit says of one kind, in seconds, whichever unit of time it used. */
export function threshold(rule: unknown, kind: string, edge: Edge): Threshold {
  const of = isObject(rule) ? rule[kind] : undefined;
  if (!isObject(of)) return undefined;
  const ms = of[`${edge}_ms`];
  if (ms !== undefined) return typeof ms === "number" ? ms / 1000 : null;
  const s = of[`${edge}_s`];
  return s === undefined ? undefined : typeof s === "number" ? s : null;
}

/** The rule with one threshold in place of what it said; whole seconds where that is exact, else ms. */
export function withThreshold(rule: unknown, kind: string, edge: Edge, value: Threshold): Record<string, unknown> {
  const all: Record<string, unknown> = isObject(rule) ? { ...rule } : {};
  const before = all[kind];
  const of: Record<string, unknown> = Object.fromEntries(Object.entries(isObject(before) ? before : {}).filter(([key]) => key !== `${edge}_s` && key !== `${edge}_ms`));
  if (value === null || (value !== undefined && Number.isInteger(value))) of[`${edge}_s`] = value;
  else if (value !== undefined) of[`${edge}_ms`] = Math.round(value * 1000);
  const others = Object.entries(all).filter(([key]) => key !== kind);
  return Object.fromEntries(Object.keys(of).length === 0 ? others : [...others, [kind, of]]);
}

// ------------------------------------------------------------------------------- lines of notices

export interface NoticeLine {
  levels: number[];
  repeat_every_min: number;
  escalate_after_min: number;
  quiet_hours: string | null;
  loud_level: number;
  /** What has no field here (kinds, channels, hours) is kept as it is. */
  [other: string]: unknown;
}

/** As the hub has them where nobody set any (docs/design/notices.md). */
export const NOTICE_DEFAULT: readonly NoticeLine[] = [
  { levels: [1], repeat_every_min: 5, escalate_after_min: 10, quiet_hours: null, loud_level: 2 },
  { levels: [2], repeat_every_min: 15, escalate_after_min: 30, quiet_hours: null, loud_level: 2 },
  { levels: [3], repeat_every_min: 60, escalate_after_min: 240, quiet_hours: "22:00-07:00", loud_level: 2 },
];

export function noticeLines(value: unknown): NoticeLine[] {
  if (!Array.isArray(value)) return NOTICE_DEFAULT.map((one) => ({ ...one, levels: [...one.levels] }));
  return value.filter(isObject).map((one) => ({
    ...one,
    levels: Array.isArray(one["levels"]) ? one["levels"].map(Number) : [1, 2, 3, 4],
    repeat_every_min: Number(one["repeat_every_min"] ?? 0),
    escalate_after_min: Number(one["escalate_after_min"] ?? 0),
    quiet_hours: typeof one["quiet_hours"] === "string" ? one["quiet_hours"] : null,
    loud_level: Number(one["loud_level"] ?? 2),
  }));
}
