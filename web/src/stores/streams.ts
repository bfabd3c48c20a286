/** The registered streams and the state of each, kept true by events and now and then by asking. */
import { defineStore } from "pinia";
import { computed, ref } from "vue";

import { addStream, listStreams, type NewStream } from "@/api/hub";
import { followed } from "@/domain/follow";
import { Freshness, oneAtATime } from "@/domain/freshness";
import type { InterruptionDto, NewStreamDto, StreamDto, StreamState, TelemetryDto } from "@/api/types";

export const useStreamsStore = defineStore("streams", () => {
  const list = ref<StreamDto[]>([]);
  const loaded = ref(false);
  const freshness = new Freshness();
  const byId = computed(() => new Map(list.value.map((s) => [s.id, s])));
  const counts = computed(() => {
    const counts: Record<StreamState, number> = { live: 0, suspected: 0, interrupted: 0, waiting: 0, idle: 0, off_duty: 0 };
    for (const stream of list.value) counts[stream.status.state] += 1;
    return counts;
  });

  const load = oneAtATime(async () => {
    const asked = freshness.ask();
    const answer = await listStreams();
    list.value = freshness.merge(asked, answer, byId.value);
    loaded.value = true;
  });

  async function add(stream: NewStream): Promise<NewStreamDto> {
    const answer = await addStream(stream);
    await load();
    return answer;
  }

  function upsert(stream: StreamDto): void {
    freshness.told(stream.id);
    const index = list.value.findIndex((s) => s.id === stream.id);
    if (index < 0) list.value.push(stream);
    else list.value[index] = { ...stream, activity: stream.activity ?? list.value[index]?.activity ?? null };
  }

  /** What a device says of itself comes more often than anything else of its stream. */
  function report(id: string, telemetry: TelemetryDto): void {
    const stream = byId.value.get(id);
    if (stream !== undefined) stream.status.telemetry = telemetry;
  }

  function remove(id: string): void {
    freshness.told(id);
    list.value = list.value.filter((s) => s.id !== id);
  }

  /** An interruption's change is the fastest word of its stream's state. */
  function follow(interruption: InterruptionDto): void {
    const stream = byId.value.get(interruption.stream);
    const status = stream && followed(stream.status, interruption);
    if (!status) return;
    freshness.told(stream.id);
    stream.status = status;
  }

  return { list, loaded, byId, counts, load, add, upsert, report, remove, follow };
});
