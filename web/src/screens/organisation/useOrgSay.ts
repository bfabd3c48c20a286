/** A refusal about units and people, in words that say what to do. */
import { useI18n } from "vue-i18n";

import { ApiError } from "@/api/http";
import { useSay } from "@/composables/useSay";

export function useOrgSay(): (error: unknown) => string {
  const { t, te } = useI18n();
  const { say } = useSay();
  return (error) => {
    if (!(error instanceof ApiError) || !te(`organisation.refused.${error.code}`)) return say(error);
    return t(`organisation.refused.${error.code}`, { reason: error.message });
  };
}
