/** One call of a form at a time: whether it is under way, and what it was refused for, in words that say what to do. */
import { ref } from "vue";

import { useSay } from "@/composables/useSay";

export function useAttempt(explain: (error: unknown) => string = useSay().say) {
  const problem = ref("");
  const busy = ref(false);

  /** True when it was done; false when it was refused, or another one is under way. */
  async function attempt(call: () => Promise<unknown>): Promise<boolean> {
    if (busy.value) return false;
    busy.value = true;
    problem.value = "";
    try {
      await call();
      return true;
    } catch (error) {
      problem.value = explain(error);
      return false;
    } finally {
      busy.value = false;
    }
  }

  return { problem, busy, attempt };
}
