/** How much script the wall needs before its first picture: the entry and what it imports at once, compressed. */
import { gzipSync } from "node:zlib";

import type { Plugin } from "vite";

export interface Part {
  readonly code: string;
  readonly imports: readonly string[];
}

/** Bytes, gzip, of the part and everything that it imports statically; what is loaded later is not counted. */
export function initialBytes(entry: string, parts: ReadonlyMap<string, Part>, seen = new Set<string>()): number {
  const part = parts.get(entry);
  if (part === undefined || seen.has(entry)) return 0;
  seen.add(entry);
  return gzipSync(part.code).length + part.imports.reduce((sum, one) => sum + initialBytes(one, parts, seen), 0);
}

/** Ends the build when the first script is larger than `most` bytes. */
export function budget(most: number): Plugin {
  return {
    name: "initial-script-budget",
    generateBundle(_options, bundle) {
      const chunks = Object.values(bundle).filter((one) => one.type === "chunk");
      const parts = new Map(chunks.map((one) => [one.fileName, { code: one.code, imports: one.imports }]));
      for (const entry of chunks.filter((one) => one.isEntry)) {
        const bytes = initialBytes(entry.fileName, parts);
        const said = `${entry.name}: ${Math.round(bytes / 1000)} kB of script (gzip) before the first picture, at most ${Math.round(most / 1000)} kB`;
        if (bytes > most) this.error(`${said}: load later what the wall does not need at once`);
        this.info(said);
      }
    },
  };
}
