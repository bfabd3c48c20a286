/** What is recorded locally: clips, each a file of its own, kept as pieces of a few seconds. Pure. */
import type { Reading } from "./clock";

/** `recording` → `kept` → `sending` → `here` (all of it at the hub) → `stored`, or `refused` with `problem`. */
export type ClipState = "recording" | "kept" | "sending" | "here" | "stored" | "refused";

export interface Clip {
  readonly id: string;
  /** Of which stream: who pairs anew does not bring another's footage. */
  readonly stream: string;
  readonly mime: string;
  /** By this device's clock, ms: its first picture; `errorMs` is how well the recorder itself says that. */
  readonly fromMs: number;
  readonly startErrorMs: number;
  lengthMs: number;
  bytes: number;
  /** Pieces on the disk, by number from 0. */
  pieces: number;
  clock: Reading | null;
  state: ClipState;
  /** Of the upload, where one has begun: it goes on after a reload. */
  upload: string | null;
  sent: number;
  problem: string;
  /** The hub said that it has this time, live or brought. */
  confirmed: boolean;
}

export const metaName = (id: string): string => `${id}.json`;
export const pieceName = (id: string, number: number): string => `${id}.${number}.part`;

/** Whose file it is: of which clip, and which piece (−1: its description). Null for a stranger. */
export function nameOf(file: string): { id: string; piece: number } | null {
  const found = /^([0-9a-z-]+)\.(?:(\d+)\.part|json)$/.exec(file);
  return found === null ? null : { id: found[1] ?? "", piece: found[2] === undefined ? -1 : Number(found[2]) };
}

/** What a reload or a crash left: descriptions that can be read, with as many pieces in a row as there are. The rest is to go. */
export function recovered(descriptions: readonly Clip[], files: readonly string[], pieceMs: number): { clips: Clip[]; strays: string[] } {
  const numbers = new Map<string, Set<number>>();
  for (const file of files) {
    const name = nameOf(file);
    if (name !== null && name.piece >= 0) numbers.set(name.id, (numbers.get(name.id) ?? new Set()).add(name.piece));
  }
  const clips = descriptions
    .map((one) => {
      const own = numbers.get(one.id) ?? new Set();
      let pieces = 0;
      while (own.has(pieces)) pieces += 1;
      // its description is written after its piece: one piece may be more than it says, and its length is then a guess
      const lengthMs = one.lengthMs + Math.max(0, pieces - one.pieces) * pieceMs;
      return { ...one, pieces, lengthMs, state: one.state === "recording" || one.state === "sending" ? ("kept" as const) : one.state };
    })
    .filter((one) => one.pieces > 0);
  const known = new Set(clips.map((one) => one.id));
  const strays = files.filter((file) => !known.has(nameOf(file)?.id ?? ""));
  return { clips: clips.sort((a, b) => a.fromMs - b.fromMs), strays };
}

/** On the hub's clock, with how far that may be off; null while nothing is known of it. */
export function placed(clip: Clip): { fromMs: number; toMs: number; errorMs: number } | null {
  if (clip.clock === null) return null;
  const fromMs = clip.fromMs + clip.clock.offsetMs;
  return { fromMs, toMs: fromMs + clip.lengthMs, errorMs: clip.clock.errorMs + clip.startErrorMs };
}

/** A description that was read back; null for what is none. */
export function clipOf(text: string): Clip | null {
  try {
    const one = JSON.parse(text) as Partial<Clip>;
    const fine = typeof one.id === "string" && typeof one.fromMs === "number" && typeof one.lengthMs === "number" && typeof one.stream === "string";
    return fine ? (one as Clip) : null;
  } catch {
    return null;
  }
}
