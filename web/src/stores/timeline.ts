/** What the time line shows: the period, and each stream's spans in it. */
import { defineStore } from "pinia";
import { computed, reactive, ref } from "vue";

import { timeline } from "@/api/hub";
import { startOfDay } from "@/domain/time";
import { type Bar, bars } from "@/timeline/bars";
import { following, HOUR, isAtNow, pan, span, type View, zoom } from "@/timeline/scale";

import { useLinkStore } from "./link";

interface Row {
  bars: Bar[];
  /** Completeness of today, 0 to 1; null: nothing was due; undefined: not known yet. */
  completeness: number | null | undefined;
  completenessAt: number;
}

const COMPLETENESS_MS = 30_000;
/** Asked beyond both edges, in lengths of the view: a drag does not run into the void. */
const MARGIN = 0.5;

export const useTimelineStore = defineStore("timeline", () => {
  const link = useLinkStore();
  const length = ref(HOUR);
  /** Null while the line follows now. */
  const fixed = ref<View | null>(null);
  const rows = reactive(new Map<string, Row>());
  const view = computed<View>(() => fixed.value ?? following(Math.floor(link.hubNowMs / 1000) * 1000, length.value));
  const atNow = computed(() => fixed.value === null);

  function set(next: View): void {
    length.value = span(next);
    fixed.value = isAtNow(next, link.hubNowMs) ? null : next;
  }

  const zoomBy = (factor: number, anchor?: number): void => {
    // At now, now stays where it is; else the middle, or the moment under the pointer.
    const at = anchor ?? (atNow.value ? link.hubNowMs : (view.value.from + view.value.to) / 2);
    set(pan(zoom(view.value, factor, at), 0, link.hubNowMs));
  };
  const moveBy = (ms: number): void => set(pan(view.value, ms, link.hubNowMs));
  const follow = (): void => void (fixed.value = null);

  function show(preset: number): void {
    if (atNow.value) length.value = preset;
    else set(zoom(view.value, preset / span(view.value), (view.value.from + view.value.to) / 2));
  }

  /** Asks the hub for a stream's spans around the view. Errors are left to the next time. */
  async function refresh(stream: string): Promise<void> {
    const margin = span(view.value) * MARGIN;
    const now = link.hubNowMs;
    const to = Math.min(view.value.to + margin, now);
    try {
      const answer = await timeline(stream, view.value.from - margin, Math.max(to, view.value.from + 1000));
      const row = rowOf(stream);
      row.bars = bars(answer.spans);
      if (now - row.completenessAt > COMPLETENESS_MS) {
        row.completenessAt = now;
        row.completeness = (await timeline(stream, startOfDay(now), now)).completeness;
      }
    } catch {
      // the page says elsewhere when the hub is out of reach
    }
  }

  function rowOf(stream: string): Row {
    const known = rows.get(stream);
    if (known !== undefined) return known;
    rows.set(stream, { bars: [], completeness: undefined, completenessAt: 0 });
    return rows.get(stream) as Row;
  }

  return { length, view, atNow, rows, zoomBy, moveBy, follow, show, refresh };
});
