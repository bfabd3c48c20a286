import "@/styles/tokens.css";
import "@/styles/base.css";
import "./recorder.css";

import { createApp } from "vue";

import { announce, i18n } from "@/i18n";

import RecorderApp from "./RecorderApp.vue";

announce(i18n.global.locale.value);
document.title = i18n.global.t("recorder.title");
createApp(RecorderApp).use(i18n).mount("#app");

// So that it opens without the hub. Its scope is this page alone: the wall is asked for anew each time.
if ("serviceWorker" in navigator) void navigator.serviceWorker.register("/recorder-sw.js", { scope: "/recorder" }).catch(() => undefined);
