import { fileURLToPath } from "node:url";

import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

import { budget } from "./budget.ts";

/** Compressed; what the first picture may wait for on a slow link. */
const MOST_SCRIPT_BYTES = 600_000;

export default defineConfig({
  plugins: [vue(), budget(MOST_SCRIPT_BYTES)],
  define: {
    __VUE_OPTIONS_API__: "true", // Element Plus needs it
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_I18N_LEGACY_API__: "false",
    __VUE_I18N_FULL_INSTALL__: "false",
    // Messages are compiled to syntax trees, never to functions: the page's CSP forbids eval.
    __INTLIFY_JIT_COMPILATION__: "true",
    __INTLIFY_DROP_MESSAGE_COMPILER__: "false",
    __INTLIFY_PROD_DEVTOOLS__: "false",
  },
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../hub/api/page",
    emptyOutDir: true,
    target: "chrome107",
    assetsInlineLimit: 0, // CSP: nothing inline, no data: addresses
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
    rollupOptions: {
      // the second: a phone as a recorder, which lives without sign-in and without the hub
      input: { index: fileURLToPath(new URL("./index.html", import.meta.url)), recorder: fileURLToPath(new URL("./recorder.html", import.meta.url)) },
    },
  },
  server: {
    proxy: {
      "/api": { target: "http://127.0.0.1:8080", ws: true },
      "/healthz": "http://127.0.0.1:8080",
      "/whip": "http://127.0.0.1:8080",
    },
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
});
