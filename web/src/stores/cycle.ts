/** Auto-cycle (轮巡): the plan, the present turn, and the seconds that are left of it. */
import { defineStore } from "pinia";
import { computed, ref, shallowRef, watch } from "vue";

import { arranged } from "@/domain/arrangement";
import { type CyclePlan, hold, isWorthATurn, readPlan, staying, stepOver, type Turn, turnOver } from "@/domain/cycle";
import { remember, remembered } from "@/domain/memory";
import { buildTree, streamsBelow } from "@/domain/tree";

import { useAlarmsStore } from "./alarms";
import { useLinkStore } from "./link";
import { useStreamsStore } from "./streams";
import { useUnitsStore } from "./units";
import { useWallStore } from "./wall";

export const useCycleStore = defineStore("cycle", () => {
  const wall = useWallStore();
  const streams = useStreamsStore();
  const units = useUnitsStore();
  const alarms = useAlarmsStore();
  const link = useLinkStore();

  const plan = shallowRef<CyclePlan | null>(null);
  const turn = shallowRef<Turn | null>(null);
  const nextAt = ref(0);

  const ring = computed(() => {
    if (plan.value === null || plan.value.unit === "") return [];
    const below = streamsBelow(buildTree(units.list, streams.list), plan.value.unit);
    return below.filter((one) => isWorthATurn(one.status.state)).map((one) => one.id);
  });
  const ringing = computed(() => new Set(alarms.queue.filter((one) => one.state === "open" && one.stream !== "").map((one) => one.stream)));
  /** What would stay if the next turn came now. */
  const stay = computed(() => {
    if (turn.value === null) return new Set<string>();
    const holds = (id: string): number => {
      if (id === wall.sounding) return 4; // somebody listens to it
      const stream = streams.byId.get(id);
      return stream === undefined ? 0 : hold(stream.status, ringing.value.has(id), link.hubNowMs);
    };
    return staying(turn.value.places, holds);
  });
  /** Somebody looks at one tile closely: nothing is taken away from under their eyes. */
  const waits = computed(() => wall.enlarged !== null);
  const running = computed(() => plan.value !== null && !plan.value.paused && !waits.value);
  const leftS = computed(() => Math.max(0, Math.ceil((nextAt.value - link.nowMs) / 1000)));

  function show(next: Turn): void {
    turn.value = next;
    wall.turn = arranged(next.split, next.places);
    nextAt.value = Date.now() + (plan.value?.everyS ?? 0) * 1000;
  }

  function step(by: number): void {
    const now = plan.value;
    if (now === null) return;
    if (now.unit === "") show(stepOver(now.steps, turn.value, stay.value, by));
    else show(turnOver(ring.value, now.split, turn.value, stay.value, by));
  }

  function start(next: CyclePlan): void {
    plan.value = next;
    turn.value = null;
    wall.enlarged = null;
    step(1);
    note();
  }

  function stop(): void {
    plan.value = null;
    turn.value = null;
    wall.turn = null;
    note();
  }

  /** No longer shown; what is remembered of it stays. */
  function rest(): void {
    plan.value = null;
    turn.value = null;
    wall.turn = null;
  }

  function pause(paused = !(plan.value?.paused ?? false)): void {
    if (plan.value === null) return;
    plan.value = { ...plan.value, paused };
    if (!paused) nextAt.value = Date.now() + plan.value.everyS * 1000;
    note();
  }

  function note(): void {
    if (!wall.led) remember("cycle", plan.value === null ? "" : JSON.stringify(plan.value));
  }

  /** As this browser remembers it, once the streams are known. */
  function restore(): void {
    if (wall.led || plan.value !== null) return;
    try {
      const kept = readPlan(JSON.parse(remembered("cycle") || "null"));
      if (kept !== null) start(kept);
    } catch {
      // what cannot be read is not remembered
    }
  }

  /** Called with the page's beat. */
  function beat(): void {
    if (plan.value === null) return;
    if (!running.value) nextAt.value += 250; // the time stands still with it
    else if (Date.now() >= nextAt.value) step(1);
  }

  // Who arranges by hand has taken the wall out of the cycle.
  watch(() => wall.turn, (now) => {
    if (now === null && plan.value !== null) stop();
  });
  // The first turn may have come before the streams were known.
  watch(() => ring.value.length, (now, before) => {
    if (before === 0 && now > 0 && plan.value !== null) step(0);
  });

  return { plan, turn, ring, stay, waits, running, leftS, start, stop, rest, pause, step, restore, beat };
});
