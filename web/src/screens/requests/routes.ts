import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "requests", name: "requests", component: () => import("./RequestsView.vue"),
    meta: { place: { group: "answer", order: 40, rights: ["looks.ask", "looks.approve", "exports.approve"], label: "requests.nav" } },
  },
] satisfies RouteRecordRaw[];
