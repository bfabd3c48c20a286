/** A list of the inspection ledger, read anew when the hub tells of a change and now and then. */
import { onBeforeUnmount, onMounted, ref, type Ref, watch } from "vue";

import { useSay } from "@/composables/useSay";
import { oneAtATime } from "@/domain/freshness";
import { useChangesStore } from "@/stores/changes";

const AGAIN_MS = 15_000;

export function useList<T>(read: () => Promise<T>, everyMs = AGAIN_MS): { value: Ref<T | null>; problem: Ref<string>; load: () => Promise<void> } {
  const { say } = useSay();
  const changes = useChangesStore();
  const value = ref<T | null>(null) as Ref<T | null>;
  const problem = ref("");
  let timer: ReturnType<typeof setInterval>;

  const load = oneAtATime(async () => {
    try {
      value.value = await read();
      problem.value = "";
    } catch (error) {
      problem.value = say(error);
    }
  });

  watch(() => changes.inspection, () => void load());
  onMounted(() => {
    void load();
    timer = setInterval(() => void load(), everyMs);
  });
  onBeforeUnmount(() => clearInterval(timer));
  return { value, problem, load: async () => { await load(); } };
}
