import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "hall", name: "hall", component: () => import("./HallView.vue"),
    meta: { place: { group: "watch", order: 20, rights: ["interruptions.view"], label: "hall.nav" } },
  },
  { path: "hall/calendar", name: "hall-calendar", component: () => import("./CalendarView.vue") },
  { path: "hall/report", name: "hall-report", component: () => import("./ReportView.vue") },
] satisfies RouteRecordRaw[];
