import { describe, expect, it } from "vitest";

import type { StreamDto, StreamState } from "@/api/types";
import { buildTree, parentRow, rowsOf, streamsBelow, type TreeRow, windowOf } from "@/domain/tree";

const unit = (id: string, parent: string | null, name = id) => ({ id, name, parent });
const stream = (id: string, unit: string, state: StreamState = "live", name = id): StreamDto => ({
  id, name, unit, kind: "window", source: { type: "whip" },
  status: { state, since: null, tracks: [], device: "", bitrate_bps: 0, complaint: null },
});

const units = [unit("root", null, "总局"), unit("north", "root", "北区大队"), unit("hall", "north", "办事大厅"), unit("south", "root", "南区大队")];
const streams = [
  stream("win-1", "hall", "live", "1号窗口"), stream("win-2", "hall", "interrupted", "2号窗口"), stream("rec-7", "north", "suspected", "执法记录仪07"),
  stream("car-1", "south", "idle", "巡逻车"), stream("door", "", "waiting", "大门"),
];
const roots = buildTree(units, streams);
const keys = (rows: TreeRow[]): string[] => rows.map((row) => `${"  ".repeat(row.depth)}${row.key.split(":")[1] ?? ""}`);
const all = (): boolean => true;

describe("the device tree", () => {
  it("counts what is going on in each unit and below it", () => {
    const [root] = roots;
    expect(root?.counts).toMatchObject({ all: 5, live: 1, interrupted: 1, suspected: 1, idle: 1, waiting: 1 });
    expect(root?.units[0]?.counts).toMatchObject({ all: 3, live: 1, interrupted: 1, suspected: 1 });
    expect(root?.units[1]?.counts).toMatchObject({ all: 1, idle: 1 });
  });

  it("shows what is open", () => {
    expect(keys(rowsOf(roots, all))).toEqual(["root", "  north", "    hall", "      win-1", "      win-2", "    rec-7", "  south", "    car-1", "  door"]);
    expect(keys(rowsOf(roots, (id) => id === "root"))).toEqual(["root", "  north", "  south", "  door"]);
    expect(keys(rowsOf(roots, () => false))).toEqual(["root"]);
  });

  it("begins where this person's rights begin, and hides no stream of a unit that it does not know", () => {
    const own = buildTree([unit("hall", "north")], [stream("win-1", "hall"), stream("lost", "nowhere")]);
    expect(keys(rowsOf(own, all))).toEqual(["hall", "  win-1", "", "  lost"]);
  });

  it("finds by name, by id, by unit, in any width and case, and opens what it finds", () => {
    const found = (text: string): string[] => keys(rowsOf(roots, () => false, text)).map((key) => key.trim());
    expect(found("2号")).toEqual(["root", "north", "hall", "win-2"]);
    expect(found("ＲＥＣ-７")).toEqual(["root", "north", "rec-7"]);
    expect(found("大厅")).toEqual(["root", "north", "hall", "win-1", "win-2"]);
    expect(found("大厅 1号")).toEqual(["root", "north", "hall", "win-1"]);
    expect(found("北区")).toEqual(["root", "north", "hall", "win-1", "win-2", "rec-7"]);
    expect(found("nothing like it")).toEqual([]);
  });

  it("knows what lies below a unit, and the row above one", () => {
    expect(streamsBelow(roots, "north").map((one) => one.id)).toEqual(["rec-7", "win-1", "win-2"]);
    expect(streamsBelow(roots, "nowhere")).toEqual([]);
    const rows = rowsOf(roots, all);
    expect(parentRow(rows, 4)).toBe(2);
    expect(parentRow(rows, 0)).toBe(0);
  });

  it("does not go round in circles", () => {
    expect(buildTree([unit("a", "b"), unit("b", "a")], [])).toEqual([]);
  });

  it("draws only the rows near the part in sight", () => {
    expect(windowOf(0, 320, 32, 2000, 8)).toEqual({ from: 0, to: 18 });
    expect(windowOf(32_000, 320, 32, 2000, 8)).toEqual({ from: 992, to: 1018 });
    expect(windowOf(63_900, 320, 32, 2000, 8).to).toBe(2000);
    expect(windowOf(0, 0, 0, 2000)).toEqual({ from: 0, to: 50 });
  });
});
