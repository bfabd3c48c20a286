/** What a tile says of who records, how the device is, where, and how long. Only what the hub knows. */
import type { StreamDto } from "@/api/types";

/** Older than this, what a device said of itself is shown as old. */
export const STALE_REPORT_MS = 120_000;
const LOW_BATTERY = 20;
const WEAK_SIGNAL = 25;

export interface Reported {
  readonly percent: number;
  readonly low: boolean;
  readonly stale: boolean;
}

export interface TileInfo {
  /** Who records first. */
  readonly officers: readonly string[];
  readonly battery: Reported | null;
  readonly signal: Reported | null;
  readonly place: string;
  readonly placeFrom: "activity" | "position" | "unit" | "";
  /** When the device said it, hub UTC, ms. */
  readonly reportedMs: number | null;
  readonly runningMs: number | null;
}

export function tileInfo(stream: StreamDto, unit: string, hubNowMs: number): TileInfo {
  const { telemetry, session_at, state } = stream.status;
  const reportedMs = telemetry ? telemetry.at_us / 1000 : null;
  const stale = reportedMs !== null && hubNowMs - reportedMs > STALE_REPORT_MS;
  const gauge = (value: number | null | undefined, low: number): Reported | null =>
    value === null || value === undefined ? null : { percent: Math.round(value), low: value <= low, stale };
  const running = session_at && state !== "interrupted" ? Math.max(0, hubNowMs - Date.parse(session_at)) : null;
  return {
    officers: stream.activity?.officers ?? [],
    battery: gauge(telemetry?.battery_percent, LOW_BATTERY),
    signal: gauge(telemetry?.signal_percent, WEAK_SIGNAL),
    ...placeOf(stream, unit),
    reportedMs,
    runningMs: running,
  };
}

/** Said by those who are there, or where the device is, or whose it is. */
function placeOf(stream: StreamDto, unit: string): Pick<TileInfo, "place" | "placeFrom"> {
  if (stream.activity?.place) return { place: stream.activity.place, placeFrom: "activity" };
  const position = stream.status.telemetry?.position;
  if (position) return { place: coordinates(position.lat, position.lon), placeFrom: "position" };
  return unit === "" ? { place: "", placeFrom: "" } : { place: unit, placeFrom: "unit" };
}

/** Ten metres or so. */
export function coordinates(lat: number, lon: number): string {
  return `${Math.abs(lat).toFixed(4)}°${lat < 0 ? "S" : "N"} ${Math.abs(lon).toFixed(4)}°${lon < 0 ? "W" : "E"}`;
}
