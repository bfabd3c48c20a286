import type { RouteRecordRaw } from "vue-router";

/** The phone's page stands by itself: without sign-in, and without the hub. This address only leads there. */
export default [
  {
    path: "recorder", name: "recorder", component: { render: () => null },
    beforeEnter: () => {
      location.assign("/recorder");
      return false;
    },
  },
] satisfies RouteRecordRaw[];
