/** Evidence packages: asked for, decided by a second person, fetched. */
import { call } from "./http";

export interface ExportDto {
  id: string;
  stream: string;
  from: string;
  to: string;
  notes: { matter: string; place: string; method: string; officers: string[] };
  reason: string;
  recipient: string;
  state: "requested" | "approved" | "running" | "ready" | "failed" | "rejected" | "cancelled" | "removed";
  progress: number;
  requested_by: string;
  requested_at: string;
  decided_by: string;
  decided_at: string | null;
  finished_at: string | null;
  problem: string;
  files: { part: number; name: string; size: number; sha256: string }[];
}

export interface NewExport {
  session?: string;
  stream: string;
  from: string;
  to: string;
  notes: { matter: string; place: string; method: string; officers: string[] };
  reason: string;
  recipient: string;
  movie: boolean;
}

export const listExports = (): Promise<ExportDto[]> => call("/api/exports");
export const askExport = (body: NewExport): Promise<ExportDto> => call("/api/exports", { method: "POST", body });
const exportAt = (id: string): string => `/api/exports/${encodeURIComponent(id)}`;
export const approveExport = (id: string): Promise<ExportDto> => call(`${exportAt(id)}/approve`, { method: "POST" });
export const rejectExport = (id: string, reason: string): Promise<ExportDto> => call(`${exportAt(id)}/reject`, { method: "POST", body: { reason } });
export const removeExport = (id: string): Promise<ExportDto> => call(exportAt(id), { method: "DELETE" });
export const exportFile = (id: string, part: number): string => `${exportAt(id)}/file?part=${part}`;
