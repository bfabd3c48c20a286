import { describe, expect, it } from "vitest";

import { afterHole, clockOf, mediaTimeOf, type Piece, skipped } from "@/playback/clock";

// Two seconds, a hole of ten on the wall clock that the playlist marks as a gap, two seconds more.
const pieces: Piece[] = [
  { start: 0, duration: 2, clockMs: 100_000, gap: false },
  { start: 2, duration: 10, clockMs: 102_000, gap: true },
  { start: 12, duration: 2, clockMs: 112_000, gap: false },
];

describe("wall clock of a playlist", () => {
  it("counts within a piece", () => {
    expect(clockOf(pieces, 1.5)).toBe(101_500);
    expect(clockOf(pieces, 13)).toBe(113_000);
    expect(clockOf([], 1)).toBeNull();
  });

  it("finds the picture of a moment, and in a hole the first one after it", () => {
    expect(mediaTimeOf(pieces, 101_000)).toBe(1);
    expect(mediaTimeOf(pieces, 105_000)).toBe(12);
    expect(mediaTimeOf(pieces, 999_000)).toBe(14);
    expect(mediaTimeOf([], 1)).toBeNull();
  });

  it("knows where to go on when it has come to a hole, and only then", () => {
    expect(afterHole(pieces, 1.95, 0.2)).toEqual({ from: 102_000, to: pieces[2] });
    expect(afterHole(pieces, 1, 0.2)).toBeNull();
    expect(afterHole(pieces.slice(0, 2), 2, 0.2)).toBeNull();
  });

  it("notices a leap, not a late frame", () => {
    expect(skipped(102_000, 112_040, 40)).toEqual({ from: 102_000, to: 112_040 });
    expect(skipped(102_000, 102_300, 280)).toBeNull();
  });
});
