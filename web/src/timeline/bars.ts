/** From what the hub tells of a stream's time to the bars that are drawn. Pure. */
import type { InterruptionDto, SpanDto, StreamState } from "@/api/types";
import { spanLook, type SpanLook } from "@/domain/states";

import { type View, xOf } from "./scale";

export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly look: SpanLook;
  readonly interruption: SpanDto["interruption"];
}

export interface PlacedBar extends Bar {
  readonly x: number;
  readonly width: number;
}

/**
 * What is recorded shows up sealed only, some seconds late. Up to this age the end of the last span is drawn on to
 * now in the stream's present state, so that the line's tip is never an unexplained hole.
 */
const UNSEALED_MS = 25_000;

export function bars(spans: readonly SpanDto[]): Bar[] {
  return spans.map((s) => ({
    from: Date.parse(s.from),
    to: Date.parse(s.to),
    look: spanLook(s),
    interruption: s.interruption ?? null,
  }));
}

/** The bars and their tip: up to `now` by the state of the stream and the interruption that lasts. */
export function withTip(
  known: readonly Bar[],
  state: StreamState,
  running: Pick<InterruptionDto, "id" | "kind" | "state" | "started_at"> | undefined,
  now: number,
): Bar[] {
  const list = known.filter((bar) => bar.from < now).map((bar) => (bar.to > now ? { ...bar, to: now } : bar));
  const lastEnd = list.reduce((end, bar) => Math.max(end, bar.to), 0);
  if (running !== undefined) {
    const started = Date.parse(running.started_at);
    const before = list.filter((bar) => bar.interruption?.id !== running.id);
    const good = before.at(-1);
    if (good?.look === "recorded" && good.to < started && started - good.to < UNSEALED_MS) {
      before[before.length - 1] = { ...good, to: started };
    }
    const { id, kind, state: of } = running;
    const look = of === "suspected" ? "suspected" : "interrupted";
    return [...before, { from: started, to: Math.max(now, started), look, interruption: { id, kind, state: of } }];
  }
  const last = list.at(-1);
  if (state === "live" && last !== undefined && now - lastEnd < UNSEALED_MS && now > lastEnd) {
    list.push({ from: lastEnd, to: now, look: "recorded", interruption: null });
  }
  return list;
}

/** The narrowest a break is drawn: two seconds in a day must still be seen. */
const LEAST_BREAK_PX = 3;

/** Where each visible bar lies; breaks come last so that they are drawn over their neighbours. */
export function place(list: readonly Bar[], view: View, width: number): PlacedBar[] {
  const placed: PlacedBar[] = [];
  for (const bar of list) {
    if (bar.to < view.from || bar.from > view.to) continue;
    const left = Math.max(0, xOf(view, width, bar.from));
    const right = Math.min(width, xOf(view, width, bar.to));
    const least = bar.look === "recorded" || bar.look === "off" ? 0 : LEAST_BREAK_PX;
    const grow = Math.max(0, least - (right - left));
    placed.push({ ...bar, x: Math.max(0, left - grow / 2), width: Math.max(least, right - left) });
  }
  const order = (bar: Bar) => (bar.look === "recorded" || bar.look === "off" ? 0 : 1);
  return placed.sort((a, b) => order(a) - order(b));
}

/** What is under the pointer; a break wins over what lies under it. */
export function barAt(placed: readonly PlacedBar[], x: number): PlacedBar | undefined {
  return placed.findLast((bar) => x >= bar.x && x <= bar.x + bar.width);
}

export const isBreak = (bar: Bar): boolean =>
  bar.look === "interrupted" || bar.look === "explained" || bar.look === "suspected";

/** The nearest break after (or before) a moment, for the jump keys of playback. */
export function nextBreak(list: readonly Bar[], at: number, forward: boolean): Bar | undefined {
  const breaks = list.filter(isBreak).sort((a, b) => a.from - b.from);
  return forward ? breaks.find((bar) => bar.from > at) : breaks.findLast((bar) => bar.to < at);
}
