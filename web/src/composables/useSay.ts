/** A refusal in words that say what to do. */
import { useI18n } from "vue-i18n";

import { ApiError } from "@/api/http";

export function useSay(): { say: (error: unknown) => string; word: (group: string, key: string) => string } {
  const { t, te } = useI18n();

  function say(error: unknown): string {
    if (!(error instanceof ApiError)) return String(error);
    if (error.status === 429) return t("refused.tooMany", { seconds: error.retryAfter ?? 30 });
    if (te(`refused.${error.code}`)) return t(`refused.${error.code}`);
    return t("refused.other", { reason: error.message });
  }

  /** A word that a newer hub may have added is shown as it is. */
  const word = (group: string, key: string): string => (te(`${group}.${key}`) ? t(`${group}.${key}`) : key);

  return { say, word };
}
