/** What happened on this phone, shown on the page; kept over a reload. Never a token, never a party's name. */
import { reactive } from "vue";

import { keep, recall } from "./memory";

export interface Line {
  readonly atMs: number;
  /** Key of its words. */
  readonly what: string;
  readonly facts: Readonly<Record<string, string | number>>;
  readonly bad: boolean;
}

const MOST = 200;

export const journal = reactive<{ lines: Line[] }>({ lines: recall<Line[]>("journal", []) });

export function write(what: string, facts: Line["facts"] = {}, bad = false): void {
  journal.lines.unshift({ atMs: Date.now(), what, facts, bad });
  journal.lines.splice(MOST);
  keep("journal", journal.lines);
}
