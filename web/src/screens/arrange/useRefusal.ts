/** What arranging was refused for, in words that say what to do; and the state of one call. */
import { ref } from "vue";
import { useI18n } from "vue-i18n";

import { ApiError } from "@/api/http";
import { useSay } from "@/composables/useSay";

export function useRefusal() {
  const { t, te } = useI18n();
  const { say } = useSay();
  const problem = ref("");
  const done = ref("");
  const busy = ref(false);

  /** One call at a time; true when it was done. */
  async function attempt(call: () => Promise<unknown>, told = ""): Promise<boolean> {
    if (busy.value) return false;
    busy.value = true;
    problem.value = done.value = "";
    try {
      await call();
      done.value = told;
      return true;
    } catch (error) {
      const key = error instanceof ApiError ? `arrange.refused.${error.code}` : "";
      problem.value = key !== "" && te(key) ? t(key) : say(error);
      return false;
    } finally {
      busy.value = false;
    }
  }

  return { problem, done, busy, attempt };
}
