/** Which look is about what. The hub decides what may be played; this only spares people a second form. */
import type { LookDto } from "@/api/looks";

/** Whether the look is about each of these streams and the whole range (RFC 3339). */
export function isAbout(look: LookDto, streams: readonly string[], from: string, to: string): boolean {
  const has = new Set(look.streams);
  return streams.every((one) => has.has(one)) && Date.parse(look.from) <= Date.parse(from) && Date.parse(to) <= Date.parse(look.to);
}

export const CHOICES = ["complaint", "case", "quality", "other"] as const;
export type Choice = (typeof CHOICES)[number];

/** The reason as it is kept: the chosen word, and what was written beside it. Empty: not said well enough yet. */
export function reasonOf(choice: Choice | "", word: string, text: string): string {
  const said = text.trim();
  if (choice === "" || choice === "other") return said;
  return said === "" ? word : `${word}：${said}`;
}
