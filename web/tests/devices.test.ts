import { describe, expect, it } from "vitest";

import type { StreamDto } from "@/api/types";
import { fits, NO_FILTER, publishCode, storageLeft, unitRows } from "@/domain/devices";

const units = [
  { id: "root", name: "支队", parent: null },
  { id: "hall", name: "大厅", parent: "root" },
  { id: "empty", name: "空", parent: "root" },
];
const status = { state: "live" as const, since: null, tracks: [], device: "", bitrate_bps: 0, complaint: null };
const device = (id: string, more: Partial<StreamDto> = {}): StreamDto => ({ id, name: id, kind: "window", source: { type: "whip" }, unit: "hall", status, ...more });

describe("the register", () => {
  it("finds by words, unit, state, kind and tag", () => {
    const one = device("window-01", { name: "1号窗口", device_number: "DL-7", custodian: "zhang", capabilities: ["night_vision"] });
    const found = (more: Partial<typeof NO_FILTER>): boolean => fits(one, { ...NO_FILTER, ...more }, units, "张三");
    for (const text of ["1号", "WINDOW", "dl-7", "zhang", "张三", " "]) expect(found({ text }), text).toBe(true);
    expect(found({ text: "别的" })).toBe(false);
    expect([found({ unit: "root" }), found({ unit: "hall" }), found({ unit: "empty" })]).toEqual([true, true, false]);
    expect([found({ state: "live" }), found({ state: "idle" }), found({ state: "faulty" })]).toEqual([true, false, false]);
    expect([found({ kind: "window" }), found({ kind: "room" }), found({ tag: "night_vision" }), found({ tag: "positioning" })]).toEqual([true, false, true, false]);
  });

  it("shows the tree with what is live in it, without empty units", () => {
    const rows = unitRows(units, [device("a"), device("b", { status: { ...status, state: "idle" } }), device("c", { unit: "" })]);
    expect(rows.map((row) => [row.unit.id, row.depth, row.live, row.devices])).toEqual([["root", 0, 2, 3], ["hall", 1, 1, 2]]);
  });

  it("tells storage as a share only where the whole is known", () => {
    expect(storageLeft({ storage_left_mb: 512, storage_total_mb: 2048 })).toEqual({ percent: 25, gb: "0.5" });
    expect(storageLeft({ storage_left_mb: 512, storage_total_mb: null })).toEqual({ percent: null, gb: "0.5" });
    expect(storageLeft({ storage_left_mb: null, storage_total_mb: 1 })).toBeNull();
  });

  it("gives a recorder what it needs, as agreed with its page", () => {
    const code = JSON.parse(publishCode("https://hub", { id: "rec-1", name: "记录仪" }, "T")) as unknown;
    expect(code).toEqual({ v: 1, hub: "https://hub", stream: "rec-1", token: "T", name: "记录仪" });
  });
});
