/** Playback by keyboard. Not while something is typed, and never instead of a button that has the focus. */
import { onBeforeUnmount, onMounted } from "vue";

import type { Command } from "./TransportBar.vue";

const KEYS: Record<string, Command> = {
  " ": "toggle", ArrowLeft: "back", ArrowRight: "forward", ",": "frameBack", ".": "frame", "[": "slower", "]": "faster",
  n: "nextBreak", p: "previousBreak", m: "mark", i: "in", o: "out", "{": "previousMark", "}": "nextMark",
};

export function useKeys(run: (command: Command) => void, more: { zoom: (factor: number) => void; mute: () => void }): void {
  function key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") !== null) return;
    const target = event.target as HTMLElement;
    if (target.closest("textarea, select, input:not([type=checkbox], [type=radio])") !== null) return;
    if (event.key === " " && target.closest("button, a, input") !== null) return;
    const command = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (command !== undefined) run(command);
    else if (event.key === "+" || event.key === "=") more.zoom(0.6);
    else if (event.key === "-") more.zoom(1.6);
    else if (event.key.toLowerCase() === "v") more.mute();
    else return;
    event.preventDefault();
  }
  onMounted(() => document.addEventListener("keydown", key));
  onBeforeUnmount(() => document.removeEventListener("keydown", key));
}
