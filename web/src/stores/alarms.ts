/** The queue of alarms, kept true by events and now and then by asking; and who is on duty. */
import { defineStore } from "pinia";
import { computed, ref, shallowReactive } from "vue";

import { act, type AlarmAction, type AlarmDto, handTo, openAlarms, type ShiftDto, shifts as listShifts } from "@/api/alarms";
import { ApiError } from "@/api/http";
import { heardNow, isUnsettled, queueOrder, ringsFor } from "@/domain/alarms";
import { Freshness, oneAtATime } from "@/domain/freshness";

import { useSessionStore } from "./session";

const PICTURES = 20;

export const useAlarmsStore = defineStore("alarms", () => {
  const session = useSessionStore();
  const byId = shallowReactive(new Map<string, AlarmDto>());
  /** What a tile showed when its alarm popped up, as an address; the newest few. */
  const pictures = shallowReactive(new Map<string, string>());
  const shifts = ref<ShiftDto[]>([]);
  const loaded = ref(false);
  const freshness = new Freshness();

  const queue = computed(() => [...byId.values()].filter(isUnsettled).sort(queueOrder));
  /** Those of incidents are shown under their incident. */
  const heads = computed(() => queue.value.filter((one) => one.joined === "" || !byId.has(one.joined)));
  const ringing = computed(() => queue.value.filter((one) => rings(one)));
  const mine = computed(() => shifts.value.filter((one) => one.username === session.username && one.ended_at === null));

  const allowed = (): boolean => session.may("interruptions.view");
  const rings = (one: AlarmDto): boolean => ringsFor(one, session.username, session.may("interruptions.handle"));

  const load = oneAtATime(async () => {
    if (!allowed()) return;
    const asked = freshness.ask();
    try {
      const list = freshness.merge(asked, await openAlarms(), byId);
      const kept = new Set(list.map((one) => one.id));
      for (const id of [...byId.keys()]) if (!kept.has(id)) byId.delete(id);
      for (const one of list) byId.set(one.id, one);
      shifts.value = await listShifts();
      loaded.value = true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 503) loaded.value = true; // this hub keeps no alarms
      else throw error;
    }
  });

  /** An event or an answer. True when it must be heard. */
  function upsert(alarm: AlarmDto): boolean {
    const before = byId.get(alarm.id);
    freshness.told(alarm.id);
    const heard = heardNow(before, alarm, session.username, session.may("interruptions.handle"));
    if (isUnsettled(alarm)) byId.set(alarm.id, alarm);
    else byId.delete(alarm.id);
    return heard;
  }

  function keepPicture(id: string, address: string): void {
    pictures.set(id, address);
    for (const old of [...pictures.keys()].slice(0, -PICTURES)) pictures.delete(old);
  }

  async function doOn(id: string, action: AlarmAction, note: string): Promise<void> {
    upsert(await act(id, action, note));
  }

  async function giveTo(id: string, to: string, note: string): Promise<void> {
    upsert(await handTo(id, to, note));
  }

  return { byId, pictures, keepPicture, shifts, loaded, queue, heads, ringing, mine, rings, load, upsert, doOn, giveTo };
});
