/**
 * Two ways to know the same things: asking for all of them, and being told of one. An answer shows them as they were
 * when the hub wrote it, and an event may overtake it on the way: what was told after the question is the newer word.
 */
export class Freshness {
  private turn = 0;
  private readonly toldAt = new Map<string, number>();

  told(id: string): void {
    this.turn += 1;
    this.toldAt.set(id, this.turn);
  }

  /** The moment of a question; give it to merge() with the answer. */
  ask(): number {
    return this.turn;
  }

  /** What is true after an answer: its items in its order, except where an event has overtaken it. */
  merge<T extends { readonly id: string }>(asked: number, answer: readonly T[], present: ReadonlyMap<string, T>): T[] {
    const newer = (id: string): boolean => (this.toldAt.get(id) ?? 0) > asked;
    const merged = answer.flatMap((item) => {
      const kept = newer(item.id) ? present.get(item.id) : item;
      return kept === undefined ? [] : [kept]; // told that it is gone
    });
    const listed = new Set(answer.map((item) => item.id));
    for (const [id, item] of present) if (!listed.has(id) && newer(id)) merged.push(item);
    for (const [id, at] of this.toldAt) if (at <= asked) this.toldAt.delete(id);
    return merged;
  }
}

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
