import { createRouter, createWebHashHistory } from "vue-router";

import { onSignedOut } from "@/api/http";
import { wasInside } from "@/router-state";
import WallView from "@/views/WallView.vue";

// Hash addresses: the hub serves one file, and any reverse proxy can too.
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", name: "wall", component: WallView },
    { path: "/sign-in", name: "sign-in", component: () => import("@/views/SignInView.vue") },
    { path: "/:rest(.*)*", redirect: { name: "wall" } },
  ],
});

onSignedOut(() => {
  const route = router.currentRoute.value;
  if (route.name === "sign-in") return;
  void router.replace({ name: "sign-in", query: { back: route.fullPath, ended: wasInside() ? "1" : "0" } });
});
