/** What is a state secret, a trade secret or private (R31), and who said so. */
import { call } from "./http";

export const SECRECIES = ["state_secret", "trade_secret", "privacy"] as const;
export type Secrecy = (typeof SECRECIES)[number];

export interface LabelDto {
  id: string;
  kind: Secrecy;
  stream: string;
  /** Empty: of the stream, or of a range of it. */
  activity: string;
  /** null: from the beginning. */
  from: string | null;
  /** null: until it is lifted. */
  to: string | null;
  reason: string;
  cleared: string[];
  by: string;
  at: string;
  may_lift: boolean;
}

export interface LabelDraft {
  kind: Secrecy;
  reason: string;
  activity?: string;
  stream?: string;
  from?: string;
  to?: string;
  cleared?: string[];
}

/** A labelled time of a stream, without the reasons. */
export interface LabelledDto {
  kind: Secrecy;
  from: string | null;
  to: string | null;
  hidden: boolean;
}

export const setLabel = (draft: LabelDraft): Promise<LabelDto> => call("/api/labels", { method: "POST", body: draft });

export const liftLabel = (id: string, reason: string): Promise<LabelDto> =>
  call(`/api/labels/${encodeURIComponent(id)}/withdraw`, { method: "POST", body: { reason } });

export const listLabels = (stream: string): Promise<LabelDto[]> => call(`/api/labels?stream=${encodeURIComponent(stream)}`);

export const labelledTimes = (stream: string, from: string, to: string): Promise<LabelledDto[]> =>
  call(`/api/streams/${encodeURIComponent(stream)}/labels?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`);
