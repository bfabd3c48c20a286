/** The queue of alarms: order, groups, who it rings for. Pure. */
import type { AlarmDto, ShiftDto } from "@/api/alarms";
import type { UnitDto } from "@/api/hub";

export const LEVELS = [1, 2, 3, 4] as const;

export const isUnsettled = (alarm: Pick<AlarmDto, "state">): boolean => alarm.state === "open" || alarm.state === "acknowledged";

/** What nobody looks after first, then the gravest, then the oldest. */
export function queueOrder(a: AlarmDto, b: AlarmDto): number {
  return a.level - b.level || Number(a.state !== "open") - Number(b.state !== "open") || Date.parse(a.since) - Date.parse(b.since);
}

/** An event does not say `rings`: what the hub's answer would. */
export function ringsFor(alarm: AlarmDto, username: string, mayHandle: boolean): boolean {
  if (alarm.state !== "open" || alarm.joined !== "") return false;
  return alarm.rings_for === null ? mayHandle : alarm.rings_for.includes(username);
}

/** Whether a change must be heard: it rings now, and did not before; it went a unit up; or it broke off once more. */
export function heardNow(before: AlarmDto | undefined, now: AlarmDto, username: string, mayHandle: boolean): boolean {
  if (!ringsFor(now, username, mayHandle)) return false;
  if (before === undefined || !ringsFor(before, username, mayHandle)) return true;
  return now.escalated > before.escalated || now.count > before.count || (now.handed_to !== before.handed_to && now.handed_to === username);
}

/** Whether `below` is `above` or lies under it. What is in no known unit belongs to the root. */
export function covers(units: readonly UnitDto[], above: string, below: string): boolean {
  const byId = new Map(units.map((one) => [one.id, one]));
  let at = byId.get(below) ?? units.find((one) => one.parent === null);
  for (let depth = 0; at !== undefined && depth < 32; depth++) {
    if (at.id === above) return true;
    at = at.parent === null ? undefined : byId.get(at.parent);
  }
  return above === below;
}

/** What a hand-over at this unit must name: all that is open there and below, parts of incidents too. */
export function openIn(alarms: readonly AlarmDto[], units: readonly UnitDto[], unit: string): AlarmDto[] {
  return alarms.filter((one) => isUnsettled(one) && covers(units, unit, one.unit)).sort(queueOrder);
}

/** The interruption that an alarm is of, if it is of one. */
export function interruptionOf(alarm: Pick<AlarmDto, "cause">): string | null {
  const [family, ...rest] = alarm.cause.split(":");
  return family === "interruption" ? rest.join(":") : null;
}

/** Whether an alarm speaks for this interruption: then that one rings, for whom it rings, and nothing sounds twice. */
export function spokenFor(alarms: Iterable<Pick<AlarmDto, "cause">>, interruption: string): boolean {
  for (const one of alarms) if (interruptionOf(one) === interruption) return true;
  return false;
}

/** On duty elsewhere than me, each once. */
export function others(shifts: readonly ShiftDto[], username: string): string[] {
  return [...new Set(shifts.filter((one) => one.ended_at === null && one.username !== username).map((one) => one.username))].sort();
}
