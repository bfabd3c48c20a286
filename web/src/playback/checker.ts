/** Compares what one stream's player loads with the ledger's entries. Knows no Vue; network and player are handed in. */
import { checkChunk, chunksWithin } from "./check/chunk";
import type { ChunkDto, Verdict } from "./check/types";
import type { Loaded } from "./player";

export interface ChunkSource {
  /** All entries of a period. */
  entries: (stream: string, fromMs: number, toMs: number) => Promise<ChunkDto[]>;
  /** Bytes of a reel as they lie on the hub's disk; null: not to be had. */
  bytes: (stream: string, reel: string, from: number, size: number) => Promise<ArrayBuffer | null>;
}

/** What was sealed after the list was asked for is asked for again, but not for each segment. */
const ASK_AGAIN_MS = 3000;
const KEPT_VERDICTS = 5000;

export class Checker {
  readonly verdicts = new Map<number, Verdict>();
  chunks: ChunkDto[] = [];
  private period = { from: 0, to: 0 };
  private asking: Promise<void> | null = null;
  private askedAt = -Infinity;
  private inits = new Map<string, Promise<ArrayBuffer | null>>();

  constructor(readonly stream: string, private readonly source: ChunkSource, private readonly told: (checker: Checker) => void) {}

  /** The entries of what will be played. */
  open(from: number, to: number): void {
    this.period = { from, to };
    this.chunks = [];
    this.askedAt = -Infinity;
    void this.ask();
  }

  private ask(): Promise<void> {
    this.asking ??= this.read(this.period).finally(() => (this.asking = null));
    return this.asking;
  }

  private async read(period: { from: number; to: number }): Promise<void> {
    this.askedAt = performance.now();
    const found = await this.source.entries(this.stream, period.from, period.to).catch(() => null);
    if (found === null || period !== this.period) return;
    this.chunks = found;
    this.told(this);
  }

  /** Called with what was loaded; its bytes are copied before this returns. */
  async loaded(loaded: Loaded): Promise<void> {
    const to = loaded.offset + loaded.size;
    const copy = loaded.bytes?.slice(0) ?? null;
    const period = this.period;
    let list = chunksWithin(this.chunks, loaded.reel, loaded.offset, to);
    if (list.length === 0) {
      if (this.asking === null) await new Promise((done) => setTimeout(done, Math.max(0, this.askedAt + ASK_AGAIN_MS - performance.now())));
      await this.ask();
      if (period !== this.period) return;
      list = chunksWithin(this.chunks, loaded.reel, loaded.offset, to);
    }
    for (const chunk of list) {
      if (this.verdicts.get(chunk.seq)?.differs.length === 0) continue;
      const from = chunk.offset - loaded.offset;
      const bytes = copy === null ? await this.fetch(chunk.reel, chunk.offset, chunk.size) : copy.slice(from, from + chunk.size);
      const verdict = await checkChunk(this.stream, chunk, bytes, await this.init(chunk), copy === null ? "fetched" : "played");
      this.verdicts.set(chunk.seq, verdict);
      const oldest = this.verdicts.size > KEPT_VERDICTS ? this.verdicts.keys().next().value : undefined;
      if (oldest !== undefined) this.verdicts.delete(oldest);
    }
    if (list.length > 0) this.told(this);
  }

  /** The reel's own init segment: what is played may have a sound track added. */
  private init(chunk: ChunkDto): Promise<ArrayBuffer | null> {
    const known = this.inits.get(chunk.reel);
    if (known !== undefined) return known;
    const asked = this.fetch(chunk.reel, 0, chunk.init_size);
    this.inits.set(chunk.reel, asked);
    return asked;
  }

  private fetch(reel: string, from: number, size: number): Promise<ArrayBuffer | null> {
    return this.source.bytes(this.stream, reel, from, size).catch(() => null);
  }

  /** The chunk that a moment lies in. */
  at(clockMs: number): ChunkDto | undefined {
    return this.chunks.findLast((one) => Date.parse(one.from) <= clockMs && clockMs < Date.parse(one.to));
  }
}
