/** The phone as a recorder: everything that goes on, tied together. One for the page; views show `state` and call. */
import { markRaw } from "vue";

import { ApiError } from "@/api/http";

import { Backfill } from "./backfill";
import { Awake, bitsPerS, openCamera, type Stopped, watchCapture } from "./capture";
import { Events } from "./events";
import { readGauges, watchPosition } from "./gauges";
import { DeviceHub } from "./hub";
import { write } from "./journal";
import { keep, recall, wipe } from "./memory";
import { Outbox, type Said } from "./outbox";
import { type Pairing, pairingOf, type PairingProblem } from "./pairing";
import { openPieces } from "./pieces";
import { room } from "./plan";
import { stoppedText } from "./sayings";
import { Shelf } from "./shelf";
import { type BeginForm, clock, hubMs, iso, type Phase, reached, state } from "./state";
import { PIECE_MS, Tape } from "./tape";
import { Uploader } from "./uploader";
import { type LinkState, Publisher } from "./whip";

import type { ActivityDto, Cue, CurrentDto, Position, Reason } from "./types";

const TELEMETRY_MS = 5000;
const URGENT_MS = 1500;
const END_MS = 3000;
const LOOK_MS = 3000;
const IDLE_LOOK_MS = 15_000;
const awake = new Awake((held) => {
  state.awake = held;
  if (!held && state.phase === "recording" && document.visibilityState === "visible") write("wakeLost", {}, true);
});
let pairing: Pairing | null = recall<Pairing | null>("pairing", null);
let hub: DeviceHub | null = null;
let outbox: Outbox | null = null;
let events: Events | null = null;
let shelf: Shelf | null = null;
let backfill: Backfill | null = null;
let publisher: Publisher | null = null;
let tape: Tape | null = null;
let unwatch: () => void = () => undefined;
let unplace: () => void = () => undefined;
let position: Position | null = null;
const stoppedAt = new Map<Stopped, number>();

/** Once, at the start. Another page of this phone that is open already keeps what it has. */
export async function open(): Promise<void> {
  const free = await new Promise<boolean>((resolve) => {
    if (!("locks" in navigator)) resolve(true);
    else void navigator.locks.request("recorder-hub.phone", { ifAvailable: true }, (lock) => (resolve(lock !== null), lock === null ? undefined : new Promise(() => undefined)));
  });
  state.elsewhere = !free;
  if (free) {
    shelf = await Shelf.open(await openPieces(), PIECE_MS, show);
    state.storage = shelf.pieces.kind;
    show();
    window.addEventListener("online", hurry);
    document.addEventListener("visibilitychange", hurry);
    if (pairing !== null) attach(pairing);
    if (pairing !== null && state.phase === "recording") {
      write("reloaded", {}, true);
      await startCapture();
    }
  }
  state.opened = true;
}

function hurry(): void {
  publisher?.hurry();
  void look();
}

// ------------------------------------------------------------------------------------------- pairing

export function pair(text: string): PairingProblem | null {
  const found = pairingOf(text, location.origin);
  if (typeof found === "string") return found;
  pairing = found;
  keep("pairing", found);
  attach(found);
  write("paired", { stream: found.stream });
  void navigator.storage.persist?.();
  return null;
}

/** The token is gone from this phone; footage that the hub still lacks stays for the next pairing with the same recorder. */
export async function unpair(): Promise<void> {
  await stopCapture();
  wipe();
  location.reload();
}

function attach(one: Pairing): void {
  state.stream = one.stream;
  state.name = one.name;
  hub = new DeviceHub(one);
  outbox = new Outbox(hub, { done: said, refused: (what, why) => refused(what, why) });
  events = new Events(hub, {
    acknowledged: (event) => {
      if (event.type === "sos") state.sos = "heard";
      write(`acknowledged.${event.type}`);
    },
    refused: (event) => write("refused", { why: event.type }),
    cue: hear,
  });
  if (events.urgent) state.sos = "calling";
  if (shelf !== null) backfill = new Backfill(hub, shelf, new Uploader(hub, shelf, show), async () => tape?.turn());
  void talk();
  void lookOn();
  void current();
}

// ------------------------------------------------------------------------------------------ activity

export async function begin(form: BeginForm): Promise<void> {
  keep("form", form);
  const officers = form.officers.filter((one) => one.name.trim() !== "");
  await startCapture();
  if (state.media === null) return;
  outbox?.say("activity", {
    officers: officers.map(({ name, certificate, assistant }) => ({ name: name.trim(), certificate: certificate.trim(), assistant })), recorder: form.recorder === "" ? null : form.recorder,
    party: form.party === "" ? null : form.party, party_present: form.partyPresent, cause: form.cause === "" ? null : form.cause, mode: form.mode, at: iso(),
  });
  write("begun");
  setPhase("recording");
}

/** `at`: ms of hub time. */
export function mark(kind: "certificate_shown" | "notice" | "key" | "free", text = "", at = hubMs()): void {
  outbox?.say("activity/marks", { kind, text, at: iso(at) });
  write(`marked.${kind}`);
}

export function keyMark(): void {
  const at = hubMs();
  if (state.phase !== "idle") mark("key", "", at);
  events?.add("key_mark", iso(at), position === null ? {} : { position });
  void speakUp();
}

export function sos(): void {
  events?.add("sos", iso(), position === null ? {} : { position });
  state.sos = "calling";
  write("sos", {}, true);
  void speakUp();
}

/** 因故停止: told at once, and recording pauses; the activity stays open. */
export async function stopBecause(reason: Reason, text: string): Promise<void> {
  outbox?.say("report", { reason, text });
  write("reported", { reason }, true);
  setPhase("paused");
  await stopCapture();
}

export async function resume(): Promise<void> {
  await startCapture();
  if (state.media === null) return;
  setPhase("recording");
  write("resumed");
}

export async function end(): Promise<void> {
  outbox?.say("activity/end", { at: iso() });
  write("ended");
  setPhase("idle");
  state.activity = null;
  // a goodbye that overtakes the end would be a break within the activity; out of reach it is one anyway
  for (let waited = 0; (outbox?.size ?? 0) > 0 && waited < END_MS; waited += 100) await new Promise((done) => setTimeout(done, 100));
  await stopCapture();
}

function setPhase(phase: Phase): void {
  state.phase = phase;
  keep("phase", phase);
}

function said(what: Said, answer: unknown): void {
  state.waiting = outbox?.size ?? 0;
  if (what.path.startsWith("activity")) state.activity = what.path === "activity/end" ? null : (answer as ActivityDto);
}

function refused(what: Said, why: ApiError): void {
  if (what.path === "activity" && why.code === "activity_open") return void current(); // begun by somebody else: it is this one
  state.refused = why.message;
  write("refused", { what: what.path, why: why.message }, true);
}

async function current(): Promise<void> {
  try {
    const found = await hub?.call<CurrentDto>("GET", "activity");
    if (found === undefined) return;
    if (outbox?.size === 0) state.activity = found.activity;
    state.phrase = found.phrase;
    state.mode = found.mode;
    if (found.activity !== null && state.phase === "idle" && outbox?.size === 0) setPhase("paused"); // begun on another device, or before this page was wiped
  } catch {
    // asked again with the next look
  }
}

// ------------------------------------------------------------------------------------------- capture

async function startCapture(): Promise<void> {
  if (state.media !== null || hub === null || shelf === null) return;
  const { quality, facing } = state.settings;
  try {
    state.media = markRaw(await openCamera(quality, facing));
    state.mediaProblem = "";
  } catch (error) {
    state.mediaProblem = error instanceof DOMException ? error.name : "Error";
    write("noCamera", { why: state.mediaProblem }, true);
    return;
  }
  const media = state.media;
  void awake.hold();
  unwatch = watchCapture(media, captured);
  unplace();
  unplace = watchPosition((found) => ((position = found), (state.place = "known")), () => (state.place = position === null ? "refused" : "known"));
  publisher = new Publisher(hub, media, bitsPerS(quality), { state: linked, said: (message) => message["type"] === "cue" && hear(message as unknown as Cue) });
  publisher.start();
  tape = new Tape(media, hub.stream, shelf, clock, bitsPerS(quality), { began: taping, failed: tapeFailed });
  await tape.start();
}

async function stopCapture(): Promise<void> {
  unwatch();
  unplace();
  const [oldTape, oldPublisher, media] = [tape, publisher, state.media];
  tape = publisher = state.media = null;
  state.taping = false;
  state.stopped = [];
  await Promise.all([oldTape?.stop(), oldPublisher?.stop()]);
  media?.getTracks().forEach((track) => track.stop());
  await awake.release();
}

function linked(link: LinkState, problem: ApiError | null): void {
  if (link !== state.link && (link === "live" || state.link === "live")) write(link === "live" ? "linked" : "unlinked", {}, link !== "live" && link !== "off");
  state.link = link;
  state.linkProblem = problem === null || problem.status === 0 ? "" : problem.message;
  if (link === "live") void look();
}

function taping(): void {
  state.taping = true;
  if (state.tapeProblem !== "") write("taping");
  state.tapeProblem = "";
}

function tapeFailed(error: unknown): void {
  const name = error instanceof DOMException ? error.name : String(error);
  const problem = name === "QuotaExceededError" ? "quota" : "other";
  if (state.tapeProblem !== problem) write("tapeFailed", { why: name }, true);
  state.tapeProblem = problem;
  state.taping = tape?.recording === true;
}

/** Whatever stops capture is said on the page at once, and to the hub when it goes on. */
function captured(what: Stopped, on: boolean): void {
  if (!on) {
    if (!stoppedAt.has(what)) stoppedAt.set(what, hubMs());
    if (!state.stopped.includes(what)) state.stopped.push(what);
    write(`stopped.${what}`, {}, true);
    if (what === "ended") void reopen();
    return;
  }
  const since = stoppedAt.get(what);
  stoppedAt.delete(what);
  state.stopped = state.stopped.filter((one) => one !== what);
  if (since === undefined) return;
  write(`back.${what}`, { seconds: Math.max(1, Math.round((hubMs() - since) / 1000)) });
  tell(stoppedText(what, since, hubMs()));
}

/** Within an activity a mark of it; outside a report. */
function tell(text: string): void {
  if (state.phase !== "idle") outbox?.say("activity/marks", { kind: "free", text, at: iso() });
  else outbox?.say("report", { reason: "other", text });
}

/** The system took the camera away (a call): it is asked for again. */
async function reopen(): Promise<void> {
  await stopCapture();
  for (let tries = 0; state.phase === "recording" && state.media === null && tries < 600; tries += 1) {
    await startCapture();
    if (state.media !== null) return captured("ended", true);
    await new Promise((done) => setTimeout(done, 2000));
  }
}

// --------------------------------------------------------------------------------- talking to the hub

let speaking = false;

async function speakUp(): Promise<void> {
  if (events === null || speaking) return;
  speaking = true;
  const { gauges } = state;
  const mb = (bytes: number | null): number | null => (bytes === null ? null : Math.round(bytes / 1e6));
  const told = { at: new Date().toISOString(), battery_percent: gauges.batteryPercent, storage_left_mb: mb(gauges.leftBytes), storage_total_mb: mb(gauges.totalBytes), recording_locally: state.taping };
  try {
    await events.send(Object.fromEntries(Object.entries(told).filter(([, value]) => value !== null)), position);
    reached(null);
  } catch (error) {
    reached(error);
  } finally {
    speaking = false;
  }
}

async function talk(): Promise<void> {
  for (;;) {
    state.gauges = await readGauges();
    const rate = (bitsPerS(state.settings.quality) + 64_000) / 8;
    state.room = state.gauges.leftBytes === null ? "enough" : room(state.gauges.leftBytes, rate);
    await speakUp();
    await outbox?.flush();
    state.waiting = outbox?.size ?? 0;
    await new Promise((done) => setTimeout(done, events?.urgent === true ? URGENT_MS : TELEMETRY_MS));
  }
}

function hear(cue: Cue): void {
  if (cue.cue !== "explain" || state.cue?.id === cue.id) return;
  state.cue = cue;
  void look();
}

/** The clip in which the officer said why: it is marked by its time, as soon as the hub has recorded it. */
export async function explain(fromMs: number, toMs: number, interruption: string | null): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await hub?.call("POST", "spoken", { ...(interruption === null ? {} : { interruption }), from: iso(fromMs), to: iso(toMs) });
      if (state.cue !== null) events?.add("cue_ack", iso(), { cue: state.cue.id });
      state.cue = null;
      write("explained");
      return await look();
    } catch (error) {
      // 409: not recorded yet, or the resume is not certain yet; both come by themselves
      const again = error instanceof ApiError && (error.code === "not_recorded" || error.code === "not_resumed" || error.status === 0) && tries < 20;
      if (!again) throw error;
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }
}

// ------------------------------------------------------------------------------------ what is missing

async function lookOn(): Promise<void> {
  for (;;) {
    await look();
    const busy = state.phase !== "idle" || backfill?.busy === true;
    await new Promise((done) => setTimeout(done, busy ? LOOK_MS : IDLE_LOOK_MS));
  }
}

async function look(): Promise<void> {
  await backfill?.look();
  if (state.activity === null || state.phase === "idle") await current();
}

let shown: ReturnType<typeof setTimeout> | undefined;

/** At most a few times a second. */
function show(): void {
  shown ??= setTimeout(() => {
    shown = undefined;
    state.clips = shelf?.clips.map((clip) => ({ ...clip })) ?? [];
  }, 200);
}
