/** Something of the hub, asked again while it is in sight. */
import { onBeforeUnmount, onMounted, ref, type Ref, shallowRef } from "vue";

import { useSay } from "@/composables/useSay";
import { oneAtATime } from "@/domain/freshness";

export function useFresh<T>(ask: () => Promise<T>, everyMs: number): { found: Ref<T | null>; problem: Ref<string>; load: () => Promise<void> } {
  const { say } = useSay();
  const found = shallowRef<T | null>(null);
  const problem = ref("");
  let gone = false;

  const load = oneAtATime(async () => {
    try {
      const answer = await ask();
      if (gone) return;
      found.value = answer;
      problem.value = "";
    } catch (error) {
      if (!gone) problem.value = say(error);
    }
  });

  let timer: ReturnType<typeof setInterval>;
  onMounted(() => {
    void load();
    timer = setInterval(() => {
      if (document.visibilityState === "visible") void load();
    }, everyMs);
  });
  onBeforeUnmount(() => {
    gone = true;
    clearInterval(timer);
  });
  return { found, problem, load };
}
