/** Exports as far as they wait for an approval, or did. */
import { call } from "@/api/http";

export interface ExportDto {
  id: string;
  stream: string;
  from: string;
  to: string;
  notes: { matter: string; place: string; method: string; officers: string[] };
  reason: string;
  recipient: string;
  state: "requested" | "approved" | "running" | "ready" | "failed" | "rejected" | "cancelled" | "removed";
  requested_by: string;
  requested_at: string;
  decided_by: string;
  decided_at: string | null;
  problem: string;
}

export const listExports = (): Promise<ExportDto[]> => call("/api/exports");

export const approveExport = (id: string): Promise<ExportDto> => call(`/api/exports/${encodeURIComponent(id)}/approve`, { method: "POST" });

export const rejectExport = (id: string, reason: string): Promise<ExportDto> =>
  call(`/api/exports/${encodeURIComponent(id)}/reject`, { method: "POST", body: { reason } });
