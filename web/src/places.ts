/** Where one can go: a screen is a folder in `screens/`, its `routes.ts` says where it stands in the navigation. */
import type { RouteRecordRaw } from "vue-router";

/** Of the navigation, top to bottom: watching, what is to be answered, looking things up, what is set up, the hub itself. */
export const GROUPS = ["watch", "answer", "look", "set", "run"] as const;
export type Group = (typeof GROUPS)[number];

export interface Place {
  group: Group;
  /** Within its group. */
  order: number;
  /** Who holds none of these rights is not shown the way there; the hub itself decides what they get. */
  rights: readonly string[];
  /** Key of its word. */
  label: string;
}

declare module "vue-router" {
  interface RouteMeta {
    /** Only of routes that the navigation leads to. */
    place?: Place;
    /** Dark like the wall, not light like office work. */
    dark?: boolean;
  }
}

const FILES = import.meta.glob<RouteRecordRaw[]>("./screens/*/routes.ts", { eager: true, import: "default" });

/** The office screens' routes: children of the frame that they share. */
export const OFFICE: RouteRecordRaw[] = Object.values(FILES).flat();

export interface Entry extends Place {
  name: string;
}

const WALL: Entry = { name: "wall", group: "watch", order: 0, rights: ["live.view", "interruptions.picture"], label: "wall.title" };

/** Every place that these rights lead to, in the order of the navigation. */
export function placesFor(may: (right: string) => boolean, routes: readonly RouteRecordRaw[] = OFFICE): Entry[] {
  const entries = [WALL, ...routes.flatMap((route) => (route.meta?.place === undefined ? [] : [{ ...route.meta.place, name: String(route.name) }]))];
  return entries
    .filter((entry) => entry.rights.some(may))
    .sort((a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group) || a.order - b.order);
}
