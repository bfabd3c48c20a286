import { describe, expect, it } from "vitest";

import { bpsText, bytesText, csv, fits, msText, said, sorted, type StreamFigures, summary, troublesOf, windowOf, withGaps } from "@/domain/operations";

const NOW = Date.parse("2026-11-21T10:00:00Z");

function figures(id: string, given: Partial<StreamFigures> = {}): StreamFigures {
  return {
    id, name: id, unit: "", kind: "window", source: "rtsp", state: "live", since: null, connected_since: null, device: "", peer: "", problem: "", problem_at: null,
    tracks: [{ kind: "video", codec: "h264" }], width: 1280, height: 720, bitrate_bps: 2e6, lost_5_min: 0, lost_hour: 0, lost_day: 0, jitter_ms: 1, clock_offset_ms: 1, clock_ppm: null,
    connections_hour: 1, connections_day: 1, attempts_hour: 1, newest_at: "2026-11-21T09:59:59Z", sealed_at: null, frames_waiting: 3, frames_unrecorded: 0, ...given,
  };
}

const ids = (rows: StreamFigures[]): string[] => rows.map((one) => one.id);

describe("streams", () => {
  it("has flapping sources on top, below what the disk did not take alone", () => {
    const rows = [figures("a"), figures("down", { state: "interrupted" }), figures("flap", { connections_hour: 3 }), figures("flaps", { connections_hour: 40 }), figures("lost", { frames_unrecorded: 1 })];
    expect(ids(sorted(rows, "attention", true, NOW))).toEqual(["lost", "flaps", "flap", "down", "a"]);
  });
  it("keeps equal ones in one order, up and down", () => {
    const rows = [figures("w-10"), figures("w-9"), figures("w-1")];
    expect(ids(sorted(rows, "bitrate", true, NOW))).toEqual(["w-1", "w-9", "w-10"]);
    expect(ids(sorted(rows, "bitrate", false, NOW))).toEqual(["w-1", "w-9", "w-10"]);
  });
  it("sorts a clock by how wrong it is, either way, unknown ones last", () => {
    const rows = [figures("none", { clock_offset_ms: null }), figures("slow", { clock_offset_ms: 9000 }), figures("fast", { clock_offset_ms: -20_000 })];
    expect(ids(sorted(rows, "clock", true, NOW))).toEqual(["fast", "slow", "none"]);
    expect(troublesOf(rows[2] as StreamFigures)).toEqual(["clock"]);
  });
  it("is found by every word, and by its trouble", () => {
    const one = figures("cam", { name: "1号窗口", peer: "10.0.0.7:554" });
    expect(fits(one, "窗口 10.0", "", "大厅")).toBe(true);
    expect(fits(one, "窗口 大厅", "live", "大厅")).toBe(true);
    expect(fits(one, "窗口 10.1", "", "")).toBe(false);
    expect(fits(one, "", "trouble", "")).toBe(false);
    expect(fits({ ...one, lost_5_min: 2 }, "", "trouble", "")).toBe(true);
  });
  it("draws a window of many rows", () => {
    expect(windowOf(500, 0, 400, 40, 2)).toEqual({ from: 0, to: 12 });
    expect(windowOf(500, 20_000, 400, 40, 2)).toEqual({ from: 498, to: 500 });
    expect(windowOf(3, 5000, 400, 40, 2)).toEqual({ from: 1, to: 3 });
    expect(windowOf(0, 0, 400, 40)).toEqual({ from: 0, to: 0 });
  });
});

describe("figures", () => {
  it("are said as people say them", () => {
    expect(bytesText(0)).toBe("0 B");
    expect(bytesText(1536)).toBe("1.50 KiB");
    expect(bytesText(1024 ** 4 * 2)).toBe("2.00 TiB");
    expect(bpsText(2_060_752)).toBe("2.06 Mbit/s");
    expect(bpsText(999_900)).toBe("1.00 Mbit/s");
    expect(msText(3.14)).toBe("3.1 ms");
    expect(msText(-2500)).toBe("-2.5 s");
    expect(said("share", 0.25)).toBe("25 %");
    expect(said("seconds", 0.012)).toBe("12 ms");
  });
  it("break where the hub did not run", () => {
    expect(withGaps([0, 5000, 20_000], [1, 2, 3], 5)).toEqual([[0, 1], [5000, 2], [10_000, null], [20_000, 3]]);
    expect(summary([null, 3, 1, null])).toEqual({ now: 1, least: 1, most: 3 });
    expect(summary([null])).toEqual({ now: null, least: null, most: null });
  });
});

describe("a table that leaves the page", () => {
  it("has no formula in it", () => {
    expect(csv([["=1+1", "-2", "@x", 'a "b"', "\tz", "一"]])).toBe('\ufeff"\'=1+1","\'-2","\'@x","a ""b""","\'\tz","一"\r\n');
  });
});
