import { describe, expect, it } from "vitest";

import { parsePacket, parseText, ProtocolError, soundMessage, watchMessage } from "@/live/protocol";

const bytes = (...values: number[]): ArrayBuffer => new Uint8Array(values).buffer;

describe("binary packets", () => {
  it("reads kind, track, slot big endian, and the body without its header", () => {
    expect(parsePacket(bytes(1, 2, 0x01, 0x02, 9, 8, 7))).toEqual({ kind: "key", track: 2, slot: 258, body: new Uint8Array([9, 8, 7]) });
    expect(parsePacket(bytes(0, 1, 0, 0, 5)).kind).toBe("init");
    expect(parsePacket(bytes(2, 1, 0, 3, 5)).kind).toBe("delta");
  });

  it("does not copy the body", () => {
    const data = bytes(2, 1, 0, 0, 5);
    expect(parsePacket(data).body.buffer).toBe(data);
  });

  it.each([[[]], [[1]], [[1, 1, 0, 0]], [[3, 1, 0, 0, 5]], [[255, 1, 0, 0, 5]]])("refuses %j", (values) => {
    expect(() => parsePacket(bytes(...values))).toThrow(ProtocolError);
  });
});

describe("text messages", () => {
  const slot = {
    slot: 0, stream: "window-01", state: "live", reason: "", preview: false, origin_us: 1767225600000000,
    tracks: [{ id: 1, kind: "video", mime: 'video/mp4; codecs="avc1.42e01f"' }],
  };

  it("reads slots as the hub writes them", () => {
    expect(parseText(JSON.stringify({ type: "slots", slots: [slot] }))).toEqual({
      type: "slots",
      slots: [{ slot: 0, stream: "window-01", state: "live", reason: "", preview: false, originUs: 1767225600000000, tracks: slot.tracks }],
    });
  });

  it("reads what was dropped", () => {
    expect(parseText('{"type":"dropped","slot":0,"fragments":12}')).toEqual({ type: "dropped", slot: 0, fragments: 12 });
  });

  it("skips what a later hub may say", () => {
    expect(parseText('{"type":"weather"}')).toEqual({ type: "unknown" });
  });

  it("lets a waiting slot have no tracks", () => {
    const message = parseText(JSON.stringify({ type: "slots", slots: [{ slot: 1, stream: "a", state: "waiting" }] }));
    expect(message).toMatchObject({ slots: [{ tracks: [], originUs: 0, reason: "" }] });
  });

  it.each([
    "", "nonsense", "[]", "null", "7",
    '{"type":"slots"}', '{"type":"slots","slots":[{}]}', '{"type":"slots","slots":[null]}',
    JSON.stringify({ type: "slots", slots: [{ ...slot, state: "asleep" }] }),
    JSON.stringify({ type: "slots", slots: [{ ...slot, slot: -1 }] }),
    JSON.stringify({ type: "slots", slots: [{ ...slot, tracks: [{ id: 1, kind: "text", mime: "" }] }] }),
    '{"type":"dropped","slot":"0","fragments":1}',
  ])("refuses %s with its own error", (text) => {
    expect(() => parseText(text)).toThrow(ProtocolError);
  });

  it("raises nothing but its own error, whatever comes", () => {
    const source = JSON.stringify({ type: "slots", slots: [slot] });
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    for (let round = 0; round < 2000; round++) {
      const at = random(source.length);
      const text = source.slice(0, at) + String.fromCharCode(32 + random(95)) + source.slice(at + random(3));
      try {
        parseText(text);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }
  });
});

it("writes what the hub reads", () => {
  expect(JSON.parse(watchMessage(["a", "b"]))).toEqual({ type: "watch", streams: ["a", "b"] });
  expect(JSON.parse(soundMessage(3, true))).toEqual({ type: "sound", slot: 3, on: true });
});
