/** Looks at what was recorded: asked for with a reason, and approved where one has no standing grant. */
import { call } from "./http";

export type LookState = "open" | "pending" | "refused" | "ended";

export interface LookDto {
  id: string;
  state: LookState;
  streams: string[];
  from: string;
  to: string;
  reason: string;
  by: string;
  asked_at: string;
  decided_by: string;
  decided_at: string | null;
  note: string;
  /** Until when it may be played; of a pending one, until when it waits. */
  ends_at: string;
}

export interface LookDraft {
  streams: string[];
  from: string;
  to: string;
  reason: string;
}

export const askLook = (draft: LookDraft): Promise<LookDto> => call("/api/looks", { method: "POST", body: draft });

export const getLook = (id: string): Promise<LookDto> => call(`/api/looks/${encodeURIComponent(id)}`);

export interface LooksQuery {
  state?: LookState;
  mine?: boolean;
  limit?: number;
  /** The id of the last one of the page before. */
  after?: string;
}

export function listLooks(query: LooksQuery): Promise<LookDto[]> {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, String(value));
  return call(`/api/looks?${asked.toString()}`);
}

export const decideLook = (id: string, word: "approve" | "refuse", note: string): Promise<LookDto> =>
  call(`/api/looks/${encodeURIComponent(id)}/${word}`, { method: "POST", body: { note } });

export const endLook = (id: string): Promise<LookDto> => call(`/api/looks/${encodeURIComponent(id)}/end`, { method: "POST" });
