/** The time line has a row for each stream on the wall, and keeps them fresh: at once when the view or an interruption changes, else every few seconds. */
import { computed, onBeforeUnmount, onMounted, watch } from "vue";

import { useInterruptionsStore } from "@/stores/interruptions";
import { useLinkStore } from "@/stores/link";
import { useTimelineStore } from "@/stores/timeline";
import { useWallStore } from "@/stores/wall";
import { withTip } from "@/timeline/bars";
import { MINUTE, span } from "@/timeline/scale";

const CLOSE_UP_MS = 4000;
const WIDE_MS = 15_000;
const SETTLE_MS = 180;
/** An interruption's entry is in the read side a moment after its event. */
const COMMIT_MS = 700;

export function useTimelineRows() {
  const wall = useWallStore();
  const interruptions = useInterruptionsStore();
  const link = useLinkStore();
  const store = useTimelineStore();

  const rows = computed(() => {
    const now = Math.floor(link.hubNowMs / 1000) * 1000;
    return wall.shown.map((stream) => {
      const row = store.rows.get(stream.id);
      return {
        stream,
        completeness: row?.completeness,
        bars: withTip(row?.bars ?? [], stream.status.state, interruptions.running(stream), now),
      };
    });
  });

  let refreshedAt = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  let settle: ReturnType<typeof setTimeout> | undefined;

  async function refreshAll(): Promise<void> {
    refreshedAt = performance.now();
    for (const stream of wall.shown) await store.refresh(stream.id); // one after the other: live pictures go first
  }

  function soon(delay: number): void {
    clearTimeout(settle);
    settle = setTimeout(() => void refreshAll(), delay);
  }

  onMounted(() => {
    soon(0);
    timer = setInterval(() => {
      if (document.hidden || link.lost) return;
      const every = span(store.view) <= 20 * MINUTE ? CLOSE_UP_MS : WIDE_MS;
      if (performance.now() - refreshedAt >= every) void refreshAll();
    }, 1000);
  });
  onBeforeUnmount(() => {
    clearInterval(timer);
    clearTimeout(settle);
  });
  watch(() => [store.length, store.atNow, store.atNow ? 0 : store.view.from], () => soon(SETTLE_MS));
  watch(() => wall.shown.map((one) => one.id).join(), () => soon(0));
  watch(() => interruptions.all.slice(0, 20).map((i) => i.id + i.state).join(), () => soon(COMMIT_MS));

  return { rows };
}
