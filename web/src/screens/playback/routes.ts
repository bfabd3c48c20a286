import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "playback", name: "playback", component: () => import("./PlaybackView.vue"),
    meta: { dark: true, place: { group: "look", order: 10, rights: ["playback.view", "looks.ask"], label: "playback.title" } },
  },
  {
    path: "exports", name: "exports", component: () => import("./ExportsView.vue"),
    meta: { place: { group: "look", order: 20, rights: ["exports.view"], label: "playback.exports.title" } },
  },
  {
    path: "holds", name: "holds", component: () => import("./HoldsView.vue"),
    meta: { place: { group: "look", order: 30, rights: ["retention.view"], label: "playback.holds.title" } },
  },
] satisfies RouteRecordRaw[];
