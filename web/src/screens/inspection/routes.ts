import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "inspection", name: "inspection", component: () => import("./OverviewView.vue"),
    meta: { place: { group: "look", order: 60, rights: ["inspection.view"], label: "inspection.nav" } },
  },
  { path: "inspection/samples", name: "inspection-samples", component: () => import("./SamplesView.vue") },
  { path: "inspection/samples/:id", name: "inspection-sample", component: () => import("./SampleView.vue") },
  { path: "inspection/checks", name: "inspection-checks", component: () => import("./ChecksView.vue") },
  { path: "inspection/orders", name: "inspection-orders", component: () => import("./OrdersView.vue") },
] satisfies RouteRecordRaw[];
