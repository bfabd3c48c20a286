import "element-plus/theme-chalk/base.css";
import "element-plus/theme-chalk/dark/css-vars.css";
import "./styles/tokens.css";
import "./styles/base.css";

import { createPinia } from "pinia";
import { createApp } from "vue";

import App from "./App.vue";
import { announce, i18n } from "./i18n";
import { router } from "./router";

announce(i18n.global.locale.value);
createApp(App).use(createPinia()).use(i18n).use(router).mount("#app");
