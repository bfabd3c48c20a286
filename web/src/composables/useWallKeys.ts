/** The wall by keyboard. */
import { onBeforeUnmount, onMounted } from "vue";

import { useAlarmStore } from "@/stores/alarm";
import { useCycleStore } from "@/stores/cycle";
import { useWallStore } from "@/stores/wall";

interface WallKeys {
  /** A dialog is open and has the keyboard. */
  blocked(): boolean;
  timeline?(): void;
  search?(): void;
  send?(): void;
  /** Where the cycle is not this window's own. */
  pause?(): void;
}

/** Where a key is a letter of a text, or chooses something by itself. */
const TYPING = "input, textarea, select, [contenteditable], [role=dialog]";
/** What the blank presses. */
const PRESSED = "button, a, [role=tree], [role=button], summary";

export async function fullScreen(): Promise<void> {
  if (document.fullscreenElement !== null) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen();
}

export function useWallKeys(keys: WallKeys): void {
  const wall = useWallStore();
  const cycle = useCycleStore();
  const alarm = useAlarmStore();

  function down(event: KeyboardEvent): void {
    if (keys.blocked() || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const on = event.target instanceof Element ? event.target : null;
    if (on?.closest(TYPING)) return;
    if (event.key === " " && on?.closest(PRESSED)) return;
    if (act(event.key)) event.preventDefault();
  }

  function act(key: string): boolean {
    if (/^[1-9]$/.test(key)) {
      const stream = wall.cells[Number(key) - 1]?.stream ?? null;
      if (stream !== null) wall.enlarge(stream.id);
      return stream !== null;
    }
    const action = ACTIONS[key.length === 1 ? key.toLowerCase() : key];
    return action?.() ?? false;
  }

  const done = (act: (() => unknown) | undefined): boolean => {
    if (act === undefined) return false;
    act();
    return true;
  };

  const ACTIONS: Record<string, () => boolean> = {
    Escape: () => done(() => (wall.enlarged = null)),
    ArrowLeft: () => done(() => turn(-1)),
    ArrowRight: () => done(() => turn(1)),
    " ": () => cycle.plan !== null && done(keys.pause ?? (() => cycle.pause())),
    f: () => done(() => void fullScreen().catch(() => undefined)),
    m: () => done(() => void sound()),
    t: () => done(keys.timeline),
    w: () => done(keys.send),
    "/": () => done(keys.search),
  };

  function turn(by: number): void {
    if (cycle.plan !== null) cycle.step(by);
    else wall.turnPage(by);
  }

  /** The enlarged tile's sound, or else silence, or the first tile's. */
  async function sound(): Promise<void> {
    if (!alarm.armed) await alarm.arm();
    const wanted = wall.enlarged ?? wall.shown[0]?.id ?? null;
    wall.sounding = wall.sounding === null || (wall.enlarged !== null && wall.sounding !== wall.enlarged) ? wanted : null;
  }

  onMounted(() => document.addEventListener("keydown", down));
  onBeforeUnmount(() => document.removeEventListener("keydown", down));
}
