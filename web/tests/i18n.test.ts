import { describe, expect, it, vi } from "vitest";
import { createI18n } from "vue-i18n";

import { INTERRUPTION_KINDS, INTERRUPTION_STATES, STREAM_KINDS, STREAM_STATES } from "@/api/types";
import { TILE_LOOK } from "@/domain/states";
import { messages } from "@/i18n/messages";

const zh = messages.zh as unknown as Tree;
const en = messages.en as unknown as Tree;

type Tree = { [key: string]: string | Tree };

function flat(tree: Tree, path = ""): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") all.set(path + key, value);
    else for (const [k, v] of flat(value, `${path}${key}.`)) all.set(k, v);
  }
  return all;
}

const holes = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1] ?? "").sort();

describe("both languages", () => {
  const chinese = flat(zh);
  const english = flat(en);

  it("have the same keys", () => {
    expect([...english.keys()].sort()).toEqual([...chinese.keys()].sort());
  });

  it("have the same holes to fill", () => {
    for (const [key, text] of chinese) expect(holes(english.get(key) ?? ""), key).toEqual(holes(text));
  });

  it("leave nothing empty but the letter that recorded time needs none of", () => {
    for (const all of [chinese, english]) {
      expect([...all].filter(([, text]) => text.trim() === "").map(([key]) => key)).toEqual(["timeline.letter.recorded"]);
    }
  });

  it("can all be compiled: @ and | mean something in a message, and must be escaped", () => {
    const wrong: unknown[] = [];
    const spy = vi.spyOn(console, "error").mockImplementation((...what) => void wrong.push(what));
    const options: object = { legacy: false, locale: "zh", messages: { zh, en } };
    const { t } = (createI18n(options) as unknown as { global: { t: (key: string, holes: object, options: { locale: string }) => string } }).global;
    for (const key of chinese.keys()) for (const locale of ["zh", "en"] as const) t(key, {}, { locale });
    spy.mockRestore();
    expect(wrong).toEqual([]);
    for (const all of [chinese, english]) for (const [key, text] of all) expect(text.replaceAll("{'@'}", ""), key).not.toMatch(/[@|]/);
  });

  it("have a word for every kind and state of the hub", () => {
    for (const all of [chinese, english]) {
      for (const kind of INTERRUPTION_KINDS) expect(all.has(`interruption.${kind}`), kind).toBe(true);
      for (const state of INTERRUPTION_STATES) expect(all.has(`interruptionState.${state}`), state).toBe(true);
      for (const kind of STREAM_KINDS) expect(all.has(`kind.${kind}`), kind).toBe(true);
      for (const state of [...STREAM_STATES, ...Object.keys(TILE_LOOK)]) expect(all.has(`state.${state}`), state).toBe(true);
    }
  });
});
