/** What this screen's refusals mean, in words that say what to do; empty where the shared ones do. */
import { ApiError } from "@/api/http";

export function refusalWords(error: unknown, t: (key: string) => string, te: (key: string) => boolean): string {
  if (!(error instanceof ApiError)) return "";
  const key = `inspection.refused.${error.code}`;
  return te(key) ? t(key) : "";
}
