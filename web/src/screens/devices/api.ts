/** The calls of the register of devices. */
import { call } from "@/api/http";
import type { FaultDto, NewStreamDto, PointDto, StreamDto } from "@/api/types";
import type { AddressTemplate } from "@/domain/address";

const of = (stream: string): string => `/api/streams/${encodeURIComponent(stream)}`;

export interface CustodianDto {
  username: string;
  name: string;
  unit: string;
}

export const listTemplates = (): Promise<AddressTemplate[]> => call("/api/devices/templates");
export const listCustodians = (): Promise<CustodianDto[]> => call("/api/devices/custodians");
export const listDevices = (retired: boolean): Promise<StreamDto[]> => call(`/api/streams${retired ? "?retired=true" : ""}`);
export const getDevice = (id: string): Promise<StreamDto> => call(of(id));

export interface DeviceChange {
  name?: string;
  unit?: string;
  device_number?: string;
  custodian?: string;
  capabilities?: string[];
  source?: { type: "rtsp"; url?: string; transport?: "tcp" | "udp" };
  preview?: { url: string } | null;
}

export const changeDevice = (id: string, body: DeviceChange): Promise<NewStreamDto> => call(of(id), { method: "PATCH", body });
export const renewToken = (id: string): Promise<NewStreamDto> => call(`${of(id)}/token`, { method: "POST" });
export const retireDevice = (id: string): Promise<void> => call(of(id), { method: "DELETE" });

export interface ProbeDto {
  problem: string;
  detail: string;
  codec: string;
  width: number;
  height: number;
  frame_rate: number | null;
  sound: string;
  device: string;
  plays: boolean;
  picture: string | null;
  whole: boolean;
}

export const probe = (body: { source: { type: "rtsp"; url: string; transport?: "tcp" | "udp" }; stream?: string; unit?: string }, signal?: AbortSignal): Promise<ProbeDto> =>
  call("/api/streams/probe", { method: "POST", body, ...(signal === undefined ? {} : { signal }) });

export const faultsOf = (id: string): Promise<FaultDto[]> => call(`/api/faults?stream=${encodeURIComponent(id)}&state=all&limit=50`);
export const reportFault = (id: string, body: { reason: string; text: string }): Promise<FaultDto> => call(`${of(id)}/faults`, { method: "POST", body });
export const recordRepair = (id: string, body: { service: string; work: string }): Promise<FaultDto> => call(`${of(id)}/faults/repair`, { method: "POST", body });

export const track = (id: string, from: string, to: string): Promise<{ points: PointDto[]; complete: boolean }> =>
  call(`${of(id)}/track?${new URLSearchParams({ from, to }).toString()}`);

export interface MaintenanceDto {
  id: string;
  stream: string | null;
  unit: string | null;
  from: string;
  to: string;
  reason: string;
  state: "requested" | "approved" | "refused" | "cancelled";
  requested_by: string;
  decided_by: string;
  note: string;
}

export const maintenanceOf = (id: string): Promise<MaintenanceDto[]> => call(`/api/maintenance?stream=${encodeURIComponent(id)}&limit=20`);
export const askMaintenance = (body: { stream: string; from: string; to: string; reason: string }): Promise<MaintenanceDto> => call("/api/maintenance", { method: "POST", body });
export const decideMaintenance = (id: string, what: "approve" | "refuse" | "cancel"): Promise<MaintenanceDto> =>
  call(`/api/maintenance/${encodeURIComponent(id)}/${what}`, { method: "POST", body: {} });

export const TABLE_TEMPLATE = "/api/devices/template.xlsx";
export const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

export interface TableLine {
  row: number;
  id: string;
  name: string;
  action: "new" | "change" | "same" | "wrong";
  changes: string[];
  problems: { column: string; code: string; found: string }[];
}

export interface TableDto {
  done: boolean;
  new: number;
  change: number;
  same: number;
  wrong: number;
  lines: TableLine[];
}

export const sendTable = (file: File, how: "check" | "good" | "all"): Promise<TableDto> => call(`/api/devices/import?do=${how}`, { method: "POST", file });
