/** All words of the page: what every screen uses, and under its folder's name what each screen alone says. */
import en from "./en";
import zh from "./zh";

type Words = Record<string, unknown>;

const SCREENS_ZH = import.meta.glob<Words>("../screens/*/words.zh.ts", { eager: true, import: "default" });
const SCREENS_EN = import.meta.glob<Words>("../screens/*/words.en.ts", { eager: true, import: "default" });

function byFolder(files: Record<string, Words>): Record<string, Words> {
  return Object.fromEntries(Object.entries(files).map(([path, words]) => [path.split("/").at(-2) ?? path, words]));
}

export const messages = { zh: { ...zh, ...byFolder(SCREENS_ZH) }, en: { ...en, ...byFolder(SCREENS_EN) } };
