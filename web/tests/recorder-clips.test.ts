import "fake-indexeddb/auto";

import { beforeEach, describe, expect, it } from "vitest";

import { type Clip, clipOf, metaName, nameOf, pieceName, placed, recovered } from "@/screens/recorder/clips";
import { openPieces, type Pieces } from "@/screens/recorder/pieces";
import { Shelf } from "@/screens/recorder/shelf";

const PIECE_MS = 2000;
const clip = (id: string, more: Partial<Clip> = {}): Clip => ({
  id, stream: "phone", mime: "video/mp4", fromMs: 1000, startErrorMs: 110, lengthMs: 0, bytes: 0, pieces: 0, clock: null, state: "recording", upload: null, sent: 0, problem: "",
  confirmed: false, ...more,
});
const nothing = (): void => undefined;

describe("clips", () => {
  it("have names that no stranger's file passes for", () => {
    expect(nameOf(pieceName("ab-1", 12))).toEqual({ id: "ab-1", piece: 12 });
    expect(nameOf(metaName("ab-1"))).toEqual({ id: "ab-1", piece: -1 });
    for (const strange of ["", "a.part", "a.1.part.crswap", "../a.1.part", "A.json", "a.-1.part"]) expect(nameOf(strange)).toBeNull();
  });

  it("are placed with the errors of the clock and of the start together", () => {
    expect(placed(clip("a"))).toBeNull();
    expect(placed(clip("a", { clock: { offsetMs: 500, errorMs: 20 }, lengthMs: 30_000 }))).toEqual({ fromMs: 1500, toMs: 31_500, errorMs: 130 });
  });

  it("come back after a crash with as many pieces in a row as there are", () => {
    const told = [clip("a", { pieces: 2, lengthMs: 4000 }), clip("b", { pieces: 1, fromMs: 500, state: "stored" }), clip("gone")];
    const files = ["a.json", "a.0.part", "a.1.part", "a.2.part", "a.4.part", "b.json", "b.0.part", "gone.json", "gone.1.part", "stray.0.part"];
    const { clips, strays } = recovered(told, files, PIECE_MS);
    expect(clips.map((one) => [one.id, one.pieces, one.lengthMs, one.state])).toEqual([["b", 1, 0, "stored"], ["a", 3, 6000, "kept"]]);
    expect(strays).toEqual(["gone.json", "gone.1.part", "stray.0.part"]);
  });

  it("whose description was torn are none", () => {
    expect(clipOf(JSON.stringify(clip("a")))?.id).toBe("a");
    for (const torn of ["", '{"id":"a"', "null", "[]", '{"id":1,"fromMs":2,"lengthMs":3,"stream":"x"}']) expect(clipOf(torn)).toBeNull();
  });
});

describe("the shelf where a page cannot write files (IndexedDB)", () => {
  let pieces: Pieces;
  beforeEach(async () => {
    pieces = await openPieces();
    for (const name of await pieces.names()) await pieces.remove(name);
  });

  it("is what is used there", () => {
    expect(pieces.kind).toBe("indexeddb");
  });

  it("gives back what was put there, over a reload, in order and bit for bit", async () => {
    const shelf = await Shelf.open(pieces, PIECE_MS, nothing);
    const one = clip("a");
    shelf.add(one);
    await Promise.all(["abc", "de", "f"].map((text, n) => shelf.append(one, new Blob([text]), (n + 1) * PIECE_MS)));
    one.upload = "/api/uploads/17";
    await shelf.note(one);
    const again = await Shelf.open(await openPieces(), PIECE_MS, nothing);
    const [back] = again.clips;
    expect(back).toMatchObject({ id: "a", pieces: 3, bytes: 6, lengthMs: 6000, state: "kept", upload: "/api/uploads/17" });
    expect(await (await again.file(back as Clip))?.text()).toBe("abcdef");
    await again.remove(back as Clip);
    expect(await pieces.names()).toEqual([]);
    expect(await again.file(back as Clip)).toBeNull();
  });

  it("throws strays away and keeps what belongs to a clip", async () => {
    await pieces.put("stray.0.part", new Blob(["x"]));
    await pieces.put(metaName("b"), new Blob([JSON.stringify(clip("b", { pieces: 1 }))]));
    await pieces.put(pieceName("b", 0), new Blob(["y"]));
    const shelf = await Shelf.open(pieces, PIECE_MS, nothing);
    expect(shelf.clips.map((one) => one.id)).toEqual(["b"]);
    expect((await pieces.names()).sort()).toEqual(["b.0.part", "b.json"]);
  });
});

describe("a storage that refuses", () => {
  it("is told each time, and what was kept before stays whole", async () => {
    const files = new Map<string, Blob>();
    let left = 2;
    const full: Pieces = {
      kind: "opfs",
      put: async (name, data) => {
        if (name.endsWith(".part") && (left -= 1) < 0) throw new DOMException("no room", "QuotaExceededError");
        files.set(name, data);
      },
      get: async (name) => files.get(name) ?? null,
      names: async () => [...files.keys()],
      remove: async (name) => void files.delete(name),
    };
    const shelf = await Shelf.open(full, PIECE_MS, nothing);
    const one = clip("a");
    shelf.add(one);
    await shelf.append(one, new Blob(["ab"]), 2000);
    await shelf.append(one, new Blob(["cd"]), 4000);
    await expect(shelf.append(one, new Blob(["ef"]), 6000)).rejects.toMatchObject({ name: "QuotaExceededError" });
    expect(one).toMatchObject({ pieces: 2, bytes: 4, lengthMs: 4000 });
    left = 1; // somebody made room: but its pieces would have a hole in the middle
    expect(await (await shelf.file(one))?.text()).toBe("abcd");
  });
});
