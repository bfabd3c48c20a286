import { gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { budget, initialBytes } from "../budget";

const text = (seed: number): string => Array.from({ length: 5000 }, (_, i) => ((i * 7919 * seed) % 9973).toString(36)).join();
const size = (code: string): number => gzipSync(code).length;
const [main, shared, later] = [text(3), text(5), text(7)];
const parts = new Map([
  ["main.js", { code: main, imports: ["shared.js"] }],
  ["shared.js", { code: shared, imports: ["main.js"] }], // in a circle
  ["later.js", { code: later, imports: ["shared.js"] }],
]);

describe("the budget of the first script", () => {
  it("counts what is imported at once, each part once, and not what is loaded later", () => {
    expect(initialBytes("main.js", parts)).toBe(size(main) + size(shared));
  });

  it("ends a build that is larger", () => {
    const bundle = Object.fromEntries([...parts].map(([fileName, part]) => [fileName, { type: "chunk", fileName, name: "main", isEntry: fileName === "main.js", ...part }]));
    const whole = size(main) + size(shared);
    const build = (most: number): string => {
      let refused = "";
      const generate = budget(most).generateBundle as unknown as (this: unknown, options: unknown, bundle: unknown) => void;
      generate.call({ error: (said: string) => (refused = said), info: () => undefined }, {}, bundle);
      return refused;
    };
    expect(build(whole)).toBe("");
    expect(build(whole - 1)).toContain("load later");
  });
});
