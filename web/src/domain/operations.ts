/** What an engineer reads: figures as people say them, what wants attention, and tables that leave the page. Pure. */

export interface StreamFigures {
  id: string;
  name: string;
  unit: string;
  kind: string;
  source: "rtsp" | "whip";
  state: string;
  since: string | null;
  connected_since: string | null;
  device: string;
  peer: string;
  problem: string;
  problem_at: string | null;
  tracks: { kind: "video" | "audio"; codec: string }[];
  width: number | null;
  height: number | null;
  bitrate_bps: number;
  lost_5_min: number;
  lost_hour: number;
  lost_day: number;
  jitter_ms: number | null;
  clock_offset_ms: number | null;
  clock_ppm: number | null;
  connections_hour: number;
  connections_day: number;
  attempts_hour: number;
  newest_at: string | null;
  sealed_at: string | null;
  frames_waiting: number;
  frames_unrecorded: number;
}

export const SORTS = ["attention", "name", "state", "bitrate", "loss", "jitter", "clock", "connections", "age"] as const;
export type Sort = (typeof SORTS)[number];

/** A recorder comes back after a pause: that is no flapping yet. */
export const FLAPPING_HOUR = 3;
export const CLOCK_WRONG_MS = 2000;
export const JITTER_HIGH_MS = 60;

export type Trouble = "unrecorded" | "interrupted" | "flapping" | "clock" | "loss" | "jitter";

/** What wants attention, the gravest first. */
export function troublesOf(one: StreamFigures): Trouble[] {
  const found: [Trouble, boolean][] = [
    ["unrecorded", one.frames_unrecorded !== 0],
    ["interrupted", one.state === "interrupted"],
    ["flapping", one.connections_hour >= FLAPPING_HOUR],
    ["clock", one.clock_offset_ms !== null && Math.abs(one.clock_offset_ms) >= CLOCK_WRONG_MS],
    ["loss", one.lost_5_min > 0],
    ["jitter", one.jitter_ms !== null && one.jitter_ms >= JITTER_HIGH_MS],
  ];
  return found.filter(([, holds]) => holds).map(([name]) => name);
}

/** How old the newest picture is; null: none came. What the hub's clock says later is never younger than now. */
export function ageMs(one: StreamFigures, nowMs: number): number | null {
  return one.newest_at === null ? null : Math.max(0, nowMs - Date.parse(one.newest_at));
}

const WEIGHT: Record<Trouble, number> = { unrecorded: 32, flapping: 16, interrupted: 8, clock: 4, loss: 2, jitter: 1 };
/** Flapping sources on top, but nothing above what the disk did not take. */
const attention = (one: StreamFigures): number => troublesOf(one).reduce((sum, name) => sum + WEIGHT[name], 0);

function keyOf(one: StreamFigures, sort: Sort, nowMs: number): number | string {
  switch (sort) {
    case "attention":
      return attention(one) * 1e6 + one.connections_hour;
    case "bitrate":
      return one.bitrate_bps;
    case "loss":
      return one.lost_hour;
    case "jitter":
      return one.jitter_ms ?? -1;
    case "clock":
      return one.clock_offset_ms === null ? -1 : Math.abs(one.clock_offset_ms);
    case "connections":
      return one.connections_hour * 1e5 + one.connections_day;
    case "age":
      return ageMs(one, nowMs) ?? -1;
    case "state":
      return one.state;
    default:
      return one.name;
  }
}

/** Whatever the order, two of the same are in the order of their ids: rows do not jump while figures stand still. */
export function sorted(rows: readonly StreamFigures[], sort: Sort, down: boolean, nowMs: number): StreamFigures[] {
  const keys = new Map(rows.map((one) => [one.id, keyOf(one, sort, nowMs)]));
  const sign = down ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [keys.get(a.id) ?? 0, keys.get(b.id) ?? 0];
    const order = typeof x === "string" && typeof y === "string" ? x.localeCompare(y, "zh", { numeric: true }) : Number(x) - Number(y);
    return order !== 0 ? sign * order : a.id.localeCompare(b.id, "en", { numeric: true });
  });
}

export function fits(one: StreamFigures, text: string, state: string, unitName: string): boolean {
  if (state === "trouble" ? troublesOf(one).length === 0 : state !== "" && one.state !== state) return false;
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const told = [one.id, one.name, one.peer, one.device, unitName, ...one.tracks.map((track) => track.codec)].join(" ").toLowerCase();
  return words.every((word) => told.includes(word));
}

/** Which rows are in sight, with some on both sides, of rows that all have one height. */
export function windowOf(count: number, top: number, height: number, row: number, beyond = 12): { from: number; to: number } {
  const from = Math.max(0, Math.min(count, Math.floor(top / row)) - beyond);
  return { from, to: Math.max(from, Math.min(count, Math.ceil((top + height) / row) + beyond)) };
}

const PREFIXES = ["", "K", "M", "G", "T", "P"] as const;

function scaled(value: number, step: number): [string, number] {
  let power = 0;
  let rest = Math.abs(value);
  while (rest >= step * 0.9995 && power < PREFIXES.length - 1) {
    rest /= step;
    power += 1;
  }
  const digits = power === 0 || rest >= 100 ? 0 : rest >= 10 ? 1 : 2;
  return [`${value < 0 ? "-" : ""}${rest.toFixed(digits)}`, power];
}

/** 1536 → 1.50 KiB. */
export function bytesText(bytes: number): string {
  const [text, power] = scaled(bytes, 1024);
  return `${text} ${PREFIXES[power]}${power > 0 ? "i" : ""}B`;
}

/** 2060752 → 2.06 Mbit/s. */
export function bpsText(bps: number): string {
  const [text, power] = scaled(bps, 1000);
  return `${text} ${power === 1 ? "k" : PREFIXES[power]}bit/s`;
}

export function msText(ms: number): string {
  const size = Math.abs(ms);
  if (size >= 1000) return `${(ms / 1000).toFixed(size >= 10_000 ? 0 : 1)} s`;
  return `${ms.toFixed(size >= 10 ? 0 : 1)} ms`;
}

export type Measure = "share" | "bytes" | "bps" | "seconds" | "count" | "rate";

/** How each series is said, and from where on it wants attention (and below: a least). */
export const SERIES: Record<string, { measure: Measure; worry?: number; below?: boolean }> = {
  cpu: { measure: "share", worry: 0.8 },
  memory_bytes: { measure: "bytes" },
  streams_live: { measure: "count" },
  streams_interrupted: { measure: "count", worry: 1 },
  ingest_bps: { measure: "bps" },
  recorded_bps: { measure: "bps" },
  lost_packets_per_s: { measure: "rate", worry: 1 },
  connections_per_s: { measure: "rate", worry: 0.2 },
  loop_lag_s: { measure: "seconds", worry: 0.1 },
  fsync_s: { measure: "seconds", worry: 0.5 },
  commit_s: { measure: "seconds", worry: 0.5 },
  disk_queue_bytes: { measure: "bytes", worry: 64 * 1024 * 1024 },
  ledger_queue_bytes: { measure: "bytes", worry: 1_000_000 },
  frames_waiting: { measure: "count" },
  storage_errors: { measure: "count", worry: 1 },
  disk_free_bytes: { measure: "bytes" },
  disk_bps: { measure: "bps" },
  viewers: { measure: "count" },
  viewer_drops_per_s: { measure: "rate" },
  interruptions_open: { measure: "count" },
  notices_failing: { measure: "count", worry: 1 },
  unsigned_s: { measure: "seconds", worry: 180 },
};

export function said(measure: Measure, value: number): string {
  switch (measure) {
    case "share":
      return `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
    case "bytes":
      return bytesText(value);
    case "bps":
      return bpsText(value);
    case "seconds":
      return msText(value * 1000);
    case "rate":
      return `${value >= 10 ? value.toFixed(0) : value.toFixed(2)} /s`;
    default:
      return String(Math.round(value * 10) / 10);
  }
}

export interface Summary {
  now: number | null;
  least: number | null;
  most: number | null;
}

export function summary(values: readonly (number | null)[]): Summary {
  const known = values.filter((one): one is number => one !== null);
  if (known.length === 0) return { now: null, least: null, most: null };
  let [least, most] = [Infinity, -Infinity];
  for (const one of known) [least, most] = [Math.min(least, one), Math.max(most, one)];
  return { now: known.at(-1) ?? null, least, most };
}

/** A line breaks where the hub did not run: no slot for more than two steps. */
export function withGaps(at: readonly number[], values: readonly (number | null)[], stepS: number): [number, number | null][] {
  const out: [number, number | null][] = [];
  at.forEach((ms, place) => {
    const before = at[place - 1];
    if (before !== undefined && ms - before > stepS * 2000) out.push([before + stepS * 1000, null]);
    out.push([ms, values[place] ?? null]);
  });
  return out;
}

/** A cell that a table calculator would take for a formula becomes text: who is written there may be anybody. */
export function csvCell(value: string): string {
  const plain = /^[=+\-@\t\r\n|%]/.test(value) ? `'${value}` : value;
  return `"${plain.replaceAll('"', '""')}"`;
}

/** With the mark that makes Excel read it as UTF-8. */
export function csv(rows: readonly (readonly string[])[]): string {
  return `\ufeff${rows.map((row) => row.map(csvCell).join(",")).join("\r\n")}\r\n`;
}
