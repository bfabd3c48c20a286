/** The page's one live connection, handed down to its tiles. */
import { inject, type InjectionKey, onBeforeUnmount, onMounted, provide, watch } from "vue";

import { LiveWall } from "@/live/wall";
import { useAlarmStore } from "@/stores/alarm";
import { useLinkStore } from "@/stores/link";
import { useWallStore } from "@/stores/wall";

const KEY: InjectionKey<LiveWall> = Symbol("live wall");

/** A page that nobody can see stops receiving pictures after this; alarms go on. */
const HIDDEN_MS = 20_000;

export function provideLiveWall(): LiveWall {
  const link = useLinkStore();
  const view = useWallStore();
  const alarm = useAlarmStore();
  const wall = new LiveWall({
    heard: () => link.heard(),
    closed: () => undefined, // tiles keep their last picture; the link store decides when the hub is lost
    sound: (state) => (view.soundState = state),
  });
  provide(KEY, wall);

  watch(() => [view.sounding, alarm.armed] as const, ([stream, armed]) => wall.listen(armed ? stream : null));

  watch(() => [view.enlarged, view.sounding], (dear) => wall.prefer(dear.filter((one) => one !== null)));

  let stopLink: () => void;
  let hiddenTimer: ReturnType<typeof setTimeout> | undefined;
  const visibility = (): void => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(() => wall.pause(true), HIDDEN_MS);
    else wall.pause(false);
  };
  onMounted(() => {
    stopLink = link.start(() => wall.renew());
    document.addEventListener("visibilitychange", visibility);
  });
  onBeforeUnmount(() => {
    stopLink();
    clearTimeout(hiddenTimer);
    document.removeEventListener("visibilitychange", visibility);
    wall.dispose();
  });
  return wall;
}

export function useLiveWall(): LiveWall {
  const wall = inject(KEY);
  if (wall === undefined) throw new Error("a tile needs a wall around it");
  return wall;
}
