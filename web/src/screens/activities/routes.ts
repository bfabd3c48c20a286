import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "activities", name: "activities", component: () => import("./ActivitiesView.vue"),
    meta: { place: { group: "look", order: 5, rights: ["sessions.view"], label: "activities.title" } },
  },
  { path: "activities/new", name: "activity-new", component: () => import("./BeginView.vue") },
  { path: "activities/findings", name: "activity-findings", component: () => import("./OrphansView.vue") },
  { path: "activities/:id", name: "activity", component: () => import("./ActivityView.vue"), props: true },
] satisfies RouteRecordRaw[];
