import { describe, expect, it } from "vitest";

import { arranged } from "@/domain/arrangement";
import { boundedEvery, type CyclePlan, hold, isWorthATurn, readPlan, staying, stepOver, type Turn, turnOver } from "@/domain/cycle";

const NOBODY: ReadonlySet<string> = new Set();
const ring = Array.from({ length: 10 }, (_, i) => `s${i}`);
const names = (turn: Turn): string => turn.places.map((one) => one?.slice(1) ?? "x").join(" ");

describe("a cycle over a unit", () => {
  it("shows everything in order, and begins again without an empty place", () => {
    let turn = turnOver(ring, 4, null, NOBODY, 1);
    const seen = [names(turn)];
    for (let i = 0; i < 3; i++) seen.push(names((turn = turnOver(ring, 4, turn, NOBODY, 1))));
    expect(seen).toEqual(["0 1 2 3", "4 5 6 7", "8 9 0 1", "2 3 4 5"]);
  });

  it("goes back the way it came", () => {
    const first = turnOver(ring, 4, null, NOBODY, 1);
    const second = turnOver(ring, 4, first, NOBODY, 1);
    expect(names(turnOver(ring, 4, second, NOBODY, -1))).toBe("0 1 2 3");
    expect(names(turnOver(ring, 4, first, NOBODY, -1))).toBe("6 7 8 9");
  });

  it("leaves what is in alarm in its place, and still shows every other", () => {
    let turn = turnOver(ring, 4, null, NOBODY, 1);
    const stay = new Set(["s1"]);
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) {
      turn = turnOver(ring, 4, turn, stay, 1);
      expect(turn.places[1]).toBe("s1");
      expect(new Set(turn.places).size, "nobody is shown twice").toBe(4);
      for (const one of turn.places) seen.add(one ?? "");
    }
    expect(seen.size).toBe(10);
    expect(names(turnOver(ring, 4, turn, NOBODY, 1)), "and lets it go").not.toContain("1");
  });

  it("shows everything at once where there is room", () => {
    const few = turnOver(["a1", "a2"], 4, null, NOBODY, 1);
    expect(few.places).toEqual(["a1", "a2", "", ""]);
    expect(turnOver(["a1", "a2"], 4, few, NOBODY, 1).places).toEqual(few.places);
    expect(turnOver([], 4, few, NOBODY, 1).places).toEqual(["", "", "", ""]);
  });

  it("goes on where it was when devices come and go", () => {
    const first = turnOver(ring, 4, null, NOBODY, 1);
    expect(names(turnOver(ring.filter((one) => one !== "s0"), 4, first, NOBODY, 1))).toBe("4 5 6 7");
    expect(names(turnOver(["s00", ...ring], 4, first, NOBODY, 1))).toBe("4 5 6 7");
  });
});

describe("a cycle over layouts", () => {
  const steps = [arranged(1, ["a"]), arranged(4, ["b", "c", "", "d"])];

  it("shows one after the other, each with its own split", () => {
    const first = stepOver(steps, null, NOBODY, 1);
    const second = stepOver(steps, first, NOBODY, 1);
    expect([first.split, second.split, stepOver(steps, second, NOBODY, 1).split]).toEqual([1, 4, 1]);
    expect(stepOver(steps, first, NOBODY, -1).step).toBe(1);
  });

  it("keeps what is in alarm in its place, or in the last that there is", () => {
    const first = stepOver(steps, null, NOBODY, 1);
    expect(stepOver(steps, first, new Set(["a"]), 1).places).toEqual(["a", "c", "", "d"]);
    const second = stepOver(steps, first, NOBODY, 1);
    expect(stepOver(steps, second, new Set(["d"]), 1).places).toEqual(["d"]);
  });
});

describe("what is not cycled away", () => {
  const since = "2026-11-21T08:00:00Z";
  const at = Date.parse(since);

  it("is a suspicion, an interruption until its alarm is looked after, and a fresh one in any case", () => {
    expect(hold({ state: "live", since }, true, at)).toBe(0);
    expect(hold({ state: "suspected", since }, false, at)).toBe(1);
    expect(hold({ state: "interrupted", since }, false, at + 30_000)).toBe(2);
    expect(hold({ state: "interrupted", since }, false, at + 90_000)).toBe(0);
    expect(hold({ state: "interrupted", since }, true, at + 90_000)).toBe(3);
  });

  it("leaves one place to the others, and keeps the gravest", () => {
    const grave = (id: string): number => Number(id.slice(1));
    expect([...staying(["s1", "s2", "s3", "s4"], grave)]).toEqual(["s4", "s3", "s2"]);
    expect([...staying(["s1"], grave)], "of one place it is all").toEqual(["s1"]);
    expect(staying(["s0", "", null], grave).size).toBe(0);
  });

  it("leaves out what records nothing", () => {
    expect((["live", "suspected", "interrupted", "waiting"] as const).every(isWorthATurn)).toBe(true);
    expect(isWorthATurn("idle") || isWorthATurn("off_duty")).toBe(false);
  });
});

describe("a plan", () => {
  it("has an interval of 5 to 300 seconds", () => {
    expect([1, 5, 12.4, 300, 9999, Number.NaN].map(boundedEvery)).toEqual([5, 5, 12, 300, 300, 20]);
  });

  it("is read from what a browser kept, and nothing else is", () => {
    const plan: CyclePlan = { everyS: 20, unit: "north", steps: [], split: 4, paused: true };
    expect(readPlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
    for (const bad of [null, {}, { ...plan, unit: "" }, { ...plan, split: 3 }, { ...plan, steps: [arranged(1, ["a"])] }]) expect(readPlan(bad)).toBeNull();
  });
});
