import { describe, expect, it } from "vitest";

import { Relief, type TileHealth } from "@/live/relief";

type Given = Partial<TileHealth> & { stream: string };
const tile = (given: Given): TileHealth => ({ pictures: 25, dropped: 0, starved: false, keysOnly: false, dear: false, pixels: 921_600, ...given });

/** A machine that decodes so many tiles: all of them drop pictures while there are more. */
class Wall {
  readonly keys = new Set<string>();
  readonly relief = new Relief();
  readonly steps: string[] = [];
  now = 0;

  constructor(private readonly streams: readonly string[], public room: number, private readonly dear: readonly string[] = []) {}

  run(seconds: number): this {
    for (let i = 0; i < seconds; i++) {
      const over = this.streams.length - this.keys.size > this.room;
      const step = this.relief.look(this.streams.map((stream) => tile({
        stream, keysOnly: this.keys.has(stream), dear: this.dear.includes(stream), dropped: over && !this.keys.has(stream) ? 12 : 0,
      })), (this.now += 1000));
      if (step === null) continue;
      if (step.keysOnly) this.keys.add(step.stream);
      else this.keys.delete(step.stream);
      this.steps.push(`${step.keysOnly ? "-" : "+"}${step.stream}@${this.now / 1000}`);
    }
    return this;
  }
}

describe("a machine that does not decode everything", () => {
  it("gives up nothing while all is well, or for a moment's trouble", () => {
    expect(new Wall(["a", "b"], 2).run(600).steps).toEqual([]);
    const wall = new Wall(["a", "b"], 1).run(2);
    wall.room = 2;
    expect(wall.run(100).steps).toEqual([]);
  });
  it("falls back one tile at a time until the rest plays", () => {
    const wall = new Wall(["a", "b", "c", "d"], 2).run(15);
    expect(wall.keys.size).toBe(2);
    expect(wall.steps).toHaveLength(2);
  });
  it("spares the tile that somebody looks at or listens to", () => {
    expect([...new Wall(["a", "b", "c"], 1, ["a"]).run(30).keys].sort()).toEqual(["b", "c"]);
    expect([...new Wall(["a"], 0, ["a"]).run(6).keys]).toEqual(["a"]);
  });
  it("takes first what costs most", () => {
    const relief = new Relief();
    const look = (now: number) => relief.look([tile({ stream: "small", dropped: 20, pixels: 1 }), tile({ stream: "large", dropped: 10 })], now);
    expect([1000, 2000, 3000, 4000].map(look).find((step) => step !== null)).toEqual({ stream: "large", keysOnly: true });
  });
  it("counts a decoder that gives nothing at all, and not a stream that sends little", () => {
    const relief = new Relief();
    let fell = false;
    for (let s = 1; s <= 5; s++) fell ||= relief.look([tile({ stream: "a", pictures: 0, starved: true })], s * 1000)?.keysOnly === true;
    expect(fell).toBe(true);
    const slow = new Relief();
    for (let s = 1; s <= 60; s++) expect(slow.look([tile({ stream: "a", pictures: 2, dropped: 2 })], s * 1000)).toBeNull();
  });
  it("comes back when there is room, the dear one first", () => {
    const wall = new Wall(["a", "b", "c"], 0, ["b"]).run(20);
    expect(wall.keys.size).toBe(3);
    wall.room = 3;
    wall.steps.length = 0;
    wall.run(120);
    expect(wall.keys.size).toBe(0);
    expect(wall.steps[0]).toMatch(/^\+b/);
  });
  it("tries ever more rarely where there is no room: it does not flutter", () => {
    const wall = new Wall(["a", "b", "c"], 2).run(1800);
    const back = wall.steps.filter((step) => step.startsWith("+")).map((step) => Number(step.split("@")[1]));
    expect(back.length).toBeLessThan(12);
    const gaps = back.slice(1).map((at, i) => at - (back[i] ?? 0));
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(240);
  });
  it("forgets what was measured while the page was hidden", () => {
    const relief = new Relief();
    for (let s = 1; s <= 2; s++) relief.look([tile({ stream: "a", dropped: 25 })], s * 1000);
    relief.forget(2500);
    expect(relief.look([tile({ stream: "a", dropped: 25 })], 3000)).toBeNull();
  });
});
