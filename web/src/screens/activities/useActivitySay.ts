/** A refusal about activities, in words that say what to do. */
import { useI18n } from "vue-i18n";

import { ApiError } from "@/api/http";
import { useSay } from "@/composables/useSay";

export function useActivitySay(): (error: unknown) => string {
  const { t, te } = useI18n();
  const { say } = useSay();
  return (error) => (error instanceof ApiError && te(`activities.refused.${error.code}`) ? t(`activities.refused.${error.code}`) : say(error));
}
