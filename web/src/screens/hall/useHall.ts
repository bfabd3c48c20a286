/** Which hall is looked at: in the address, else as remembered, else the first that there is. */
import { computed, onMounted, ref } from "vue";
import { useRoute, useRouter } from "vue-router";

import { covers } from "@/domain/alarms";
import { remember, remembered } from "@/domain/memory";
import { useSessionStore } from "@/stores/session";
import { useStreamsStore } from "@/stores/streams";
import { useUnitsStore } from "@/stores/units";

export function useHall() {
  const route = useRoute();
  const router = useRouter();
  const units = useUnitsStore();
  const streams = useStreamsStore();
  const session = useSessionStore();
  const ready = ref(false);
  /** Somebody without a hall in the tree looks at a unit all the same. */
  const whole = ref(false);

  const open = computed(() => units.list.filter((one) => one.retired !== true));
  const halls = computed(() => open.value.filter((one) => one.kind === "hall"));
  const others = computed(() => open.value.filter((one) => one.kind !== "hall"));
  const asked = computed(() => (typeof route.query["unit"] === "string" ? route.query["unit"] : ""));
  const unit = computed(() => {
    const known = (id: string | null): boolean => id !== null && units.byId.has(id);
    if (known(asked.value)) return asked.value;
    const kept = remembered("hall.unit");
    if (kept !== null && halls.value.some((one) => one.id === kept)) return kept;
    return halls.value[0]?.id ?? (whole.value ? session.unit : "");
  });
  const below = computed(() => new Set(units.list.filter((one) => covers(units.list, unit.value, one.id)).map((one) => one.id)));
  /** Windows and rooms of the hall and below it, by name as people count: 2 before 10. */
  const windows = computed(() =>
    streams.list
      .filter((one) => (one.kind === "window" || one.kind === "room") && below.value.has(one.unit === undefined || one.unit === "" ? "root" : one.unit))
      .sort((a, b) => a.name.localeCompare(b.name, "zh-CN", { numeric: true }) || a.id.localeCompare(b.id)),
  );

  function choose(id: string): void {
    remember("hall.unit", id);
    void router.replace({ query: { ...route.query, unit: id } });
  }

  onMounted(async () => {
    try {
      await Promise.all([units.list.length === 0 ? units.load() : undefined, streams.loaded ? undefined : streams.load()]);
    } catch {
      // the frame says that the hub is out of reach, and asks again
    }
    ready.value = true;
  });
  return { ready, halls, others, unit, windows, whole, choose };
}
