/** What an interruption's change means for its stream. Pure. */
import type { InterruptionDto, StreamStatus } from "@/api/types";

import { losesMedia } from "./states";

/**
 * The status after the change, or null where it stays as it is. Of a stream one interruption at a time takes footage
 * away; the end of another one, an older one perhaps, changes nothing.
 */
export function followed(status: StreamStatus, change: Pick<InterruptionDto, "id" | "kind" | "state">): StreamStatus | null {
  if (!losesMedia(change.kind)) return null;
  if (change.state === "suspected") {
    return status.state === "live" ? { ...status, state: "suspected", interruption: change.id } : null;
  }
  if (change.state === "confirmed") return { ...status, state: "interrupted", interruption: change.id };
  const ended = status.state === "suspected" || status.state === "interrupted";
  return ended && (status.interruption ?? change.id) === change.id ? { ...status, state: "live", interruption: null } : null;
}
