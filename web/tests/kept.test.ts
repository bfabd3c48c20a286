import { describe, expect, it } from "vitest";

import { decodeTimeOf, timescaleOf } from "@/live/boxes";
import { bytesForTile, KeptPictures } from "@/live/kept";

const MB = 1024 * 1024;
const ORIGIN = 1_767_225_600_000_000;

function box(name: string, ...parts: (Uint8Array | number[])[]): Uint8Array<ArrayBuffer> {
  const body = parts.flatMap((part) => [...part]);
  const bytes = new Uint8Array(8 + body.length);
  new DataView(bytes.buffer).setUint32(0, bytes.length);
  bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  bytes.set(body, 8);
  return bytes;
}
const u32 = (n: number): number[] => [24, 16, 8, 0].map((bits) => Math.floor(n / 2 ** bits) % 256);

const initOf = (timescale: number): Uint8Array<ArrayBuffer> =>
  box("moov", box("mvhd", [0]), box("trak", box("tkhd"), box("mdia", box("mdhd", u32(0), u32(0), u32(0), u32(timescale), u32(0), u32(0)))));
/** A fragment of one second's fifth at `seconds` of media time. */
const at = (seconds: number, bytes = 1000): Uint8Array<ArrayBuffer> => {
  const ticks = seconds * 90_000;
  const head = box("moof", box("mfhd", u32(1)), box("traf", box("tfhd", u32(0)), box("tfdt", [1, 0, 0, 0], u32(Math.floor(ticks / 2 ** 32)), u32(ticks % 2 ** 32))));
  const all = new Uint8Array(bytes);
  all.set(head);
  return all;
};
const INIT = initOf(90_000);

function filled(seconds: number, options: { bytes?: number; maxBytes?: number; from?: number } = {}): KeptPictures {
  const kept = new KeptPictures(options.maxBytes ?? 100 * MB);
  kept.begin("video/mp4", INIT, ORIGIN);
  const from = options.from ?? 0;
  for (let i = 0; i < seconds * 5; i++) kept.push(at(from + i / 5, options.bytes), i % 5 === 0);
  return kept;
}

describe("the boxes of a fragment", () => {
  it("tell its time and the clock rate", () => {
    expect(timescaleOf(INIT)).toBe(90_000);
    expect(decodeTimeOf(at(100_000))).toBe(9_000_000_000);
    expect(decodeTimeOf(box("moof", box("traf", box("tfdt", [0, 0, 0, 0], u32(77)))))).toBe(77);
  });
  it("are not there in what is torn or something else", () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(7), INIT.subarray(0, 30), box("moov"), box("moof", box("traf", box("tfdt", [1, 0, 0, 0, 1]))), new Uint8Array(64)]) {
      expect(decodeTimeOf(bytes)).toBeNull();
      expect(timescaleOf(bytes)).toBeNull();
    }
  });
});

describe("the last minute of a tile", () => {
  it("holds a minute and not more than a group of pictures beyond", () => {
    const replay = filled(300).replay();
    expect((replay?.toUs ?? 0) - ORIGIN).toBe(299_800_000);
    const length = ((replay?.toUs ?? 0) - (replay?.fromUs ?? 0)) / 1e6;
    expect(length).toBeGreaterThanOrEqual(60);
    expect(length).toBeLessThanOrEqual(61);
  });
  it("never holds more bytes than it may, and still begins with a keyframe", () => {
    const kept = filled(120, { bytes: 50_000, maxBytes: 4 * MB });
    expect(kept.bytes).toBeLessThanOrEqual(4 * MB);
    expect(kept.bytes).toBeGreaterThan(3 * MB);
    expect(((kept.replay()?.fromUs ?? 0) - ORIGIN) % 1_000_000).toBe(0);
    kept.limit(MB);
    expect(kept.bytes).toBeLessThanOrEqual(MB);
  });
  it("takes nothing of a group that is larger than all it may hold", () => {
    const kept = new KeptPictures(10_000);
    kept.begin("video/mp4", INIT, ORIGIN);
    for (let i = 0; i < 30; i++) kept.push(at(i / 5), i === 0);
    expect(kept.bytes).toBe(0);
    expect(kept.replay()).toBeNull();
    kept.push(at(9), true);
    expect(kept.bytes).toBe(1000);
  });
  it("grows by nothing in an hour", () => {
    const kept = new KeptPictures(100 * MB);
    kept.begin("video/mp4", INIT, ORIGIN);
    const sizes = new Set<number>();
    for (let i = 0; i < 3600 * 5; i++) {
      kept.push(at(i / 5), i % 5 === 0);
      if (i > 400 && i % 5 === 4) sizes.add(kept.bytes);
    }
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(5000);
  });
  it("keeps what came before a break, and the new time line after it", () => {
    const kept = filled(20);
    kept.begin("video/mp4", INIT, ORIGIN + 30_000_000);
    kept.push(at(0.2), false); // cannot be begun with
    for (let i = 0; i < 25; i++) kept.push(at(i / 5), i % 5 === 0);
    const replay = kept.replay();
    expect(replay?.parts.map((part) => part.groups.length)).toEqual([20, 5]);
    expect(replay?.toUs).toBe(ORIGIN + 34_800_000);
  });
  it("does not hold pictures twice that are sent again", () => {
    const kept = filled(10);
    const before = kept.bytes;
    kept.skipToKey();
    for (let i = 45; i < 50; i++) kept.push(at(i / 5), i === 45);
    expect(kept.bytes).toBe(before);
  });
  it("goes on at a keyframe after a loss", () => {
    const kept = filled(2);
    kept.skipToKey();
    kept.push(at(2), false);
    expect(kept.replay()?.toUs).toBe(ORIGIN + 1_800_000);
  });
  it("is not changed any more once it is shown", () => {
    const kept = filled(2);
    const replay = kept.replay();
    kept.push(at(2.0), false);
    expect(replay?.parts[0]?.groups.at(-1)).toHaveLength(5);
  });
  it("takes a share of the machine's memory", () => {
    expect(bytesForTile(9, 8)).toBe(24 * MB);
    expect(bytesForTile(16, 8)).toBe(20 * MB);
    expect(bytesForTile(16, undefined)).toBe(6 * MB);
    expect(bytesForTile(64, 2)).toBe(4 * MB);
  });
});
