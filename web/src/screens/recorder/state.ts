/** What the page shows of this phone as a recorder. Changed by recorder.ts and backfill.ts alone. */
import { markRaw, reactive } from "vue";

import { ApiError } from "@/api/http";

import { HubClock, localNow, type Reading } from "./clock";
import { write } from "./journal";
import { keep, recall } from "./memory";

import type { Quality, Stopped } from "./capture";
import type { Clip } from "./clips";
import type { Gauges } from "./gauges";
import type { Missing, Room } from "./plan";
import type { ActivityDto, Cue, OfficerDto } from "./types";
import type { LinkState } from "./whip";

export type Phase = "idle" | "recording" | "paused";
export interface Settings {
  quality: Quality;
  facing: "environment" | "user";
  keepHours: number;
}
export interface BeginForm {
  officers: OfficerDto[];
  recorder: string;
  party: string;
  partyPresent: boolean;
  cause: string;
  mode: "full" | "key_steps";
}

const NO_GAUGES: Gauges = { batteryPercent: null, charging: false, leftBytes: null, totalBytes: null, persisted: false };

export const state = reactive({
  opened: false,
  elsewhere: false,
  stream: "",
  name: "",
  reach: "unknown" as "unknown" | "there" | "lost" | "token",
  link: "off" as LinkState,
  linkProblem: "",
  phase: recall<Phase>("phase", "idle"),
  media: null as MediaStream | null,
  mediaProblem: "",
  tapeProblem: "",
  taping: false,
  activity: null as ActivityDto | null,
  phrase: "为保护您的合法权益，监督我们的执法行为，本次行政执法全程录音、录像。",
  mode: "full" as "full" | "key_steps",
  waiting: 0,
  refused: "",
  clock: null as Reading | null,
  gauges: NO_GAUGES,
  room: "enough" as Room,
  place: "unknown" as "unknown" | "known" | "refused",
  awake: false,
  stopped: [] as Stopped[],
  clips: [] as Clip[],
  missing: [] as Missing[],
  sos: "none" as "none" | "calling" | "heard",
  cue: null as Cue | null,
  storage: "",
  settings: { quality: "720", facing: "environment", keepHours: 24, ...recall<Partial<Settings>>("settings", {}) } as Settings,
});

export const clock = markRaw(new HubClock());

/** Hub time where it is known, else this phone's. */
export function hubMs(): number {
  const now = localNow();
  return now + (clock.reading(now)?.offsetMs ?? 0);
}

export const iso = (ms = hubMs()): string => new Date(ms).toISOString();

export function setSettings(changes: Partial<Settings>): void {
  Object.assign(state.settings, changes);
  keep("settings", state.settings);
}

export function reached(error: unknown): void {
  const now = error === null ? "there" : error instanceof ApiError && error.status === 401 ? "token" : error instanceof ApiError && error.status !== 0 ? "there" : "lost";
  if (now !== state.reach && state.reach !== "unknown") write(`reach.${now}`, {}, now !== "there");
  state.reach = now;
}
