/** One chunk as `GET /api/streams/{id}/chunks` tells it. */
export interface ChunkDto {
  seq: number;
  leaf: string;
  index: number | null;
  reel: string;
  offset: number;
  size: number;
  sha256: string;
  init_size: number;
  init_sha256: string;
  from: string;
  to: string;
  entry: string;
}

/** What can differ, as words of the page are keyed. */
export type Difference = "bytes" | "short" | "unreadable" | "init" | "entry_missing" | "leaf" | "told";

/** `played`: the very bytes that were given to the player. `fetched`: read again, because what played has silence woven in. */
export type How = "played" | "fetched";

export interface Verdict {
  readonly seq: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly reel: string;
  readonly offset: number;
  readonly size: number;
  readonly how: How;
  readonly differs: readonly Difference[];
  /** Digest that the entry declares, and that of the bytes. */
  readonly declared: string;
  readonly found: string;
  readonly chunk: ChunkDto;
}
