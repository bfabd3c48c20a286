/** One chunk against its entry: nothing that the hub tells beside the entry's text is believed. Pure but for WebCrypto. */
import { hex, sha256 } from "../hash";
import { leafHash } from "./tree";
import type { ChunkDto, Difference, How, Verdict } from "./types";

interface Declared {
  seq: number;
  stream: string;
  reel: string;
  offset: number;
  size: number;
  sha256: string;
  init_size: number;
  init_sha256: string;
}

/** What the entry's text says; null for what is no entry of footage. */
export function readEntry(text: string): Declared | null {
  try {
    const { seq, stream, body } = JSON.parse(text) as { seq: number; stream: string; body: Omit<Declared, "seq" | "stream"> };
    if (typeof seq !== "number" || typeof body.sha256 !== "string" || typeof body.offset !== "number" || typeof body.reel !== "string") return null;
    return { ...body, seq, stream };
  } catch {
    return null;
  }
}

/** The entry by itself: its text makes the leaf, and says what the hub told beside it. */
async function entryDiffers(stream: string, chunk: ChunkDto, said: Declared | null): Promise<Difference[]> {
  if (chunk.entry === "" || said === null) return ["entry_missing"];
  const found: Difference[] = [];
  if (hex(await leafHash(chunk.entry)) !== chunk.leaf) found.push("leaf");
  const told = said.stream === stream && said.seq === chunk.seq && said.reel === `reels/${stream}/${chunk.reel}`
    && said.offset === chunk.offset && said.size === chunk.size && said.init_sha256 === chunk.init_sha256;
  if (!told) found.push("told");
  return found;
}

/** `bytes`: of the reel, `offset … offset + size`; null: they could not be had. `init`: the reel's first `init_size` bytes. */
export async function checkChunk(
  stream: string, chunk: ChunkDto, bytes: BufferSource | null, init: BufferSource | null, how: How,
): Promise<Verdict> {
  const found = bytes === null ? "" : await sha256(bytes);
  const said = readEntry(chunk.entry);
  const declared = said?.sha256 ?? chunk.sha256;
  const differs = await entryDiffers(stream, chunk, said);
  if (bytes === null) differs.unshift("unreadable");
  else if (bytes.byteLength < chunk.size) differs.unshift("short");
  else if (found !== declared) differs.unshift("bytes");
  if (bytes !== null && (init === null || (await sha256(init)) !== (said?.init_sha256 ?? chunk.init_sha256))) differs.push("init");
  return {
    seq: chunk.seq, fromMs: Date.parse(chunk.from), toMs: Date.parse(chunk.to), reel: chunk.reel, offset: chunk.offset, size: chunk.size,
    how, differs, declared, found, chunk,
  };
}

/** Chunks that lie within a loaded stretch of a reel. */
export const chunksWithin = (list: readonly ChunkDto[], reel: string, from: number, to: number): ChunkDto[] =>
  list.filter((one) => one.reel === reel && one.offset >= from && one.offset + one.size <= to).sort((a, b) => a.offset - b.offset);
