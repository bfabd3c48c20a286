import { describe, expect, it } from "vitest";

import { catchUpRate, decideEdge, edgeTarget, type EdgeView, followRate, isNewRun, TARGET_S, trimBefore } from "@/live/edge";

const view = (change: Partial<EdgeView>): EdgeView => ({
  ranges: [{ start: 10, end: 20 }], currentTime: 19.7, rate: 1, started: true, settling: false, stuckMs: 0, target: TARGET_S, ...change,
});

describe("the start", () => {
  it("waits for something to play", () => {
    expect(decideEdge(view({ ranges: [], started: false }))).toEqual({ kind: "none" });
  });

  it("leaps to just behind the end", () => {
    const action = decideEdge(view({ currentTime: 0, started: false }));
    expect(action).toMatchObject({ kind: "seek", why: "start" });
    expect((action as { to: number }).to).toBeCloseTo(20 - TARGET_S);
  });

  it("never leaps to before what there is", () => {
    expect(decideEdge(view({ ranges: [{ start: 5, end: 5.2 }], currentTime: 0, started: false }))).toMatchObject({ to: 5 });
  });

  it("leaps after the hub's first burst rather than crawl after it", () => {
    expect(decideEdge(view({ currentTime: 19, settling: true }))).toMatchObject({ kind: "seek", why: "late" });
    expect(decideEdge(view({ currentTime: 19, settling: false })).kind).toBe("rate");
  });
});

describe("the live edge", () => {
  it("leaves well alone", () => {
    expect(decideEdge(view({}))).toEqual({ kind: "none" });
  });

  it("catches up gently, and never faster than 1.1", () => {
    for (let over = 0; over < 5; over += 0.01) {
      const rate = catchUpRate(over, 1);
      expect(rate === 1 || (rate >= 1.02 && rate <= 1.1)).toBe(true);
    }
    expect(catchUpRate(0.5, 1)).toBeGreaterThan(1.02);
  });

  it("does not flutter: it begins late and ends late", () => {
    expect(catchUpRate(0.1, 1)).toBe(1);
    expect(catchUpRate(0.1, 1.05)).toBeGreaterThan(1);
    expect(catchUpRate(0.04, 1.05)).toBe(1);
  });

  it("jumps when more than 1.5 s behind", () => {
    expect(decideEdge(view({ currentTime: 18.4 }))).toMatchObject({ kind: "seek", why: "late" });
    expect(decideEdge(view({ currentTime: 18.6 })).kind).toBe("rate");
  });

  it("goes over a hole it is stuck at, and only then", () => {
    const ranges = [{ start: 10, end: 15 }, { start: 15.5, end: 16 }];
    expect(decideEdge(view({ ranges, currentTime: 15, stuckMs: 100 })).kind).not.toBe("seek");
    expect(decideEdge(view({ ranges, currentTime: 15, stuckMs: 400 }))).toMatchObject({ kind: "seek", why: "gap" });
    const action = decideEdge(view({ ranges, currentTime: 15, stuckMs: 400 })) as { to: number };
    expect(action.to).toBeGreaterThanOrEqual(15.5);
    expect(action.to).toBeLessThan(16);
  });

  it("stays at the end while nothing comes: the last picture is kept", () => {
    expect(decideEdge(view({ currentTime: 20, stuckMs: 60_000 })).kind).toBe("none");
  });

  it("plays further behind after stalls, within reason", () => {
    expect(edgeTarget(0)).toBe(TARGET_S);
    expect(edgeTarget(2)).toBeGreaterThan(edgeTarget(1));
    expect(edgeTarget(100)).toBeLessThan(1);
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
