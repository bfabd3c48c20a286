/** A selection on the time line. Pure; ms of hub UTC. */

export interface Clip {
  readonly inMs: number | null;
  readonly outMs: number | null;
}

export const NO_CLIP: Clip = { inMs: null, outMs: null };

/** In and out at a moment; a mark on the wrong side of the other one takes it away rather than turning them round. */
export const setIn = (clip: Clip, at: number): Clip => ({ inMs: at, outMs: clip.outMs !== null && clip.outMs > at ? clip.outMs : null });
export const setOut = (clip: Clip, at: number): Clip => ({ outMs: at, inMs: clip.inMs !== null && clip.inMs < at ? clip.inMs : null });

export interface Range {
  readonly from: number;
  readonly to: number;
}

export const rangeOf = (clip: Clip): Range | null => (clip.inMs === null || clip.outMs === null ? null : { from: clip.inMs, to: clip.outMs });

/** Names the note of R20 that says nothing yet; the time is the range itself. */
export interface Notes {
  matter: string;
  place: string;
  method: string;
  officers: string;
}

export const NOTE_KEYS = ["matter", "place", "method", "officers"] as const;
export const missingNotes = (notes: Notes): (typeof NOTE_KEYS)[number][] => NOTE_KEYS.filter((key) => notes[key].trim() === "");

/** One a line, or separated by ；; or 、 */
export const officersOf = (text: string): string[] => text.split(/[\n;；、]+/).map((one) => one.trim()).filter((one) => one !== "");

export interface ActivityLike {
  matter: string;
  cause: string;
  party: string;
  case_number: string;
  place: string;
  mode: string;
  device: string;
  officers: { name: string; certificate: string; assistant: boolean }[];
  began_at: string;
  ended_at: string | null;
}

/** The activity that shares the most time with the range. */
export function bestActivity<T extends Pick<ActivityLike, "began_at" | "ended_at">>(list: readonly T[], range: Range, nowMs: number): T | undefined {
  const shared = (one: T): number => Math.min(one.ended_at === null ? nowMs : Date.parse(one.ended_at), range.to) - Math.max(Date.parse(one.began_at), range.from);
  return [...list].filter((one) => shared(one) > 0).sort((a, b) => shared(b) - shared(a))[0];
}

function officerText(one: ActivityLike["officers"][number]): string {
  const role = one.assistant ? "，协助人员" : "";
  return one.certificate === "" ? `${one.name}${role}` : `${one.name}（执法证号${one.certificate}${role}）`;
}

const MODES: Record<string, string> = { full: "全程音像记录", key_steps: "重要环节音像记录" };

/** What an activity says of the notes, as the hub words it in a package (Chinese: it goes onto the disc). */
export function notesFrom(activity: ActivityLike): Notes {
  const matter = [activity.matter, activity.cause, activity.party === "" ? "" : `当事人${activity.party}`, activity.case_number];
  const mode = MODES[activity.mode] ?? activity.mode;
  return {
    matter: matter.filter((one) => one !== "").join("，"),
    place: activity.place,
    method: activity.device === "" ? mode : `${mode}，设备编号${activity.device}`,
    officers: activity.officers.map(officerText).join("\n"),
  };
}
