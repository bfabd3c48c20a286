/** The organisation: names of units and what lies below which. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { listUnits, type UnitDto } from "@/api/hub";

export const useUnitsStore = defineStore("units", () => {
  const list = ref<UnitDto[]>([]);
  const byId = computed(() => new Map(list.value.map((one) => [one.id, one])));
  const name = (id: string | undefined): string => byId.value.get(id === undefined || id === "" ? "root" : id)?.name ?? id ?? "";

  async function load(): Promise<void> {
    list.value = await listUnits();
  }

  return { list, byId, name, load };
});
