/** What a new device must be before it is sent to the hub. Pure. */
import type { StreamKind } from "@/api/types";

export interface DeviceDraft {
  type: "rtsp" | "whip";
  id: string;
  name: string;
  kind: StreamKind;
  url: string;
  transport: "tcp" | "udp";
}

const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const RTSP = /^rtsps?:\/\/[^\s/]+/i;

/** Message keys by field; empty when all is well. */
export function deviceProblems(draft: DeviceDraft): { name?: string; id?: string; url?: string } {
  const problems: { name?: string; id?: string; url?: string } = {};
  if (draft.name.trim() === "") problems.name = "add.missingName";
  if (!ID.test(draft.id)) problems.id = "add.badId";
  if (draft.type === "rtsp" && !RTSP.test(draft.url.trim())) problems.url = "add.badUrl";
  return problems;
}

/** The next free id of a kind: window-01, window-02 … */
export function freeId(kind: StreamKind, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n++) {
    const id = `${kind}-${String(n).padStart(2, "0")}`;
    if (!taken.has(id)) return id;
  }
}
