/** What the page found when it hashed what it played, by stream; and whether the chunk under the play head is in the log. */
import { reactive, shallowReactive, shallowRef } from "vue";

import { type Proof, prove } from "@/playback/check/proof";
import type { ChunkDto, Verdict } from "@/playback/check/types";
import { Checker } from "@/playback/checker";
import { canHash } from "@/playback/hash";
import type { Stretch } from "@/playback/holes";
import type { Loaded } from "@/playback/player";

import { chunkEntries, LOG, reelBytes } from "./api";

export interface StreamChecks {
  verdicts: readonly Verdict[];
  ok: number;
  bad: number;
}

/** A new checkpoint is signed every ten seconds or so: not proven yet is asked for again, but not at once. */
const PROVE_AGAIN_MS = 6000;

export function useChecks() {
  const able = canHash();
  const streams = shallowReactive(new Map<string, StreamChecks>());
  const proofs = reactive(new Map<string, Proof>());
  const proving = new Set<string>();
  const failedAt = new Map<string, number>();
  const checkers = new Map<string, Checker>();
  const part = shallowRef<Stretch>({ from: 0, to: 0 });

  function told(checker: Checker): void {
    const verdicts = [...checker.verdicts.values()];
    const bad = verdicts.filter((one) => one.differs.length > 0).length;
    streams.set(checker.stream, { verdicts, ok: verdicts.length - bad, bad });
  }

  function checkerOf(stream: string): Checker {
    const known = checkers.get(stream);
    if (known !== undefined) return known;
    const made = new Checker(stream, { entries: chunkEntries, bytes: reelBytes }, told);
    checkers.set(stream, made);
    if (part.value.to > 0) made.open(part.value.from, part.value.to);
    return made;
  }

  /** Another part is loaded for all of them. */
  function open(next: Stretch): void {
    part.value = next;
    for (const checker of checkers.values()) checker.open(next.from, next.to);
  }

  function loaded(stream: string, bytes: Loaded): void {
    if (able) void checkerOf(stream).loaded(bytes);
  }

  const chunkAt = (stream: string, ms: number): ChunkDto | undefined => checkers.get(stream)?.at(ms);
  const verdictOf = (stream: string, seq: number): Verdict | undefined => checkers.get(stream)?.verdicts.get(seq);
  const keyOf = (stream: string, seq: number): string => `${stream}/${seq}`;
  const proofOf = (stream: string, seq: number): Proof | undefined => proofs.get(keyOf(stream, seq));

  /** Proves the entry of this chunk, once; what is not signed yet later again. */
  async function demand(stream: string, chunk: ChunkDto): Promise<void> {
    const key = keyOf(stream, chunk.seq);
    const known = proofs.get(key);
    if (!able || proving.has(key) || chunk.entry === "" || (known !== undefined && known.state !== "unsigned")) return;
    if (performance.now() - (failedAt.get(key) ?? -Infinity) < PROVE_AGAIN_MS) return;
    proving.add(key);
    try {
      const proof = await prove(chunk.entry, chunk.index, LOG);
      proofs.set(key, proof);
      if (proof.state === "unsigned") failedAt.set(key, performance.now());
    } catch {
      failedAt.set(key, performance.now()); // the hub was out of reach: that proves nothing
    } finally {
      proving.delete(key);
    }
  }

  return { able, streams, open, loaded, chunkAt, verdictOf, proofOf, demand };
}

export type Checks = ReturnType<typeof useChecks>;
