import { describe, expect, it } from "vitest";

import { Pictures, pictureTicks, videoTrack } from "@/playback/frames";
import { joined } from "@/playback/hash";

const u32 = (...values: number[]): Uint8Array => {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => view.setInt32(i * 4, value));
  return new Uint8Array(view.buffer);
};
const box = (type: string, ...parts: Uint8Array[]): Uint8Array => {
  const body = joined(...parts);
  return joined(u32(body.length + 8), new TextEncoder().encode(type), body);
};
const full = (type: string, flags: number, ...parts: Uint8Array[]): Uint8Array => box(type, u32(flags), ...parts);

const trak = (id: number, handler: string, timescale: number): Uint8Array =>
  box("trak", full("tkhd", 0, u32(0, 0, id)), box("mdia", full("mdhd", 0, u32(0, 0, timescale)), full("hdlr", 0, u32(0), new TextEncoder().encode(handler))));
const INIT = box("moov", trak(1, "soun", 48_000), trak(2, "vide", 90_000));
const traf = (id: number, at: number, trun: Uint8Array): Uint8Array => box("traf", full("tfhd", 0x8, u32(id, 3000)), full("tfdt", 0x1000000, u32(0, at)), trun);

describe("the pictures' own times", () => {
  it("are read from the tables of the picture's track", () => {
    const track = videoTrack(INIT);
    expect(track).toEqual({ id: 2, timescale: 90_000 });
    const segment = joined(
      box("moof", traf(1, 0, full("trun", 0, u32(3))), traf(2, 9000, full("trun", 0, u32(2)))), box("mdat", u32(0)),
      // shown in another order than decoded: signed offsets
      box("moof", traf(2, 15_000, full("trun", 0x1000900, u32(3), u32(3000, 3000, 4500, 3000, 3000, -3000)))),
    );
    expect(pictureTicks(segment, track ?? { id: 0, timescale: 1 })).toEqual({ first: 9000, shown: [9000, 12_000, 18_000, 19_500, 21_000].sort((a, b) => a - b) });
  });
  it("of a segment that is cut off, as far as it goes", () => {
    const whole = box("moof", traf(2, 0, full("trun", 0, u32(2))));
    expect(pictureTicks(joined(whole, whole.slice(0, 20)), { id: 2, timescale: 90_000 })?.shown).toEqual([0, 3000]);
    expect(pictureTicks(new Uint8Array(3), { id: 2, timescale: 90_000 })).toBeNull();
    expect(videoTrack(box("moov", trak(1, "soun", 48_000)))).toBeNull();
  });
});

describe("stepping", () => {
  const pictures = new Pictures();
  pictures.set(8, [2.0, 2.04, 2.12].map((media) => ({ media, clockMs: 10_000 + media * 1000 })));
  pictures.set(7, [1.92, 1.96].map((media) => ({ media, clockMs: 10_000 + media * 1000 })));
  it("goes by what is on the screen, also from one segment into the next", () => {
    expect(pictures.at(2.05)?.media).toBe(2.04);
    expect(pictures.beside(2.05, 1)?.media).toBe(2.12);
    expect(pictures.beside(2.001, -1)?.media).toBe(1.96);
    expect(pictures.beside(1.9201, -1)).toBeUndefined();
    expect(pictures.beside(2.13, 1)).toBeUndefined();
    expect(pictures.atClock(12_050)?.media).toBe(2.04);
  });
});
