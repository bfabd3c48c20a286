import { describe, expect, it } from "vitest";

import { arranged, cleared, EMPTY, firstEmpty, inSight, known, nextPlace, put, readArrangement, resized, swapped, trimmed } from "@/domain/arrangement";

const four = arranged(4, ["a", "", "b", ""]);

describe("an arrangement", () => {
  it("has a place for each of its split", () => {
    expect(arranged(4, ["a"]).places).toEqual(["a", "", "", ""]);
    expect(inSight(arranged(1, ["a", "b"]))).toEqual(["a"]);
  });

  it("gives a stream one place: it changes places with what stands there", () => {
    expect(put(four, 1, "c").places).toEqual(["a", "c", "b", ""]);
    expect(put(four, 2, "a").places).toEqual(["b", "", "a", ""]);
    expect(put(four, 0, "c").places, "what stood there leaves").toEqual(["c", "", "b", ""]);
    expect(put(four, 1, "a").places, "it moves").toEqual(["", "a", "b", ""]);
    expect(put(four, 4, "c")).toBe(four);
  });

  it("does not move what one may not see, which only its place tells", () => {
    const hidden = arranged(4, [null, "a", "", ""]);
    expect(swapped(hidden, 0, 2)).toBe(hidden);
    expect(swapped(hidden, 1, 2).places).toEqual([null, "", "a", ""]);
    expect(put(hidden, 0, "a").places, "but it can be replaced").toEqual(["a", "", "", ""]);
    expect(known(hidden).places).toEqual(["", "a", "", ""]);
  });

  it("keeps what a smaller split hides, for the larger one that comes back", () => {
    const one = resized(four, 1);
    expect(trimmed(one).places).toEqual(["a"]);
    expect(resized(one, 4)).toEqual(four);
    expect(inSight(put(one, 0, "b")), "found where it is hidden").toEqual(["b"]);
    expect(put(one, 0, "b").places.filter((id) => id === "b")).toHaveLength(1);
  });

  it("says where the next one goes", () => {
    expect(nextPlace(four, 0)).toBe(1);
    expect(nextPlace(four, 1)).toBe(3);
    expect(nextPlace(arranged(4, ["a", "b", "c", "d"]), 3)).toBe(0);
    expect(firstEmpty(four)).toBe(1);
    expect(firstEmpty(arranged(1, ["a"]))).toBeNull();
    expect(cleared(four, 0).places).toEqual(["", "", "b", ""]);
  });

  it("is read from what a browser kept, and nothing else is", () => {
    expect(readArrangement(JSON.parse(JSON.stringify(four)))).toEqual(four);
    expect(readArrangement({ split: 4, places: ["a", "a", 3] })?.places).toEqual(["a", EMPTY, EMPTY, EMPTY]);
    for (const bad of [null, 1, {}, { split: 5, places: [] }, { split: 4 }, { split: 4, places: Array(17).fill("") }]) expect(readArrangement(bad)).toBeNull();
  });
});
