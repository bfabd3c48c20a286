/** The newest interruptions, by id; events replace them as a whole. */
import { defineStore } from "pinia";
import { computed, ref, shallowReactive } from "vue";

import { listInterruptions } from "@/api/hub";
import type { InterruptionDto, StreamDto } from "@/api/types";
import { Freshness, oneAtATime } from "@/domain/freshness";
import { isOpen, isRunning, losesMedia } from "@/domain/states";

const KEPT = 300;

export const useInterruptionsStore = defineStore("interruptions", () => {
  const byId = shallowReactive(new Map<string, InterruptionDto>());
  /** Came by an event while the page was open: shown with a flash. */
  const fresh = ref(new Set<string>());
  const loaded = ref(false);
  const freshness = new Freshness();

  const all = computed(() => [...byId.values()].sort((a, b) => Date.parse(b.started_at) - Date.parse(a.started_at)));
  const open = computed(() => all.value.filter((i) => isOpen(i.state)));
  const load = oneAtATime(async () => {
    const asked = freshness.ask();
    const list = freshness.merge(asked, await listInterruptions(KEPT), byId);
    const kept = new Set(list.map((interruption) => interruption.id));
    for (const id of [...byId.keys()]) if (!kept.has(id)) byId.delete(id);
    for (const interruption of list) byId.set(interruption.id, interruption);
    loaded.value = true;
  });

  /** An event. True when it was not known before. */
  function upsert(interruption: InterruptionDto): boolean {
    const known = byId.has(interruption.id);
    freshness.told(interruption.id);
    byId.set(interruption.id, interruption);
    if (!known) {
      fresh.value = new Set([...fresh.value, interruption.id].slice(-50));
      for (const old of all.value.slice(KEPT)) byId.delete(old.id);
    }
    return !known;
  }

  /** What takes a stream's footage away at this moment. The stream's own state decides whether anything does. */
  function running(stream: StreamDto | undefined): InterruptionDto | undefined {
    if (stream?.status.state !== "interrupted" && stream?.status.state !== "suspected") return undefined;
    const named = byId.get(stream.status.interruption ?? "");
    return named ?? all.value.find((i) => i.stream === stream.id && isRunning(i.state) && losesMedia(i.kind));
  }

  return { byId, fresh, loaded, all, open, load, upsert, running };
});
