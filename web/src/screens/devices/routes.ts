import type { RouteRecordRaw } from "vue-router";

export default [
  {
    path: "devices", name: "devices", component: () => import("./DevicesView.vue"),
    meta: { place: { group: "set", order: 10, rights: ["streams.view"], label: "devices.title" } },
  },
  { path: "devices/import", name: "devices-import", component: () => import("./ImportView.vue") },
  { path: "devices/of/:id", name: "device", component: () => import("./DeviceView.vue"), props: true },
] satisfies RouteRecordRaw[];
