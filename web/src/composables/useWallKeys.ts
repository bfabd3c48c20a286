/** The wall by keyboard. */
import { onBeforeUnmount, onMounted } from "vue";

import { useAlarmStore } from "@/stores/alarm";
import { useWallStore } from "@/stores/wall";

interface WallKeys {
  /** A dialog is open and has the keyboard. */
  blocked(): boolean;
  timeline(): void;
}

export function useWallKeys(keys: WallKeys): void {
  const wall = useWallStore();
  const alarm = useAlarmStore();

  function down(event: KeyboardEvent): void {
    if (keys.blocked() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    if (act(event.key)) event.preventDefault();
  }

  function act(key: string): boolean {
    if (/^[1-9]$/.test(key)) {
      const stream = wall.shown[Number(key) - 1];
      if (stream !== undefined) wall.enlarge(stream.id);
      return stream !== undefined;
    }
    switch (key) {
      case "Escape":
        wall.enlarged = null;
        return true;
      case "ArrowLeft":
        wall.turn(-1);
        return true;
      case "ArrowRight":
        wall.turn(1);
        return true;
      case "m":
      case "M":
        void sound();
        return true;
      case "t":
      case "T":
        keys.timeline();
        return true;
      default:
        return false;
    }
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
