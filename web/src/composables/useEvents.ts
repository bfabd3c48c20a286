/** The events socket, and what each event does to the stores. */
import { onBeforeUnmount, onMounted, watch } from "vue";

import type { InterruptionDto, StreamDto, TelemetryDto } from "@/api/types";
import { spokenFor } from "@/domain/alarms";
import { ringsNow } from "@/domain/states";
import { parseEvent } from "@/net/events";
import { ReconnectingSocket } from "@/net/reconnecting";
import type { AlarmDto } from "@/api/alarms";
import { useAlarmStore } from "@/stores/alarm";
import { useAlarmsStore } from "@/stores/alarms";
import { useChangesStore } from "@/stores/changes";
import { useInterruptionsStore } from "@/stores/interruptions";
import { useLinkStore } from "@/stores/link";
import { useStreamsStore } from "@/stores/streams";

/** Events can be lost with a connection: ask for everything now and then. */
const RELOAD_MS = 15_000;
const LOST_REPEAT_MS = 4000;
/** A call of the first level sounds until somebody looks after it. */
const GRAVE_REPEAT_MS = 10_000;
/** Between an interruption and its alarm lies one write to the hub's database. Longer than one sound keeps others away. */
const ALARM_FOLLOWS_MS = 1500;
/** Words of the fault itself; the others tell what was said or done about it later. */
const FAULT_WORDS: readonly string[] = ["suspected", "confirmed", "withdrawn", "resumed", "closed"];

export function useEvents(): void {
  const link = useLinkStore();
  const streams = useStreamsStore();
  const interruptions = useInterruptionsStore();
  const alarm = useAlarmStore();
  const alarms = useAlarmsStore();
  const changes = useChangesStore();
  const waiting = new Set<ReturnType<typeof setTimeout>>();

  const socket = new ReconnectingSocket(() => "/api/events", {
    opened: () => reload(),
    text: (data) => received(data),
    closed: () => void streams.load().catch(() => undefined), // a session that has ended shows as 401
  });

  function reload(): void {
    void Promise.all([streams.load(), interruptions.load(), alarms.load()]).catch(() => undefined); // tried again by the timer
  }

  function received(data: string): void {
    const event = parseEvent(data);
    if (event === null) return;
    link.told(event.at);
    const [noun, change] = event.type.split(".");
    if (event.type === "events.dropped") reload(); // this page was too slow
    else if (noun === "interruption" && FAULT_WORDS.includes(change ?? "")) interrupted(event.data as InterruptionDto);
    else if (noun === "interruption") followed(event.data as { id?: string });
    else if (event.type === "alarm.shift") void alarms.load().catch(() => undefined);
    else if (noun === "alarm" && change !== "notice_failed") rung(event.data as AlarmDto);
    else if (noun === "export") changes.exports = { id: (event.data as { id?: string }).id ?? "" };
    else if (noun === "look") changes.look = { id: (event.data as { id?: string }).id ?? "" };
    else if (noun === "activity") acted(event.data as { id?: string });
    else if (event.type === "telemetry.changed") reported(event.data as { stream?: string; telemetry?: TelemetryDto });
    else if (noun === "inspection") changes.inspection = { id: (event.data as { id?: string }).id ?? "" };
    else if (noun === "wall") changes.wall = { id: (event.data as { id?: string }).id ?? "" };
    else if (noun === "stream" && change === "retired") streams.remove((event.data as StreamDto).id);
    else if (noun === "stream") changed(event.data as StreamDto);
  }

  function reported(told: { stream?: string; telemetry?: TelemetryDto }): void {
    if (told.stream !== undefined && told.telemetry !== undefined) streams.report(told.stream, told.telemetry);
  }

  function changed(stream: Partial<StreamDto>): void {
    if (stream.id !== undefined && stream.name !== undefined && stream.status !== undefined) {
      streams.upsert(stream as StreamDto);
      // The row must say what the tile says. A list that lags behind was asked for before.
      const confirmed = interruptions.running(stream as StreamDto)?.state === "confirmed";
      if (stream.status.state === "interrupted" && !confirmed) void interruptions.load().catch(() => undefined);
    } else void streams.load().catch(() => undefined);
  }

  function interrupted(interruption: InterruptionDto): void {
    const before = interruptions.byId.get(interruption.id);
    interruptions.upsert(interruption);
    streams.follow(interruption);
    if (ringsNow(before, interruption)) soundUnlessAlarmed(interruption.id);
    changes.interruption = { id: interruption.id };
  }

  /** Alarms ring. An interruption sounds by itself only where the hub makes no alarm of it: that comes a moment later. */
  function soundUnlessAlarmed(id: string): void {
    const timer = setTimeout(() => {
      waiting.delete(timer);
      if (!spokenFor(alarms.byId.values(), id)) alarm.ring("interruption");
    }, ALARM_FOLLOWS_MS);
    waiting.add(timer);
  }

  /** Something was said or done about it. Such an event tells less than the list does. */
  function followed(told: { id?: string }): void {
    changes.interruption = { id: told.id ?? "" };
    void interruptions.load().catch(() => undefined);
  }

  function acted(told: { id?: string }): void {
    changes.activity = { id: told.id ?? "" };
    void streams.load().catch(() => undefined); // who records where
  }

  function rung(told: AlarmDto): void {
    if (alarms.upsert(told)) alarm.ring("interruption");
  }

  let reloadTimer: ReturnType<typeof setInterval>;
  let graveTimer: ReturnType<typeof setInterval>;
  let lostTimer: ReturnType<typeof setInterval> | undefined;
  let stopLink: () => void;
  onMounted(() => {
    stopLink = link.start(() => socket.renew());
    socket.start();
    reload();
    reloadTimer = setInterval(reload, RELOAD_MS);
    graveTimer = setInterval(() => {
      if (alarms.ringing.some((one) => one.level === 1)) alarm.ring("interruption");
    }, GRAVE_REPEAT_MS);
  });
  watch(() => link.lost, (lost) => {
    clearInterval(lostTimer);
    if (!lost) {
      reload();
      return;
    }
    alarm.ring("lost");
    lostTimer = setInterval(() => alarm.ring("lost"), LOST_REPEAT_MS);
  });
  onBeforeUnmount(() => {
    clearInterval(reloadTimer);
    clearInterval(graveTimer);
    for (const timer of waiting) clearTimeout(timer);
    clearInterval(lostTimer);
    stopLink();
    socket.stop();
  });
}
