import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "organisation", name: "organisation", component: () => import("./OrganisationView.vue"),
    meta: { place: { group: "set", order: 20, rights: ["people.view", "units.manage"], label: "organisation.title" } },
  },
] satisfies RouteRecordRaw[];
