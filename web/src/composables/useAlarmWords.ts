/** How an alarm is called: what happened, where, since when. */
import { useI18n } from "vue-i18n";

import type { AlarmDto } from "@/api/alarms";
import { clockTime, dateOf } from "@/domain/time";
import { useLinkStore } from "@/stores/link";
import { useStreamsStore } from "@/stores/streams";
import { useUnitsStore } from "@/stores/units";

export function useAlarmWords() {
  const { t, te } = useI18n();
  const streams = useStreamsStore();
  const units = useUnitsStore();
  const link = useLinkStore();

  function what(alarm: AlarmDto): string {
    if (te(`alarmKind.${alarm.kind}`)) return t(`alarmKind.${alarm.kind}`);
    return te(`interruption.${alarm.kind}`) ? t(`interruption.${alarm.kind}`) : alarm.text || alarm.kind;
  }

  const name = (alarm: AlarmDto): string => (alarm.stream === "" ? (alarm.text || t("alarms.hubItself")) : (streams.byId.get(alarm.stream)?.name ?? alarm.stream));
  const unit = (alarm: AlarmDto): string => units.name(alarm.unit);

  function since(alarm: AlarmDto): string {
    const ms = Date.parse(alarm.since);
    return dateOf(ms) === dateOf(link.hubNowMs) ? clockTime(ms) : `${dateOf(ms).slice(5)} ${clockTime(ms)}`;
  }

  return { what, name, unit, since };
}
