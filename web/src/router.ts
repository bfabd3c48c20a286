import { createRouter, createWebHashHistory } from "vue-router";

import { ApiError, onMustChange, onSignedOut } from "@/api/http";
import { OFFICE, placesFor } from "@/places";
import WallScreen from "@/screens/arrange/WallScreen.vue";
import WallView from "@/screens/wall/WallView.vue";
import { useSessionStore } from "@/stores/session";

// Hash addresses: the hub serves one file, and any reverse proxy can too.
export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: "/", name: "wall", component: WallView },
    { path: "/wall/:id", name: "screen", component: WallScreen, props: true },
    { path: "/", component: () => import("@/components/OfficeFrame.vue"), meta: { office: true }, children: OFFICE },
    { path: "/sign-in", name: "sign-in", component: () => import("@/screens/sign-in/SignInView.vue") },
    { path: "/account", name: "account", component: () => import("@/screens/account/AccountView.vue"), meta: { office: true } },
    { path: "/:rest(.*)*", redirect: { name: "wall" } },
  ],
});

// One question at the door, instead of a page full of refusals behind it. A hub that does not answer is no reason
// to ask for a password: the wall itself says that the hub is out of reach.
router.beforeEach(async (to) => {
  const session = useSessionStore();
  if (to.name === "sign-in" || to.name === "recorder") return true; // a phone is no person
  try {
    if (session.username === "") await session.greet();
    if (to.name === "account") return true;
    if (session.mustChange) return { name: "account", query: to.fullPath === "/" ? {} : { back: to.fullPath } };
    if (placesFor(session.may).length === 0) return { name: "account" };
    return to.name === "wall" && to.query["wall"] === undefined ? home(session.may) : true;
  } catch (error) {
    return error instanceof ApiError && error.status === 401 ? { name: "sign-in", query: to.fullPath === "/" ? {} : { back: to.fullPath } } : true;
  }
});

/** Who may see no pictures begins at the first place that is theirs. */
function home(may: (right: string) => boolean): true | { name: string } {
  const first = placesFor(may)[0];
  return first === undefined || first.name === "wall" ? true : { name: first.name };
}

// Dark for the wall, light for office work (tokens.css).
router.afterEach((to) => {
  document.documentElement.classList.toggle("dark", to.meta["office"] !== true || to.meta.dark === true);
  document.documentElement.classList.toggle("office", to.meta["office"] === true && to.meta.dark !== true);
});

// Also said of another person who signs beside the one who is signed in: so the hub is asked whom it meant.
onMustChange(() => {
  const route = router.currentRoute.value;
  if (route.name === "account" || route.name === "sign-in") return;
  const session = useSessionStore();
  void session.greet().then(() => (session.mustChange ? router.replace({ name: "account", query: { back: route.fullPath } }) : undefined)).catch(() => undefined);
});

onSignedOut(() => {
  const session = useSessionStore();
  const route = router.currentRoute.value;
  if (route.name === "sign-in") return;
  const ended = session.username === "" ? "0" : "1";
  session.username = "";
  void router.replace({ name: "sign-in", query: { back: route.fullPath, ended } });
});
