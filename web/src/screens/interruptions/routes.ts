import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "interruptions", name: "interruptions", component: () => import("./InterruptionsView.vue"),
    meta: { place: { group: "answer", order: 10, rights: ["interruptions.view"], label: "nav.interruptions" } },
  },
  { path: "interruptions/:id", name: "interruption", component: () => import("./InterruptionView.vue"), props: true },
  {
    path: "overdue", name: "overdue", component: () => import("./OverdueView.vue"),
    meta: { place: { group: "answer", order: 20, rights: ["interruptions.view"], label: "nav.overdue" } },
  },
] satisfies RouteRecordRaw[];
