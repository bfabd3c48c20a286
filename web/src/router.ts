import { createRouter, createWebHashHistory } from "vue-router";

import { ApiError, onSignedOut } from "@/api/http";
import { useSessionStore } from "@/stores/session";
import WallView from "@/views/WallView.vue";

// Hash addresses: the hub serves one file, and any reverse proxy can too.
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", name: "wall", component: WallView },
    {
      path: "/",
      component: () => import("@/views/OfficeView.vue"),
      meta: { office: true },
      children: [
        { path: "interruptions", name: "interruptions", component: () => import("@/views/InterruptionsView.vue") },
        { path: "interruptions/:id", name: "interruption", component: () => import("@/views/InterruptionView.vue"), props: true },
        { path: "overdue", name: "overdue", component: () => import("@/views/OverdueView.vue") },
        { path: "alarms", name: "alarms", component: () => import("@/views/AlarmsView.vue") },
      ],
    },
    { path: "/sign-in", name: "sign-in", component: () => import("@/views/SignInView.vue") },
    { path: "/:rest(.*)*", redirect: { name: "wall" } },
  ],
});

// One question at the door, instead of a page full of refusals behind it. A hub that does not answer is no reason
// to ask for a password: the wall itself says that the hub is out of reach.
router.beforeEach(async (to) => {
  const session = useSessionStore();
  if (to.name === "sign-in" || session.username !== "") return true;
  try {
    await session.greet();
    return true;
  } catch (error) {
    return error instanceof ApiError && error.status === 401 ? { name: "sign-in", query: to.fullPath === "/" ? {} : { back: to.fullPath } } : true;
  }
});

// Dark for the wall, light for office work (tokens.css).
router.afterEach((to) => {
  document.documentElement.classList.toggle("dark", to.meta["office"] !== true);
  document.documentElement.classList.toggle("office", to.meta["office"] === true);
});

onSignedOut(() => {
  const session = useSessionStore();
  const route = router.currentRoute.value;
  if (route.name === "sign-in") return;
  const ended = session.username === "" ? "0" : "1";
  session.username = "";
  void router.replace({ name: "sign-in", query: { back: route.fullPath, ended } });
});
