/** Playback's own time line: what is in sight, each stream's bars and marks in it. */
import { computed, onBeforeUnmount, reactive, ref, watch } from "vue";

import { timeline } from "@/api/hub";
import type { Line } from "@/composables/useTimelineDrag";
import { type Bar, bars, nextBreak } from "@/timeline/bars";
import { DAY, HOUR, PLAYBACK_LIMITS, span, type View, zoom } from "@/timeline/scale";

import { type ActivityDto, activitiesOf, deviceMarks } from "./api";

export interface Mark {
  readonly atMs: number;
  readonly kind: "key" | "certificate_shown" | "notice" | "free" | "key_mark" | "sos";
  readonly text: string;
}

export interface Row {
  bars: Bar[];
  marks: Mark[];
  activities: ActivityDto[];
}

const SETTLE_MS = 180;
const REFRESH_MS = 15_000;
const FAR_MS = 31 * DAY;

async function marksOf(stream: string, from: number, to: number): Promise<{ marks: Mark[]; activities: ActivityDto[] }> {
  // An activity that began before may reach in; a right that is missing is no reason to show no line.
  const [activities, told] = await Promise.all([activitiesOf(stream, from - DAY, to).catch(() => []), deviceMarks(stream, from, to).catch(() => [])]);
  const marks: Mark[] = activities.flatMap((one) => one.marks.map((mark) => ({ atMs: Date.parse(mark.at), kind: mark.kind, text: mark.text })));
  for (const one of told) marks.push({ atMs: Date.parse(one.at), kind: one.kind, text: one.text });
  return { marks: marks.sort((a, b) => a.atMs - b.atMs), activities };
}

export function useLines(order: Readonly<{ value: string[] }>, hubNow: () => number) {
  const view = ref<View>({ from: 0, to: HOUR });
  const rows = reactive(new Map<string, Row>());
  let settle: ReturnType<typeof setTimeout> | undefined;

  function set(next: View): void {
    const length = span(next);
    const from = Math.min(next.from, hubNow() + length * 0.05 - length);
    view.value = { from, to: from + length };
    soon();
  }

  const show = (from: number, to: number): void => set({ from, to });
  const line: Line = {
    get view() {
      return view.value;
    },
    atNow: false,
    zoomBy: (factor, anchor) => set(zoom(view.value, factor, anchor ?? (view.value.from + view.value.to) / 2, PLAYBACK_LIMITS)),
    moveBy: (ms) => set({ from: view.value.from + ms, to: view.value.to + ms }),
  };

  /** The moment comes into sight; the length stays. */
  function reveal(at: number): void {
    const { from, to } = view.value;
    if (at >= from && at <= to) return;
    const length = span(view.value);
    set({ from: at - length / 2, to: at + length / 2 });
  }

  function soon(): void {
    clearTimeout(settle);
    settle = setTimeout(() => void refresh(), SETTLE_MS);
  }

  async function refresh(): Promise<void> {
    const { from, to } = view.value;
    const margin = span(view.value) / 2;
    const end = Math.max(Math.min(to + margin, hubNow()), from - margin + 1000);
    for (const stream of order.value) {
      const [line, told] = await Promise.all([timeline(stream, from - margin, end).catch(() => null), marksOf(stream, from - margin, end)]);
      rows.set(stream, { bars: line === null ? (rows.get(stream)?.bars ?? []) : bars(line.spans), ...told });
    }
  }

  const far = (at: number, forward: boolean): [number, number] => (forward ? [at, Math.min(at + FAR_MS, hubNow())] : [at - FAR_MS, at]);

  /** Begin of the nearest break of any of the streams; null: none within a month. */
  async function findBreak(at: number, forward: boolean): Promise<number | null> {
    const [from, to] = far(at, forward);
    if (to <= from) return null;
    const lists = await Promise.all(order.value.map((stream) => timeline(stream, from, to).then((told) => bars(told.spans), () => [])));
    const found = lists.flatMap((list) => nextBreak(list, at, forward)?.from ?? []);
    return found.length === 0 ? null : forward ? Math.min(...found) : Math.max(...found);
  }

  async function findMark(at: number, forward: boolean): Promise<number | null> {
    const [from, to] = far(at, forward);
    if (to <= from) return null;
    const all = (await Promise.all(order.value.map((stream) => marksOf(stream, from, to)))).flatMap((one) => one.marks).map((one) => one.atMs);
    const found = all.filter((one) => (forward ? one > at : one < at));
    return found.length === 0 ? null : forward ? Math.min(...found) : Math.max(...found);
  }

  /** The first footage of any stream from a moment on, within a week. */
  async function findFootage(streams: readonly string[], at: number): Promise<number | null> {
    const to = Math.min(at + 7 * DAY, hubNow());
    if (to <= at) return null;
    const lists = await Promise.all(streams.map((stream) => timeline(stream, at, to).then((told) => bars(told.spans), () => [])));
    const found = lists.flatMap((list) => list.find((bar) => bar.look === "recorded" || bar.look === "backfilled")?.from ?? []);
    return found.length === 0 ? null : Math.min(...found);
  }

  const activityAt = (stream: string, at: number): ActivityDto | undefined =>
    rows.get(stream)?.activities.find((one) => Date.parse(one.began_at) <= at && (one.ended_at === null || at <= Date.parse(one.ended_at)));

  const timer = setInterval(() => {
    if (!document.hidden && view.value.to > hubNow() - DAY) void refresh();
  }, REFRESH_MS);
  watch(() => order.value.join(), soon);
  onBeforeUnmount(() => {
    clearInterval(timer);
    clearTimeout(settle);
  });
  const list = computed(() => order.value.map((stream) => ({ stream, row: rows.get(stream) ?? { bars: [], marks: [], activities: [] } })));
  return { view, line, list, rows, show, reveal, refresh, findBreak, findMark, findFootage, activityAt };
}

export type Lines = ReturnType<typeof useLines>;
