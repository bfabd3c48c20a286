import { describe, expect, it } from "vitest";

import { keyframeAt, lastBefore, nextAfter, partOf, stretches, within } from "@/playback/holes";
import { leant, type Look, mannerOf, otherSpeed, SPEEDS, steer } from "@/playback/sync";

const look = (more: Partial<Look> = {}): Look => ({ aheadS: 0, playing: true, speed: 1, footage: true, seeking: false, ready: true, sinceLeapMs: 10_000, leads: false, ...more });

describe("a tile under the common clock", () => {
  it("plays on untouched within a picture's length", () => {
    expect(steer(look({ aheadS: 0.02 }))).toEqual({ play: true, rate: 1, leap: false, holds: false });
  });
  it("leans when it is a little off, and leaps when leaning would take too long", () => {
    expect(steer(look({ aheadS: -0.15 })).rate).toBeCloseTo(1.18);
    expect(steer(look({ aheadS: 0.5 })).rate).toBeCloseTo(0.8);
    expect(steer(look({ aheadS: -1.2 }))).toMatchObject({ leap: true, holds: true });
    expect(steer(look({ aheadS: -1.2, sinceLeapMs: 100 })).leap).toBe(false);
    expect(steer(look({ aheadS: -1.2, seeking: true })).leap).toBe(false);
  });
  it("brings 0.2 s back to a picture's length within two seconds at each speed", () => {
    for (const speed of [0.25, 0.5, 1, 2, 4, 8]) {
      let ahead = -0.2;
      for (let passed = 0; passed < 2; passed += 1 / 60) ahead += (leant(speed, ahead) - speed) / 60;
      expect(Math.abs(ahead), `${speed}×`).toBeLessThan(speed < 0.5 ? 0.12 : 0.045);
    }
  });
  it("holds the others up while it loads, but not where it has nothing", () => {
    expect(steer(look({ ready: false })).holds).toBe(true);
    expect(steer(look({ footage: false, ready: false }))).toMatchObject({ play: false, holds: false, leap: false });
  });
  it("stands still at exactly the clock's time; who leads a step is followed, not drawn back", () => {
    expect(steer(look({ playing: false, aheadS: 0.04 }))).toMatchObject({ play: false, leap: true });
    expect(steer(look({ playing: false, aheadS: 0.04, leads: true })).leap).toBe(false);
    expect(steer(look({ playing: false, aheadS: 0.001 })).leap).toBe(false);
  });
  it("shows keyframes alone beyond what so many decoders play", () => {
    expect(SPEEDS.map((one) => mannerOf(one, 1))).toEqual(["all", "all", "all", "all", "all", "all", "keys"]);
    expect([mannerOf(4, 2), mannerOf(8, 2), mannerOf(2, 4), mannerOf(4, 4), mannerOf(1, 9), mannerOf(2, 9)]).toEqual(["all", "keys", "all", "keys", "all", "keys"]);
    expect([otherSpeed(1, 1), otherSpeed(1, -1), otherSpeed(16, 1), otherSpeed(0.25, -1)]).toEqual([2, 0.5, 16, 0.25]);
  });
});

describe("where there is footage", () => {
  const piece = (start: number, duration: number, clockMs: number, gap = false) => ({ start, duration, clockMs, gap });
  const pieces = [piece(0, 2, 1000), piece(2, 2, 3000), piece(4, 10, 5000, true), piece(14, 2, 15_000), piece(16, 2, 40_000)];
  it("a gap and a leap of the clock are holes, a seam is none", () => {
    expect(stretches(pieces)).toEqual([{ from: 1000, to: 5000 }, { from: 15_000, to: 17_000 }, { from: 40_000, to: 42_000 }]);
    const list = stretches(pieces);
    expect([within(list, 4000)?.from, within(list, 8000), nextAfter(list, 8000), nextAfter(list, 50_000), lastBefore(list, 8000)]).toEqual([1000, undefined, 15_000, null, 5000]);
  });
  it("finds the keyframe that a segment begins with", () => {
    expect(keyframeAt(pieces, 4500)?.start).toBe(2);
    expect(keyframeAt(pieces, 8000)).toBeUndefined();
  });
  it("loads by parts of ten minutes that adjoin", () => {
    const part = partOf(Date.UTC(2026, 10, 20, 8, 14, 3));
    expect(new Date(part.from).toISOString()).toBe("2026-11-20T08:10:00.000Z");
    expect(partOf(part.to).from).toBe(part.to);
  });
});
