import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "alarms", name: "alarms", component: () => import("./AlarmsView.vue"),
    meta: { place: { group: "watch", order: 10, rights: ["interruptions.view"], label: "nav.alarms" } },
  },
] satisfies RouteRecordRaw[];
