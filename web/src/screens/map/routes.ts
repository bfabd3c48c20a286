import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "map", name: "map", component: () => import("./MapView.vue"),
    meta: { place: { group: "look", order: 7, rights: ["streams.view"], label: "map.title" } },
  },
] satisfies RouteRecordRaw[];
