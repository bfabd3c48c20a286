import { describe, expect, it, vi } from "vitest";

import { checkChunk, chunksWithin } from "@/playback/check/chunk";
import { parseCheckpoint, parseKey, signedBy } from "@/playback/check/note";
import { type LogSource, prove } from "@/playback/check/proof";
import { leafHash, rootOf } from "@/playback/check/tree";
import type { ChunkDto } from "@/playback/check/types";
import { Checker } from "@/playback/checker";
import { digest, hex, joined, same, sha256 } from "@/playback/hash";
import { placeOf } from "@/playback/player";

const REEL = "2026-11-20/080000.000Z-3.mp4";
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** A reel of an init segment and two chunks, and the entries that declare them. */
async function reel(): Promise<{ bytes: Uint8Array<ArrayBuffer>; chunks: ChunkDto[] }> {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 7) % 256);
  const init_sha256 = await sha256(bytes.slice(0, 100));
  const chunks = await Promise.all([[100, 120], [220, 80]].map(async ([offset = 0, size = 0], index): Promise<ChunkDto> => {
    const digest_ = await sha256(bytes.slice(offset, offset + size));
    const entry = JSON.stringify({ body: { init_sha256, init_size: 100, offset, reel: `reels/rec/${REEL}`, sha256: digest_, size }, seq: index + 4, stream: "rec" });
    const at = new Date(Date.UTC(2026, 10, 20, 8, 0, index * 2));
    return {
      seq: index + 4, leaf: hex(await leafHash(entry)), index: index + 9, reel: REEL, offset, size, sha256: digest_, init_size: 100, init_sha256, entry,
      from: at.toISOString(), to: new Date(at.getTime() + 2000).toISOString(),
    };
  }));
  return { bytes, chunks };
}

describe("a chunk against its entry", () => {
  it("agrees, byte for byte", async () => {
    const { bytes, chunks } = await reel();
    const one = chunks[0] as ChunkDto;
    expect((await checkChunk("rec", one, bytes.slice(100, 220), bytes.slice(0, 100), "played")).differs).toEqual([]);
  });
  it.each([
    ["a flipped byte", "bytes", (b: Uint8Array) => void (b[150] = 0xff ^ (b[150] ?? 0)), (c: ChunkDto) => c],
    ["another file header", "init", (b: Uint8Array) => void (b[3] = 0xee), (c: ChunkDto) => c],
    ["an altered entry", "leaf", () => undefined, (c: ChunkDto) => ({ ...c, entry: c.entry.replace('"seq":4', '"seq": 4') })],
    ["a digest that the hub tells otherwise", "told", () => undefined, (c: ChunkDto) => ({ ...c, offset: 101, size: 119 })],
    ["an entry that is gone", "entry_missing", () => undefined, (c: ChunkDto) => ({ ...c, entry: "" })],
  ])("tells %s", async (_, word, spoil, told) => {
    const { bytes, chunks } = await reel();
    spoil(bytes);
    const verdict = await checkChunk("rec", told(chunks[0] as ChunkDto), bytes.slice(100, 220), bytes.slice(0, 100), "played");
    expect(verdict.differs).toContain(word);
  });
  it("does not believe the hub's word about the digest: the entry's text decides", async () => {
    const { bytes, chunks } = await reel();
    bytes[150] = 1;
    const lie = { ...(chunks[0] as ChunkDto), sha256: await sha256(bytes.slice(100, 220)) };
    expect((await checkChunk("rec", lie, bytes.slice(100, 220), bytes.slice(0, 100), "played")).differs).toContain("bytes");
  });
  it("tells what is missing or cannot be read", async () => {
    const { bytes, chunks } = await reel();
    const one = chunks[0] as ChunkDto;
    expect((await checkChunk("rec", one, bytes.slice(100, 200), bytes.slice(0, 100), "fetched")).differs).toEqual(["short"]);
    expect((await checkChunk("rec", one, null, null, "fetched")).differs).toEqual(["unreadable"]);
  });
});

describe("the checker", () => {
  it("hashes what was loaded although the player writes into it, chunk by chunk of a joined segment", async () => {
    const { bytes, chunks } = await reel();
    const checker = new Checker("rec", { entries: async () => chunks, bytes: async (_s, _r, from, size) => bytes.slice(from, from + size).buffer }, vi.fn());
    checker.open(0, 1e15);
    const segment = bytes.slice(100).buffer;
    const done = checker.loaded({ reel: REEL, offset: 100, size: 200, bytes: segment });
    new Uint8Array(segment).fill(0);
    await done;
    expect([...checker.verdicts.values()].map((one) => [one.seq, one.how, one.differs])).toEqual([[4, "played", []], [5, "played", []]]);
  });
  it("reads the reel itself where silence was woven in, and shows a byte flipped on the disk", async () => {
    const { bytes, chunks } = await reel();
    bytes[230] = 99 ^ (bytes[230] ?? 0);
    const checker = new Checker("rec", { entries: async () => chunks, bytes: async (_s, _r, from, size) => bytes.slice(from, from + size).buffer }, vi.fn());
    checker.open(0, 1e15);
    await checker.loaded({ reel: REEL, offset: 220, size: 80, bytes: null });
    expect([...checker.verdicts.values()].map((one) => [one.seq, one.how, one.differs])).toEqual([[5, "fetched", ["bytes"]]]);
  });
  it("knows which bytes of which reel an address names", () => {
    expect(placeOf(`http://h/api/streams/rec/reels/${REEL}`, 100, 220)).toEqual({ reel: REEL, offset: 100, size: 120, filled: false });
    expect(placeOf(`http://h/api/streams/rec/reels/${REEL}/filled.mp4?size=100&offset=220&length=80&fill_from=1&fill_to=2`, undefined, undefined)).toEqual({ reel: REEL, offset: 220, size: 80, filled: true });
    expect(placeOf("http://h/api/streams/rec/gap.mp4", undefined, undefined)).toBeNull();
  });
  it("takes the chunks of a stretch, not their neighbours", async () => {
    const { chunks } = await reel();
    expect(chunksWithin(chunks, REEL, 100, 220).map((one) => one.seq)).toEqual([4]);
    expect(chunksWithin(chunks, "other", 0, 999)).toEqual([]);
  });
});

/** RFC 6962 §2.1, by the book: root and audit path. */
async function root(leaves: Uint8Array[]): Promise<Uint8Array> {
  if (leaves.length === 1) return leaves[0] as Uint8Array;
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return digest(joined(Uint8Array.of(1), await root(leaves.slice(0, k)), await root(leaves.slice(k))));
}
async function path(m: number, leaves: Uint8Array[]): Promise<Uint8Array[]> {
  if (leaves.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return m < k ? [...(await path(m, leaves.slice(0, k))), await root(leaves.slice(k))] : [...(await path(m - k, leaves.slice(k))), await root(leaves.slice(0, k))];
}

describe("the log", () => {
  it("proves each leaf of each small tree, and no other", async () => {
    for (const size of [1, 2, 3, 5, 8, 13]) {
      const leaves = await Promise.all(Array.from({ length: size }, (_, i) => leafHash(`entry ${i}`)));
      const top = await root(leaves);
      for (let at = 0; at < size; at += 1) {
        const proof = await path(at, leaves);
        expect(same((await rootOf(leaves[at] as Uint8Array, at, size, proof)) ?? new Uint8Array(), top)).toBe(true);
        const wrong = await rootOf(await leafHash("another"), at, size, proof);
        expect(wrong !== null && same(wrong, top)).toBe(false);
        expect(await rootOf(leaves[at] as Uint8Array, at, size, [...proof, top])).toBeNull();
      }
    }
  });

  async function signed(size = 5): Promise<{ source: LogSource; entries: string[]; vkey: string }> {
    const entries = Array.from({ length: size }, (_, i) => `{"seq":${i}}`);
    const leaves = await Promise.all(entries.map(leafHash));
    const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair;
    const key = joined(Uint8Array.of(1), new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
    const id = (await digest(joined(new TextEncoder().encode("log.test\n"), key))).slice(0, 4);
    const vkey = `log.test+${hex(id)}+${base64(key)}`;
    const text = `log.test\n${size}\n${base64(await root(leaves))}\n`;
    const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, new TextEncoder().encode(text)));
    const note = `${text}\n— log.test ${base64(joined(id, signature))}\n`;
    const known = new Map<string, string>();
    const source: LogSource = {
      checkpoint: async () => note, vkey: async () => `${vkey}\n`, remembered: { get: (o) => known.get(o) ?? null, set: (o, k) => void known.set(o, k) },
      inclusion: async (index, of) => ({ index, size: of, leaf: "", root: "", hashes: (await path(index, leaves)).map(base64) }),
    };
    return { source, entries, vkey };
  }

  it("proves an entry from its text to the signature, and remembers the key", async () => {
    const { source, entries } = await signed();
    expect(await prove(entries[3] ?? "", 3, source)).toMatchObject({ state: "proven", index: 3, size: 5, origin: "log.test", known: "first" });
    expect((await prove(entries[0] ?? "", 0, source)).known).toBe("same");
  });
  it("tells another text, another key, another note and what is not signed yet", async () => {
    const { source, entries, vkey } = await signed();
    const entry = entries[3] ?? "";
    expect(await prove(`${entry} `, 3, source)).toMatchObject({ state: "fails", why: "path" });
    expect(await prove(entry, 5, source)).toMatchObject({ state: "unsigned" });
    expect(await prove(entry, null, source)).toMatchObject({ state: "older" });
    const other = await signed();
    expect(await prove(entry, 3, { ...source, vkey: other.source.vkey })).toMatchObject({ state: "fails", why: "signature" });
    source.remembered.set("log.test", other.vkey);
    expect((await prove(entry, 3, source)).known).toBe("other");
    await expect(parseKey(vkey.replace(/\+[0-9a-f]{8}\+/, "+00000000+"))).rejects.toThrow("another id");
    const note = await source.checkpoint();
    expect(await signedBy(parseCheckpoint(note.replace("\n5\n", "\n6\n")), await parseKey(vkey))).toBe(false);
    expect(() => parseCheckpoint("no note")).toThrow();
  });
});
