import { describe, expect, it } from "vitest";

import { Arrivals, decideEdge, type EdgeView, followRate, furthestLead, isNewRun, leanRate, SOUND_LEAD_S, trimBefore, wantedMargin } from "@/live/edge";

/** With fragments of 0.2 s and no stall. */
const MARGIN_S = 0.08;

const view = (change: Partial<EdgeView>): EdgeView => ({
  ranges: [{ start: 10, end: 20 }], currentTime: 19.7, rate: 1, started: true, settling: false, stuckMs: 0, margin: MARGIN_S, lead: 0.3, stalls: 0, fragment: 0.2, sounding: false, ...change,
});

describe("the start", () => {
  it("waits for something to play", () => {
    expect(decideEdge(view({ ranges: [], started: false }))).toEqual({ kind: "none" });
  });

  it("leaps to just behind the end", () => {
    const action = decideEdge(view({ currentTime: 0, started: false }));
    expect(action).toMatchObject({ kind: "seek", why: "start" });
    expect((action as { to: number }).to).toBeCloseTo(20 - MARGIN_S - 0.2);
  });

  it("never leaps to before what there is", () => {
    expect(decideEdge(view({ ranges: [{ start: 5, end: 5.2 }], currentTime: 0, started: false }))).toMatchObject({ to: 5 });
  });

  it("leaps after the hub's first burst rather than crawl after it", () => {
    expect(decideEdge(view({ currentTime: 19, settling: true }))).toMatchObject({ kind: "seek", why: "late" });
    expect(decideEdge(view({ currentTime: 19, settling: false, margin: 0.8 })).kind).toBe("rate");
  });
});

describe("the live edge", () => {
  it("leaves well alone", () => {
    expect(decideEdge(view({}))).toEqual({ kind: "none" });
  });

  it("leans gently, never faster than 1.2 and never slower than 0.95", () => {
    for (let over = -2; over < 5; over += 0.01) {
      for (const current of [0.95, 1, 1.05]) {
        const rate = leanRate(over, current);
        expect(rate === 0.95 || rate === 1 || (rate >= 1.02 && rate <= 1.2)).toBe(true);
      }
    }
    expect(leanRate(2, 1)).toBe(1.2);
    expect(leanRate(-0.1, 1)).toBe(0.95);
  });

  it("does not flutter: it begins late and ends late, on both sides", () => {
    expect([leanRate(0.03, 1), leanRate(-0.03, 1)]).toEqual([1, 1]);
    expect(leanRate(0.03, 1.05)).toBeGreaterThan(1);
    expect(leanRate(-0.03, 0.95)).toBe(0.95);
    expect([leanRate(0, 1.05), leanRate(0, 0.95)]).toEqual([1, 1]);
  });

  it("jumps when more than 1.5 s behind", () => {
    expect(decideEdge(view({ currentTime: 18.4 }))).toMatchObject({ kind: "seek", why: "late" });
    expect(decideEdge(view({ currentTime: 18.6, margin: 1.2 })).kind).toBe("rate");
  });

  it("goes over a hole it is stuck at, and only then", () => {
    const ranges = [{ start: 10, end: 15 }, { start: 15.5, end: 16 }];
    expect(decideEdge(view({ ranges, currentTime: 15, stuckMs: 100 })).kind).not.toBe("seek");
    expect(decideEdge(view({ ranges, currentTime: 15, stuckMs: 400 }))).toMatchObject({ kind: "seek", why: "gap" });
    const action = decideEdge(view({ ranges, currentTime: 15, stuckMs: 400 })) as { to: number };
    expect(action.to).toBeGreaterThanOrEqual(15.5);
    expect(action.to).toBeLessThan(16);
  });

  it("falls back for more margin, but not for ever", () => {
    expect(decideEdge(view({ margin: -0.5 }))).toEqual({ kind: "rate", rate: 0.95 });
    expect(decideEdge(view({ margin: -0.5, lead: 0.42 }))).toEqual({ kind: "none" });
    expect(decideEdge(view({ margin: -0.5, lead: 1 }))).toMatchObject({ kind: "rate", rate: 1.15 });
    expect(decideEdge(view({ margin: -0.5, lead: 0.42, stalls: 3 }))).toEqual({ kind: "rate", rate: 0.95 });
    expect(decideEdge(view({ margin: -0.5, settling: true }))).toEqual({ kind: "none" });
  });

  it("stands the closer the shorter fragments are, and bridges the same hitch", () => {
    const away = (fragment: number): number => 20 - (decideEdge(view({ currentTime: 0, started: false, fragment })) as { to: number }).to;
    expect(away(0.12)).toBeCloseTo(0.12 + 0.12);
    expect(away(0.2)).toBeCloseTo(0.2 + MARGIN_S);
    expect(away(0.4)).toBeCloseTo(0.4 + MARGIN_S);
    for (const fragment of [0.04, 0.12, 0.2]) expect(wantedMargin(fragment, 0) + fragment / 2).toBeCloseTo(0.18);
    expect(decideEdge(view({ margin: -0.5, lead: 0.38, fragment: 0.12 }))).toEqual({ kind: "none" });
    expect(decideEdge(view({ margin: -0.5, lead: 0.3, fragment: 0.12 }))).toMatchObject({ kind: "rate", rate: 0.95 });
  });

  it("leaves its sound enough in hand, however short fragments are", () => {
    const sounding = view({ fragment: 0.08, lead: 0.16, sounding: true });
    expect(decideEdge({ ...sounding, margin: SOUND_LEAD_S - 0.08 })).toEqual({ kind: "none" });
    expect(decideEdge({ ...sounding, margin: 0.14 })).toEqual({ kind: "rate", rate: 0.95 });
    expect(decideEdge(view({ fragment: 0.2, sounding: true }))).toEqual({ kind: "none" });
  });

  it("stays at the end while nothing comes: the last picture is kept", () => {
    expect(decideEdge(view({ currentTime: 20, stuckMs: 60_000 })).kind).toBe("none");
  });

  it("plays further behind after stalls, within reason", () => {
    expect(wantedMargin(0.2, 0)).toBe(MARGIN_S);
    expect(wantedMargin(0.2, 2)).toBeGreaterThan(wantedMargin(0.2, 1));
    expect(wantedMargin(0.2, 100)).toBeLessThan(1);
    expect(furthestLead(0.2, 100)).toBeLessThan(1);
  });
});

describe("what arrivals teach", () => {
  /** Fragments of 0.2 s, each `late` ms after its time; the player is `behind` seconds behind the clock. */
  function arrivals(late: readonly number[]): Arrivals {
    const list = new Arrivals();
    late.forEach((ms, i) => list.add(i * 0.2, i * 200 + ms, 0.2));
    return list;
  }

  it("knows nothing before there are a few", () => {
    expect(arrivals([0, 0, 0]).margin(0, 0)).toBeNull();
  });

  it("is what was left at the late ones, and moves with the player", () => {
    const list = arrivals([0, 0, 50, 0, 0]);
    expect(list.margin(0.5, 800)).toBeCloseTo(0.25);
    expect(list.margin(0.6, 800)).toBeCloseTo(0.15);
  });

  it("is how long fragments are, once there are a few", () => {
    const list = new Arrivals();
    expect(list.fragment()).toBe(0.2);
    for (let i = 0; i < 9; i++) list.add(i * 0.08, i * 80, i % 4 === 0 ? 0.04 : 0.08);
    expect(list.fragment()).toBe(0.08);
  });

  it("does not count one straggler in ten", () => {
    const even = Array.from({ length: 10 }, () => 0);
    expect(arrivals([...even, 300]).margin(1.7, 2000)).toBeCloseTo(0.3);
    expect(arrivals([...even, 300, 300]).margin(1.7, 2000)).toBeCloseTo(0);
  });

  it("forgets after six seconds, and forgets what was before a pause of the source", () => {
    const list = arrivals([100, 100, 100, 100, ...Array.from({ length: 53 }, () => 0)]);
    expect(list.margin(11, 11_200)).toBeCloseTo(0.2);
    list.add(11.4, 14_000, 0.2);
    expect(list.margin(11, 14_000)).toBeNull();
  });
});

describe("a new run", () => {
  it("is told by its origin, which a correction of alignment moves far less", () => {
    expect(isNewRun(1795201914362503, 1795201914382525)).toBe(false);
    expect(isNewRun(1795201914442170, 1795202122500284)).toBe(true);
  });
});

describe("trimming", () => {
  it("keeps ten seconds and does not trim crumbs", () => {
    expect(trimBefore([], 5)).toBeNull();
    expect(trimBefore([{ start: 0, end: 13 }], 13)).toBeNull();
    expect(trimBefore([{ start: 0, end: 15 }], 15)).toBe(5);
  });
});

describe("sound follows the picture", () => {
  it("leaps when far, leans when near, rests when there", () => {
    expect(followRate(10, 9, 1)).toBe("seek");
    expect(followRate(10, 10.01, 1)).toBe(1);
    expect(followRate(10.1, 10, 1)).toBeGreaterThan(1);
    expect(followRate(10, 10.1, 1)).toBeLessThan(1);
    expect(followRate(10, 10, 1.05)).toBe(1.05);
  });
});
