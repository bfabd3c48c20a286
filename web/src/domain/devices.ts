/** The register of devices: which rows fit, and what is said of a device. Pure. */
import type { StreamDto, TelemetryDto } from "@/api/types";
import type { UnitDto } from "@/api/hub";
import { covers } from "./alarms";

export const TAGS = ["explosion_proof", "night_vision", "positioning"] as const;
export type Tag = (typeof TAGS)[number];

export interface DeviceFilter {
  text: string;
  unit: string;
  /** A state of the stream, or "faulty". */
  state: string;
  kind: string;
  tag: string;
}

export const NO_FILTER: DeviceFilter = { text: "", unit: "", state: "", kind: "", tag: "" };

/** Whether a device is shown. `custodian` is the name of who keeps it. */
export function fits(device: StreamDto, filter: DeviceFilter, units: readonly UnitDto[], custodian: string): boolean {
  if (filter.kind !== "" && device.kind !== filter.kind) return false;
  if (filter.tag !== "" && !(device.capabilities ?? []).includes(filter.tag as Tag)) return false;
  if (filter.state === "faulty" ? (device.status.fault ?? null) === null : filter.state !== "" && device.status.state !== filter.state) return false;
  if (filter.unit !== "" && !covers(units, filter.unit, device.unit ?? "")) return false;
  const wanted = filter.text.trim().toLowerCase();
  const words = [device.name, device.id, device.device_number ?? "", device.custodian ?? "", custodian];
  return wanted === "" || words.some((word) => word.toLowerCase().includes(wanted));
}

export interface UnitRow {
  unit: UnitDto;
  depth: number;
  devices: number;
  live: number;
}

/** The tree as rows, each unit below its parent; counts include what lies below. Units without devices are left out. */
export function unitRows(units: readonly UnitDto[], devices: readonly StreamDto[]): UnitRow[] {
  const ids = new Set(units.map((one) => one.id));
  const tops = units.filter((one) => one.parent === null || !ids.has(one.parent));
  const rows: UnitRow[] = [];
  const walk = (unit: UnitDto, depth: number): void => {
    const mine = devices.filter((one) => covers(units, unit.id, one.unit ?? ""));
    if (mine.length === 0 || depth > 16) return;
    rows.push({ unit, depth, devices: mine.length, live: mine.filter((one) => one.status.state === "live").length });
    for (const below of units) if (below.parent === unit.id) walk(below, depth + 1);
  };
  for (const top of tops) walk(top, 0);
  return rows;
}

/** Storage in words: the share where the whole is known, else what is left. */
export function storageLeft(telemetry: Pick<TelemetryDto, "storage_left_mb" | "storage_total_mb">): { percent: number | null; gb: string } | null {
  const { storage_left_mb: left, storage_total_mb: total } = telemetry;
  if (left === null) return null;
  return { percent: total === null || total <= 0 ? null : Math.floor((left / total) * 100), gb: (left / 1024).toFixed(1) };
}

/** What a phone or a recorder needs to publish, as its QR code carries it. Never in a URL. */
export function publishCode(hub: string, stream: { id: string; name: string }, token: string): string {
  return JSON.stringify({ v: 1, hub, stream: stream.id, token, name: stream.name });
}
