import { describe, expect, it } from "vitest";

import { DRIFT, HubClock, LONGEST_MS } from "@/screens/recorder/clock";

/** A question at `atMs` of this device's clock, which the hub's is ahead of by `ahead`; there and back take so long. */
const asked = (atMs: number, ahead: number, thereMs: number, backMs: number, workMs = 3) => ({
  sentMs: atMs,
  hubTakenMs: atMs + thereMs + ahead,
  hubAnsweredMs: atMs + thereMs + workMs + ahead,
  receivedMs: atMs + thereMs + workMs + backMs,
});

describe("the hub's clock over HTTP", () => {
  it("is unknown before the first answer", () => {
    expect(new HubClock().reading(0)).toBeNull();
  });

  it("is off by half of the way at most, however the two ways share it", () => {
    for (const [there, back] of [[0, 200], [200, 0], [100, 100], [30, 500]] as const) {
      const clock = new HubClock();
      clock.add(asked(1e6, 12_345, there, back));
      const { offsetMs, errorMs } = clock.reading(1e6) ?? { offsetMs: NaN, errorMs: NaN };
      expect(Math.abs(offsetMs - 12_345)).toBeLessThanOrEqual(errorMs);
      expect(errorMs).toBeCloseTo((there + back) / 2 + 0.5, 0);
    }
  });

  it("does not count what the hub itself took", () => {
    const clock = new HubClock();
    clock.add(asked(0, -50, 5, 5, 4000));
    expect(clock.reading(2005)?.errorMs).toBeCloseTo(5.5, 3);
    expect(clock.reading(2005)?.offsetMs).toBeCloseTo(-50, 6);
  });

  it("takes the exchange that says most of that moment, not the newest", () => {
    const clock = new HubClock();
    clock.add(asked(0, 100, 2, 2));
    clock.add(asked(10_000, 100, 400, 100));
    expect(clock.reading(10_000)?.errorMs).toBeCloseTo(2.5 + 10_000 * DRIFT, 1);
    expect(clock.reading(9_000_000)?.errorMs).toBeGreaterThan(200); // hours later the newer one says more
  });

  it("holds for a quartz that runs away within its bound", () => {
    const clock = new HubClock();
    const ahead = (ms: number): number => 1000 + ms * 90e-6;
    for (let at = 0; at < 3_600_000; at += 30_000) clock.add(asked(at, ahead(at), 8, 2));
    for (let at = 0; at < 3_600_000; at += 7_777) {
      const reading = clock.reading(at);
      expect(Math.abs((reading?.offsetMs ?? NaN) - ahead(at))).toBeLessThanOrEqual(reading?.errorMs ?? 0);
    }
  });

  it("keeps the best of very many, and the newest always", () => {
    const clock = new HubClock();
    clock.add(asked(0, 7, 1, 1));
    for (let n = 1; n < 500; n += 1) clock.add(asked(n * 1000, 7, 150, 150));
    expect(clock.reading(0)?.errorMs).toBeCloseTo(1.5, 1);
    clock.add(asked(10_000_000, 7, 150, 150));
    expect(clock.reading(10_000_000)?.errorMs).toBeCloseTo(150.5, 0);
  });

  it("does not believe what cannot be", () => {
    const clock = new HubClock();
    clock.add(asked(0, 0, LONGEST_MS, 10));
    clock.add({ sentMs: 100, hubTakenMs: 0, hubAnsweredMs: 500, receivedMs: 110 });
    clock.add({ sentMs: NaN, hubTakenMs: 0, hubAnsweredMs: 0, receivedMs: 0 });
    expect(clock.reading(0)).toBeNull();
  });

  it("forgets when this device's clock stood still", () => {
    const clock = new HubClock();
    clock.add(asked(0, 0, 1, 1));
    clock.forget();
    expect(clock.reading(0)).toBeNull();
  });
});
