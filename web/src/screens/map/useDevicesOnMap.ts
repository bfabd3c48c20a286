/** Devices with a position, as the list and the map show them alike; and where the interrupted ones broke off. */
import { computed, type Ref, shallowReactive, watch } from "vue";

import type { PointDto, StreamDto } from "@/api/types";
import { covers, isUnsettled } from "@/domain/alarms";
import { type Age, ageOf, pointAt } from "@/domain/positions";
import { TILE_LOOK, type Tone } from "@/domain/states";
import { useAlarmsStore } from "@/stores/alarms";
import { useInterruptionsStore } from "@/stores/interruptions";
import { useLinkStore } from "@/stores/link";
import { useStreamsStore } from "@/stores/streams";
import { useUnitsStore } from "@/stores/units";

import { trackOf } from "./api";

export interface OnMap {
  stream: StreamDto;
  point: PointDto;
  age: Age;
  tone: Tone;
  /** Read without its colour. */
  sign: string;
  sos: boolean;
}

export interface Broke {
  stream: string;
  interruption: string;
  startedMs: number;
  point: PointDto;
}

/** Positions come at least each minute: an older one says nothing of where it broke off. */
const BEFORE_MS = 180_000;

export function useDevicesOnMap(unit: Ref<string>, text: Ref<string>) {
  const streams = useStreamsStore();
  const units = useUnitsStore();
  const alarms = useAlarmsStore();
  const interruptions = useInterruptionsStore();
  const link = useLinkStore();
  const points = shallowReactive(new Map<string, Broke | null>());

  const calling = computed(() => new Set([...alarms.byId.values()].filter((one) => one.kind === "sos" && isUnsettled(one)).map((one) => one.stream)));
  const fits = (one: StreamDto): boolean => {
    const wanted = text.value.trim().toLowerCase();
    const words = [one.name, one.id, one.device_number ?? "", ...(one.activity?.officers ?? [])];
    return (unit.value === "" || covers(units.list, unit.value, one.unit ?? "")) && (wanted === "" || words.some((word) => word.toLowerCase().includes(wanted)));
  };
  const located = computed(() => streams.list.filter((one) => (one.status.telemetry?.position ?? null) !== null));
  const without = computed(() => streams.list.filter((one) => one.source.type === "whip").length - located.value.filter((one) => one.source.type === "whip").length);

  /** Whoever calls for help first, then by name. */
  const devices = computed<OnMap[]>(() =>
    located.value
      .filter(fits)
      .map((stream) => {
        const look = TILE_LOOK[stream.status.state];
        const point = stream.status.telemetry?.position as PointDto;
        return { stream, point, age: ageOf(point.at_us, link.hubNowMs), tone: look.tone, sign: look.glyph, sos: calling.value.has(stream.id) };
      })
      .sort((a, b) => Number(b.sos) - Number(a.sos) || a.stream.name.localeCompare(b.stream.name, "zh-CN", { numeric: true })),
  );

  const running = computed(() =>
    located.value.filter((one) => one.status.state === "interrupted").flatMap((stream) => {
      const cut = interruptions.running(stream);
      return cut === undefined ? [] : [{ stream: stream.id, interruption: cut.id, startedMs: Date.parse(cut.started_at) }];
    }),
  );
  watch(() => running.value.map((one) => one.interruption).join(), () => {
    for (const one of running.value) if (!points.has(one.interruption)) void find(one);
  }, { immediate: true });

  async function find(one: { stream: string; interruption: string; startedMs: number }): Promise<void> {
    points.set(one.interruption, null);
    try {
      const { points: found } = await trackOf(one.stream, one.startedMs - BEFORE_MS, one.startedMs + 1000);
      const point = pointAt(found, one.startedMs + 1000);
      if (point !== undefined) points.set(one.interruption, { ...one, point });
    } catch {
      points.delete(one.interruption); // asked again with the next interruption
    }
  }
  const broke = computed<Broke[]>(() => {
    const shown = new Set(devices.value.map((one) => one.stream.id));
    return running.value.flatMap((one) => points.get(one.interruption) ?? []).filter((one) => shown.has(one.stream));
  });

  return { devices, broke, without };
}
