import { describe, expect, it } from "vitest";

import type { SpanDto } from "@/api/types";
import { barAt, bars, nextBreak, place, withTip } from "@/timeline/bars";
import { DAY, following, HOUR, isAtNow, LONGEST, MINUTE, pan, SHORTEST, span, ticks, timeAt, xOf, zoom } from "@/timeline/scale";

const NOW = Date.parse("2026-11-20T08:00:00Z");
const iso = (ms: number): string => new Date(ms).toISOString();
const gone = { id: "i1", kind: "stall", state: "confirmed" } as const;

function spans(...list: [number, number, SpanDto["state"], SpanDto["interruption"]?][]): SpanDto[] {
  return list.map(([from, to, state, interruption]) => ({ from: iso(NOW + from * 1000), to: iso(NOW + to * 1000), state, interruption: interruption ?? null }));
}

describe("scale", () => {
  it("maps there and back", () => {
    const view = following(NOW, HOUR);
    for (const at of [view.from, NOW - MINUTE, NOW, view.to]) expect(timeAt(view, 900, xOf(view, 900, at))).toBeCloseTo(at, 3);
  });

  it("zooms with the moment under the pointer standing still", () => {
    const view = following(NOW, HOUR);
    const anchor = NOW - 20 * MINUTE;
    const closer = zoom(view, 0.5, anchor);
    expect(span(closer)).toBeCloseTo(HOUR / 2, 3);
    expect(xOf(closer, 900, anchor)).toBeCloseTo(xOf(view, 900, anchor), 6);
  });

  it("stays between two minutes and a day", () => {
    expect(span(zoom(following(NOW, HOUR), 1e-9, NOW))).toBeCloseTo(SHORTEST, 3);
    expect(span(zoom(following(NOW, HOUR), 1e9, NOW))).toBeCloseTo(LONGEST, 3);
  });

  it("does not run into the future", () => {
    const view = following(NOW, HOUR);
    expect(pan(view, 10 * HOUR, NOW)).toEqual(view);
    expect(isAtNow(pan(view, 10 * HOUR, NOW), NOW)).toBe(true);
    expect(isAtNow(pan(view, -10 * MINUTE, NOW), NOW)).toBe(false);
  });

  it("writes round times, never closer than asked", () => {
    for (const length of [5 * MINUTE, HOUR, 6 * HOUR, DAY]) {
      for (const width of [300, 900, 2200]) {
        const list = ticks(following(NOW, length), width, 90);
        list.slice(1).forEach((tick, i) => expect(tick.x - (list[i]?.x ?? 0)).toBeGreaterThan(89.99));
        for (const tick of list) expect(tick.at % 1000).toBe(0);
      }
    }
    expect(ticks(following(NOW, HOUR), 0, 90)).toEqual([]);
  });
});

describe("bars", () => {
  it("have the colours of the words: orange explained, yellow suspected, blue backfilled", () => {
    const list = bars(spans(
      [-60, -50, "recorded"], [-50, -40, "interrupted", gone], [-40, -30, "interrupted", { ...gone, state: "explained" }],
      [-30, -20, "suspected", { ...gone, state: "suspected" }], [-20, -10, "backfilled"], [-10, 0, "off_duty"],
    ));
    expect(list.map((b) => b.look)).toEqual(["recorded", "interrupted", "explained", "suspected", "backfilled", "off"]);
  });

  it("draws the unsealed tip of a live stream up to now", () => {
    const tip = withTip(bars(spans([-60, -4, "recorded"])), "live", undefined, NOW).at(-1);
    expect(tip).toMatchObject({ look: "recorded", from: NOW - 4000, to: NOW });
  });

  it("does not invent footage for a stream that is not live, nor over a long hole", () => {
    expect(withTip(bars(spans([-60, -4, "recorded"])), "interrupted", undefined, NOW)).toHaveLength(1);
    expect(withTip(bars(spans([-600, -300, "recorded"])), "live", undefined, NOW)).toHaveLength(1);
    expect(withTip([], "live", undefined, NOW)).toEqual([]);
  });

  it("lets a running interruption grow from its start to now, once", () => {
    const running = { ...gone, started_at: iso(NOW - 20_000) };
    const list = withTip(bars(spans([-60, -24, "recorded"], [-20, -10, "interrupted", gone])), "interrupted", running, NOW);
    expect(list.map((b) => [b.look, b.from - NOW, b.to - NOW])).toEqual([["recorded", -60_000, -20_000], ["interrupted", -20_000, 0]]);
    expect(withTip([], "suspected", { ...running, state: "suspected" }, NOW)[0]?.look).toBe("suspected");
  });

  it("keeps a two-second break visible in a day, above its neighbours and under the pointer", () => {
    const view = following(NOW, DAY);
    const placed = place(bars(spans([-3602, -3600, "interrupted", gone], [-7200, -3602, "recorded"], [-3600, 0, "recorded"])), view, 1000);
    const broken = placed.at(-1);
    expect(broken?.look).toBe("interrupted");
    expect(broken?.width).toBeGreaterThanOrEqual(3);
    expect(barAt(placed, (broken?.x ?? 0) + 1)?.look).toBe("interrupted");
  });

  it("leaves out what is not in view and cuts what is half in", () => {
    const view = { from: NOW - MINUTE, to: NOW };
    const placed = place(bars(spans([-300, -200, "recorded"], [-90, -30, "recorded"])), view, 600);
    expect(placed).toHaveLength(1);
    expect(placed[0]).toMatchObject({ x: 0, width: 300 });
  });

  it("finds the next and the previous break", () => {
    const list = bars(spans([-100, -90, "interrupted", gone], [-90, -50, "recorded"], [-50, -40, "interrupted", gone]));
    expect(nextBreak(list, NOW - 80_000, true)?.from).toBe(NOW - 50_000);
    expect(nextBreak(list, NOW - 80_000, false)?.from).toBe(NOW - 100_000);
    expect(nextBreak(list, NOW, true)).toBeUndefined();
  });
});
