/** Layouts and walls that the hub keeps, for who arranges them. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { ApiError } from "@/api/http";
import type { Arrangement } from "@/domain/arrangement";
import type { CyclePlan } from "@/domain/cycle";

import { addLayout, type LayoutDto, listLayouts, listWalls, putLayout, putWall, removeLayout, removeWall, sceneOf, showWall, type WallDto } from "./api";

export const useSavedStore = defineStore("saved", () => {
  const layouts = ref<LayoutDto[]>([]);
  const walls = ref<WallDto[]>([]);
  const loaded = ref(false);
  const byId = computed(() => new Map(walls.value.map((one) => [one.id, one])));

  async function load(): Promise<void> {
    [layouts.value, walls.value] = await Promise.all([listLayouts(), listWalls()]);
    loaded.value = true;
  }

  /** `id` null: a new one. */
  async function saveLayout(id: string | null, name: string, unit: string, arrangement: Arrangement): Promise<LayoutDto> {
    const saved = await (id === null ? addLayout({ name, unit, arrangement }) : putLayout(id, { name, unit, arrangement }));
    layouts.value = await listLayouts();
    return saved;
  }

  async function dropLayout(id: string): Promise<void> {
    await removeLayout(id);
    layouts.value = layouts.value.filter((one) => one.id !== id);
  }

  function know(wall: WallDto): void {
    const at = walls.value.findIndex((one) => one.id === wall.id);
    if (at < 0) walls.value.push(wall);
    else if ((walls.value[at]?.revision ?? 0) <= wall.revision) walls.value[at] = wall;
  }

  async function refresh(id: string): Promise<void> {
    try {
      know(await showWall(id));
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) walls.value = walls.value.filter((one) => one.id !== id);
      else throw error;
    }
  }

  async function addWall(id: string, name: string, unit: string): Promise<void> {
    know(await putWall({ id, name, unit, revision: 0, scene: sceneOf({ split: 4, places: ["", "", "", ""] }, null) }));
  }

  /** 上墙. What is sent is made from what the wall shows now; if another was faster, that is shown first. */
  async function send(id: string, make: (now: WallDto) => { arrangement: Arrangement; plan: CyclePlan | null }): Promise<void> {
    const wall = byId.value.get(id);
    if (wall === undefined) return;
    const { arrangement, plan } = make(wall);
    try {
      know(await putWall({ ...wall, scene: sceneOf(arrangement, plan) }));
    } catch (error) {
      if (error instanceof ApiError && (error.status === 409 || error.status === 404)) await refresh(id);
      throw error;
    }
  }

  async function dropWall(id: string): Promise<void> {
    await removeWall(id);
    walls.value = walls.value.filter((one) => one.id !== id);
  }

  return { layouts, walls, loaded, byId, load, saveLayout, dropLayout, refresh, addWall, send, dropWall };
});
