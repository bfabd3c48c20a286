/** The beat of the wall's cycle. */
import { onBeforeUnmount, watch } from "vue";

import { useCycleStore } from "@/stores/cycle";
import { useLinkStore } from "@/stores/link";
import { useStreamsStore } from "@/stores/streams";

export function useCycle(): void {
  const cycle = useCycleStore();
  const link = useLinkStore();
  const streams = useStreamsStore();

  watch(() => link.nowMs, () => cycle.beat());
  watch(() => streams.loaded, (loaded) => {
    if (loaded) cycle.restore();
  }, { immediate: true });
  onBeforeUnmount(() => cycle.rest());
}
