/** How a request is shown: never by colour alone. */
import type { LookState } from "@/api/looks";
import { clockTime, dateOf } from "@/domain/time";

export const SIGNS: Readonly<Record<LookState, { tone: string; glyph: string }>> = {
  pending: { tone: "tone-suspected", glyph: "?" },
  open: { tone: "tone-recorded", glyph: "✓" },
  refused: { tone: "tone-interrupted", glyph: "×" },
  ended: { tone: "tone-off", glyph: "–" },
};

export const moment = (at: string): string => `${dateOf(Date.parse(at))} ${clockTime(Date.parse(at))}`;

/** The day once, where both ends are on it. */
export function span(from: string, to: string): string {
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  return dateOf(begin) === dateOf(end) ? `${moment(from)} – ${clockTime(end)}` : `${moment(from)} – ${moment(to)}`;
}
