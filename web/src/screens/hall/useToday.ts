/** A hall's day, asked for again as it goes on, with what the page itself has seen of each window's picture. */
import { computed, onBeforeUnmount, onMounted, reactive, type Ref, ref, watch } from "vue";

import type { StreamDto } from "@/api/types";
import { useSay } from "@/composables/useSay";
import { oneAtATime } from "@/domain/freshness";
import { lineView, openingOf, verdictOf } from "@/domain/hall";
import { useChangesStore } from "@/stores/changes";
import { useLinkStore } from "@/stores/link";

import { type HallDto, hallToday, type HallWindowDto } from "./api";

const LOOK_MS = 20_000;
const SOON_MS = 1500;
/** How often what runs with the time is drawn anew. */
const BEAT_MS = 5000;

export function useToday(unit: Ref<string>, windows: Ref<StreamDto[]>) {
  const { say } = useSay();
  const link = useLinkStore();
  const changes = useChangesStore();
  const hall = ref<HallDto | null>(null);
  const problem = ref("");
  const black = reactive(new Map<string, boolean | null>());

  const load = oneAtATime(async () => {
    const asked = unit.value;
    if (asked === "") return;
    try {
      const found = await hallToday(asked);
      if (unit.value !== asked) return;
      hall.value = found;
      problem.value = "";
    } catch (error) {
      if (unit.value === asked) problem.value = say(error);
    }
  });

  let timer: ReturnType<typeof setInterval>;
  let soon: ReturnType<typeof setTimeout> | undefined;
  const later = (): void => {
    clearTimeout(soon);
    soon = setTimeout(() => void load(), SOON_MS);
  };
  onMounted(() => (timer = setInterval(() => void load(), LOOK_MS)));
  onBeforeUnmount(() => {
    clearInterval(timer);
    clearTimeout(soon);
  });
  watch(unit, () => {
    hall.value = null;
    black.clear();
    void load();
  }, { immediate: true });
  watch(() => changes.interruption, later);

  const nowMs = computed(() => Math.floor(link.hubNowMs / BEAT_MS) * BEAT_MS);
  const told = computed(() => new Map<string, HallWindowDto>((hall.value?.windows ?? []).map((one) => [one.stream, one])));
  const opening = computed(() => openingOf(hall.value?.windows ?? [], nowMs.value));
  const view = computed(() => {
    const day = hall.value === null ? { from: 0, to: 1 } : { from: Date.parse(hall.value.from), to: Date.parse(hall.value.to) };
    return lineView(opening.value, day);
  });
  const rows = computed(() =>
    windows.value.map((stream) => {
      const window = told.value.get(stream.id);
      return { stream, window, verdict: verdictOf({ stream, window, black: black.get(stream.id) ?? null }) };
    }),
  );
  return { hall, problem, load, nowMs, opening, view, rows, black };
}
