/**
 * Two ways to know the same things: asking for all of them, and being told of one. An answer shows them as they were
 * when the hub wrote it: an event may overtake it on the way, and the hub reads from what is committed, which lags a
 * moment behind what it tells. So what was told since the question, or shortly before it, is the newer word.
 */
export class Freshness {
  private readonly toldAt = new Map<string, number>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  told(id: string): void {
    this.toldAt.set(id, this.now());
  }

  /** The moment of a question; give it to merge() with the answer. */
  ask(): number {
    return this.now();
  }

  /** What is true after an answer: its items in its order, except where an event is newer. */
  merge<T extends { readonly id: string }>(asked: number, answer: readonly T[], present: ReadonlyMap<string, T>): T[] {
    for (const [id, at] of this.toldAt) if (at < asked - COMMITTED_AFTER_MS) this.toldAt.delete(id);
    const merged = answer.flatMap((item) => {
      const kept = this.toldAt.has(item.id) ? present.get(item.id) : item;
      return kept === undefined ? [] : [kept]; // told that it is gone
    });
    const listed = new Set(answer.map((item) => item.id));
    for (const [id, item] of present) if (!listed.has(id) && this.toldAt.has(id)) merged.push(item);
    return merged;
  }
}

/** The ledger commits several times a second, and a busy disk takes its time. */
export const COMMITTED_AFTER_MS = 3000;

/** One question at a time, so that answers cannot overtake each other; asked meanwhile, it is asked once more. */
export function oneAtATime(ask: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const run = (): Promise<void> => {
    const turn = ask().finally(() => {
      if (running === turn) running = null;
    });
    running = turn;
    return turn;
  };
  return () => {
    if (running === null) return run();
    next ??= running
      .catch(() => undefined) // whoever asked then was told
      .then(() => {
        next = null;
        return run();
      });
    return next;
  };
}
