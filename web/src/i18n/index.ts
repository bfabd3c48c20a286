import { createI18n } from "vue-i18n";

import { remember, remembered } from "@/domain/memory";

import { messages } from "./messages";

export type Language = "zh" | "en";

const start: Language = remembered("language") === "en" ? "en" : "zh";

export const i18n = createI18n({
  legacy: false,
  locale: start,
  fallbackLocale: "zh",
  messages,
});

export function setLanguage(language: Language): void {
  i18n.global.locale.value = language;
  remember("language", language);
  announce(language);
}

/** The browser picks glyphs and voices by the document's language. */
export function announce(language: Language): void {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = i18n.global.t("product");
}
