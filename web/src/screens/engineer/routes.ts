import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "engineer", name: "engineer", component: () => import("./EngineerView.vue"),
    meta: { place: { group: "run", order: 10, rights: ["system.view", "streams.manage", "audit.view"], label: "engineer.nav" } },
  },
] satisfies RouteRecordRaw[];
