/** The events socket's messages (docs/design/parts.md, "The events socket"). */
import type { HubEvent } from "@/api/types";

/** Null for what is no event. */
export function parseEvent(data: string): HubEvent | null {
  try {
    const value: unknown = JSON.parse(data);
    if (typeof value !== "object" || value === null) return null;
    const { type, at, data: body } = value as Partial<HubEvent>;
    return typeof type === "string" && typeof at === "string" && !Number.isNaN(Date.parse(at))
      ? { type, at, data: body }
      : null;
  } catch {
    return null;
  }
}
