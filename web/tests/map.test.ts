import { describe, expect, it } from "vitest";

import { fromGcj02, toGcj02 } from "@/domain/datum";
import { ageOf, labelled, legs, lengthM, metres, PAUSE_MS, pointAt, simplify } from "@/domain/positions";

describe("GCJ-02", () => {
  /** Published with the open conversions in use (eviltransform's tests): WGS-84, then GCJ-02. */
  const PUBLISHED = [
    [31.1774276, 121.5272106, 31.17530398364597, 121.531541859215],
    [22.543847, 113.912316, 22.540796131694766, 113.9171764808363],
    [39.911954, 116.377817, 39.91334545536069, 116.38404722455657],
  ] as const;

  it("is where published values say, within a metre", () => {
    for (const [lat, lon, gcjLat, gcjLon] of PUBLISHED) expect(metres(toGcj02({ lat, lon }), { lat: gcjLat, lon: gcjLon })).toBeLessThan(1);
  });

  it("comes back to a millimetre, and shifts nothing abroad", () => {
    for (const [lat, lon] of PUBLISHED) expect(metres(fromGcj02(toGcj02({ lat, lon })), { lat, lon })).toBeLessThan(0.001);
    const abroad = { lat: 48.8583, lon: 2.2945 };
    expect([toGcj02(abroad), fromGcj02(abroad)]).toEqual([abroad, abroad]);
  });
});

const point = (s: number, lat: number, lon: number) => ({ at_us: s * 1e6, lat, lon });

describe("tracks", () => {
  it("keep their shape and lose what a straight way does not need", () => {
    const straight = Array.from({ length: 200 }, (_, n) => point(n, 30, 104 + n * 1e-4));
    expect(simplify(straight, 3)).toEqual([straight[0], straight[199]]);
    const corner = [...straight.slice(0, 100), ...Array.from({ length: 100 }, (_, n) => point(100 + n, 30 + n * 1e-4, 104.01))];
    const kept = simplify(corner, 3);
    expect(kept.length).toBeLessThan(6);
    for (const one of corner) expect(Math.min(...between(kept, one))).toBeLessThan(3.5);
    expect(simplify(straight.slice(0, 2), 3)).toHaveLength(2);
  });

  it("draw no way where nobody knows it", () => {
    const pause = PAUSE_MS / 1000 + 1;
    expect(legs([point(0, 30, 104), point(60, 30, 104), point(60 + pause, 30, 104)]).map((leg) => leg.length)).toEqual([2, 1]);
    expect(legs([])).toEqual([]);
  });

  it("find where it was at a moment, and never before the first word", () => {
    const points = [point(10, 1, 1), point(20, 2, 2), point(30, 3, 3)];
    expect([9_999, 10_000, 29_999, 99_000].map((ms) => pointAt(points, ms)?.lat)).toEqual([undefined, 1, 2, 3]);
  });

  it("write a few times evenly, the first and the last among them", () => {
    const points = Array.from({ length: 100 }, (_, n) => point(n * 5, 30, 104));
    const told = labelled(points, 8);
    expect([told[0], told.at(-1), told.length <= 9]).toEqual([points[0], points[99], true]);
    expect(labelled([], 8)).toEqual([]);
  });

  it("measure in metres", () => {
    expect(lengthM([point(0, 30, 104), point(1, 31, 104)])).toBeCloseTo(111_195, -1);
  });
});

describe("the age of a position", () => {
  it("is told in the largest whole unit, and old after two minutes", () => {
    const at = (s: number) => ageOf(0, s * 1000);
    expect([at(0), at(59), at(60)]).toEqual([{ key: "seconds", n: 0, old: false }, { key: "seconds", n: 59, old: false }, { key: "minutes", n: 1, old: false }]);
    expect([at(121), at(7200), at(200_000)]).toEqual([{ key: "minutes", n: 2, old: true }, { key: "hours", n: 2, old: true }, { key: "days", n: 2, old: true }]);
    expect(ageOf(5_000_000, 0).n).toBe(0); // a clock that is ahead is no age
  });
});

/** Metres from a place to each straight part of a way, by brute force. */
function between(way: readonly { lat: number; lon: number }[], place: { lat: number; lon: number }): number[] {
  return way.slice(1).map((to, index) => {
    const from = way[index] as { lat: number; lon: number };
    return Math.min(...Array.from({ length: 401 }, (_, n) => metres(place, { lat: from.lat + ((to.lat - from.lat) * n) / 400, lon: from.lon + ((to.lon - from.lon) * n) / 400 })));
  });
}
