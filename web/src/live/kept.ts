/**
 * The last minute of a tile, as it came: coded bytes in memory, so that a replay asks nothing of the hub and needs no
 * right beyond looking at the live picture. Bounded by time and by bytes; what is oldest goes first, a whole group of
 * pictures at a time, for only a keyframe can be begun with.
 */
import { decodeTimeOf, timescaleOf } from "./boxes";
import { isNewRun } from "./edge";

export const KEPT_S = 60;
const MB = 1024 * 1024;
/** A tile of 2 Mbit/s takes 15 MB a minute. */
const TILE_BYTES = 24 * MB;
const LEAST_BYTES = 4 * MB;

/** What all tiles together may take, of a machine with so much memory (GB as the browser tells it, at most 8). */
export function bytesForTile(tiles: number, deviceGb: number | undefined): number {
  const all = deviceGb === undefined || deviceGb < 4 ? 96 * MB : deviceGb < 8 ? 192 * MB : 320 * MB;
  return Math.max(LEAST_BYTES, Math.min(TILE_BYTES, Math.floor(all / Math.max(1, tiles))));
}

/** Pictures of one time line: a new one begins when the stream breaks off, or its codec changes. */
export interface KeptRun {
  readonly mime: string;
  readonly init: Uint8Array<ArrayBuffer>;
  /** Hub UTC, µs, at media time 0. */
  readonly originUs: number;
  readonly timescale: number;
}

interface Group {
  readonly run: KeptRun;
  /** Hub UTC, µs, of its keyframe and of the newest fragment. */
  readonly fromUs: number;
  newestUs: number;
  readonly fragments: Uint8Array<ArrayBuffer>[];
  bytes: number;
}

export interface ReplayPart {
  readonly run: KeptRun;
  readonly groups: readonly (readonly Uint8Array<ArrayBuffer>[])[];
}

/** A minute that no longer changes. */
export interface Replay {
  readonly fromUs: number;
  /** When the newest fragment began. */
  readonly toUs: number;
  readonly parts: readonly ReplayPart[];
}

export class KeptPictures {
  private run: KeptRun | null = null;
  private groups: Group[] = [];
  private total = 0;
  private awaitingKey = true;

  constructor(private maxBytes: number, private readonly seconds = KEPT_S) {}

  get bytes(): number {
    return this.total;
  }

  get fromUs(): number | null {
    return this.groups[0]?.fromUs ?? null;
  }

  limit(bytes: number): void {
    this.maxBytes = bytes;
    this.prune();
  }

  /** A new init segment, or a new time of day for the same one. */
  begin(mime: string, init: Uint8Array<ArrayBuffer>, originUs: number): void {
    const same = this.run !== null && this.run.init === init && !isNewRun(this.run.originUs, originUs);
    if (same) return;
    const timescale = timescaleOf(init);
    this.run = timescale === null ? null : { mime, init, originUs, timescale };
    this.awaitingKey = true;
  }

  push(fragment: Uint8Array<ArrayBuffer>, key: boolean): void {
    const ticks = this.run === null ? null : decodeTimeOf(fragment);
    if (this.run === null || ticks === null || (this.awaitingKey && !key)) return;
    const atUs = this.run.originUs + (ticks / this.run.timescale) * 1e6;
    const last = this.groups.at(-1);
    if (key || last === undefined) {
      // Asked for anew, a stream begins again with the keyframe that is here already.
      if (last !== undefined && last.run === this.run && atUs <= last.fromUs) this.drop(this.groups.pop());
      this.groups.push({ run: this.run, fromUs: atUs, newestUs: atUs, fragments: [fragment], bytes: fragment.byteLength });
    } else {
      last.fragments.push(fragment);
      last.newestUs = Math.max(last.newestUs, atUs);
      last.bytes += fragment.byteLength;
    }
    this.awaitingKey = false;
    this.total += fragment.byteLength;
    this.prune();
  }

  /** Pictures on the way were lost. */
  skipToKey(): void {
    this.awaitingKey = true;
  }

  clear(): void {
    this.groups = [];
    this.total = 0;
    this.awaitingKey = true;
  }

  /** What is kept at this moment; null while there is nothing. */
  replay(): Replay | null {
    const first = this.groups[0];
    const last = this.groups.at(-1);
    if (first === undefined || last === undefined) return null;
    const parts: { run: KeptRun; groups: Uint8Array<ArrayBuffer>[][] }[] = [];
    for (const group of this.groups) {
      const part = parts.at(-1);
      if (part?.run === group.run) part.groups.push([...group.fragments]);
      else parts.push({ run: group.run, groups: [[...group.fragments]] });
    }
    return { fromUs: first.fromUs, toUs: last.newestUs, parts };
  }

  private prune(): void {
    const newestUs = this.groups.at(-1)?.newestUs ?? 0;
    for (;;) {
      const [first, second] = this.groups;
      if (first === undefined) return;
      const old = second !== undefined && second.fromUs <= newestUs - this.seconds * 1e6;
      if (!old && this.total <= this.maxBytes) return;
      this.drop(this.groups.shift());
      if (second === undefined) this.awaitingKey = true; // one group alone is too large
    }
  }

  private drop(group: Group | undefined): void {
    this.total -= group?.bytes ?? 0;
  }
}
