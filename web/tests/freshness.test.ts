import { describe, expect, it } from "vitest";

import { COMMITTED_AFTER_MS, Freshness, oneAtATime } from "@/domain/freshness";

const map = (...items: { id: string; state: string }[]) => new Map(items.map((item) => [item.id, item]));

describe("an answer and the events around it", () => {
  let time = 0;
  const later = (ms: number): void => void (time += ms);
  const start = (): Freshness => new Freshness(() => time);

  it("keeps what was told after the question: a confirmed row does not fall back to suspected", () => {
    const freshness = start();
    const asked = freshness.ask();
    later(10);
    freshness.told("a");
    later(9000);
    const merged = freshness.merge(asked, [{ id: "a", state: "suspected" }], map({ id: "a", state: "confirmed" }));
    expect(merged).toEqual([{ id: "a", state: "confirmed" }]);
  });

  it("keeps what was told shortly before: the hub may not have committed it yet", () => {
    const freshness = start();
    freshness.told("a");
    later(200);
    const merged = freshness.merge(freshness.ask(), [{ id: "a", state: "confirmed" }], map({ id: "a", state: "closed" }));
    expect(merged).toEqual([{ id: "a", state: "closed" }]);
  });

  it("takes the answer for what was told long before the question", () => {
    const freshness = start();
    freshness.told("a");
    later(COMMITTED_AFTER_MS + 1);
    const merged = freshness.merge(freshness.ask(), [{ id: "a", state: "closed" }], map({ id: "a", state: "confirmed" }));
    expect(merged).toEqual([{ id: "a", state: "closed" }]);
  });

  it("forgets what the answer no longer lists, and keeps what began after the question", () => {
    const freshness = start();
    freshness.told("old");
    later(COMMITTED_AFTER_MS + 1);
    const asked = freshness.ask();
    later(1);
    freshness.told("new");
    const merged = freshness.merge(asked, [], map({ id: "old", state: "live" }, { id: "new", state: "live" }));
    expect(merged.map((m) => m.id)).toEqual(["new"]);
  });

  it("does not bring back what was told to be gone", () => {
    const freshness = start();
    const asked = freshness.ask();
    later(1);
    freshness.told("gone");
    expect(freshness.merge(asked, [{ id: "gone", state: "live" }], map())).toEqual([]);
  });
});

describe("one question at a time", () => {
  function asker() {
    const open: { resolve: () => void; reject: (e: Error) => void }[] = [];
    const ask = oneAtATime(() => new Promise<void>((resolve, reject) => open.push({ resolve, reject })));
    return { open, ask };
  }

  it("asks once more, and only once, for all who asked meanwhile", async () => {
    const { open, ask } = asker();
    const first = ask();
    const second = ask();
    const third = ask();
    expect(open).toHaveLength(1);
    open[0]?.resolve();
    await first;
    await new Promise((r) => setTimeout(r, 0));
    expect(open).toHaveLength(2);
    open[1]?.resolve();
    await Promise.all([second, third]);
    expect(open).toHaveLength(2);
  });

  it("goes on after a failure", async () => {
    const { open, ask } = asker();
    const first = ask();
    const second = ask();
    open[0]?.reject(new Error("no"));
    await expect(first).rejects.toThrow("no");
    await new Promise((r) => setTimeout(r, 0));
    open[1]?.resolve();
    await second;
    const fresh = ask();
    expect(open).toHaveLength(3);
    open[2]?.resolve();
    await fresh;
  });
});
