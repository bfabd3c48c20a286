/** Several streams under one clock: who plays, leans, leaps or waits (policy: playback/sync.ts). */
import { computed, onBeforeUnmount, onMounted, reactive, ref, shallowReactive } from "vue";

import { lastBefore, nextAfter, partOf, type Stretch } from "@/playback/holes";
import { type Loaded, type Status, StreamPlayer } from "@/playback/player";
import { audible, type Manner, mannerOf, PATIENCE_MS, steer } from "@/playback/sync";

export interface TileState {
  status: Status;
  reason: string;
  /** Nothing is recorded at the clock's time; when it goes on, as far as the part that is loaded tells. */
  hole: { until: number | null } | null;
  /** Against the clock, ms; null: no picture. */
  aheadMs: number | null;
  waiting: boolean;
}

export interface DeckHooks {
  hubNow: () => number;
  loaded: (stream: string, loaded: Loaded) => void;
  part: (part: Stretch) => void;
  /** The first footage of any of these streams after a moment, beyond what is loaded. */
  findNext: (streams: readonly string[], atMs: number) => Promise<number | null>;
}

/** The clock that is shown is told this often; inside it goes with every picture of the screen. */
const TELL_MS = 66;
const LATE_MS = 150;
const FOLLOW_SHARE = 0.3;
const SHOW_SKIP_MS = 6000;
const MEASURE_MS = 2500;
/** Of steps that wait; beyond it a key was held down for long. */
const MOST_STEPS = 5;
/** What came last is not sealed yet. */
const LIVE_EDGE_MS = 15_000;

export function useDeck(hooks: DeckHooks) {
  const state = reactive({
    atMs: 0, playing: false, speed: 1, manner: "all" as Manner, holding: false, atEnd: false, sound: "", volume: 1, muted: false, blocked: false,
    skip: null as Stretch | null, part: { from: 0, to: 0 } as Stretch,
  });
  const tiles = shallowReactive(new Map<string, TileState>());
  const order = ref<string[]>([]);
  const players = new Map<string, StreamPlayer>();
  let at = 0;
  let frame = 0;
  let ticked = 0;
  let toldAt = 0;
  let stepping: StreamPlayer | null = null;
  let steps = 0;
  let searching = false;
  let slow = false;
  let measured = { at: 0, since: 0 };
  let skipTimer: ReturnType<typeof setTimeout> | undefined;
  const lateSince = new Map<string, number>();

  const listed = (): StreamPlayer[] => order.value.flatMap((id) => players.get(id) ?? []);
  const leader = (): StreamPlayer | undefined => listed().find((one) => one.status === "ready" && one.has(at));

  function attach(stream: string, video: HTMLVideoElement): void {
    const player = new StreamPlayer(stream, video, { changed, loaded: (loaded) => hooks.loaded(stream, loaded) });
    players.set(stream, player);
    tiles.set(stream, reactive<TileState>({ status: "loading", reason: "", hole: null, aheadMs: null, waiting: true }));
    if (state.sound === "") state.sound = stream;
    if (state.part.to > 0) player.load(state.part, at);
    voice();
  }

  function detach(stream: string): void {
    players.get(stream)?.destroy();
    players.delete(stream);
    tiles.delete(stream);
    lateSince.delete(stream);
    if (state.sound === stream) state.sound = order.value.find((id) => id !== stream) ?? "";
    voice();
  }

  function changed(player: StreamPlayer): void {
    const tile = tiles.get(player.stream);
    if (tile !== undefined) Object.assign(tile, { status: player.status, reason: player.reason });
  }

  function go(ms: number): void {
    at = Math.min(ms, hooks.hubNow() - 500);
    stepping = null;
    steps = 0;
    state.atEnd = false;
    const part = partOf(at);
    if (part.from !== state.part.from) {
      state.part = part;
      hooks.part(part);
      for (const player of listed()) player.load(part, at);
    } else {
      for (const player of listed()) if (player.has(at)) player.seek(at, performance.now());
    }
    tell(performance.now(), true);
  }

  /** The same again: what was refused may be played now. */
  function reload(): void {
    for (const player of listed()) player.load(state.part, at);
  }

  function toggle(): void {
    state.playing = !state.playing;
    steps = 0;
    state.atEnd = false;
    measured = { at, since: performance.now() };
    if (!state.playing) for (const player of listed()) player.video.pause();
  }

  function setSpeed(speed: number): void {
    Object.assign(state, { speed, manner: mannerOf(speed, order.value.length) });
    slow = false;
    measured = { at, since: performance.now() };
    voice();
  }

  function step(by: 1 | -1): void {
    if (state.playing) toggle();
    steps = Math.max(-MOST_STEPS, Math.min(MOST_STEPS, steps + by));
  }

  /** One picture at a time: the next one when the last one is on the screen, also while a key is held down. */
  function stepOn(): void {
    const first = leader();
    if (steps === 0 || stepping !== null || first === undefined || first.video.seeking) return;
    const by = steps > 0 ? 1 : -1;
    steps -= by;
    stepping = first;
    first.step(by);
  }

  function voice(): void {
    for (const [id, { video }] of players) {
      video.volume = state.volume;
      video.muted = id !== state.sound || state.muted || state.blocked || !audible(state.speed) || state.manner === "keys";
    }
  }

  function tick(now: number): void {
    frame = requestAnimationFrame(tick);
    const passed = Math.min(now - ticked, 250);
    ticked = now;
    const list = listed();
    if (list.length === 0 || state.part.to === 0) return;
    state.manner = slow ? "keys" : mannerOf(state.speed, list.length);
    if (state.playing && state.manner === "keys") keys(list, passed);
    else drive(list, passed, now);
    if (state.playing) onward(list);
    tell(now, false);
  }

  /** Every picture: the first one with footage leads, the others follow it. */
  function drive(list: readonly StreamPlayer[], passed: number, now: number): void {
    const first = leader();
    let hold = false;
    const acts = list.map((player) => {
      const clock = player.clockMs;
      const look = {
        aheadS: clock === null ? null : (clock - at) / 1000, playing: state.playing, speed: state.speed, footage: player.status === "ready" && player.has(at),
        seeking: player.video.seeking, ready: player.ready, sinceLeapMs: now - player.leapAt, leads: player === first && (state.playing || stepping === player),
      };
      const act = steer(look);
      if (!act.holds) lateSince.delete(player.stream);
      else if (!lateSince.has(player.stream)) lateSince.set(player.stream, now);
      const late = now - (lateSince.get(player.stream) ?? now);
      if (late > LATE_MS && late < PATIENCE_MS) hold = true;
      return { player, look, act };
    });
    for (const { player, look, act } of acts) {
      if (act.leap) player.seek(at, now);
      const runs = act.play && (!hold || act.holds);
      if (runs && player.video.paused) play(player);
      else if (!runs && !player.video.paused) player.video.pause();
      if (player.video.playbackRate !== act.rate) player.video.playbackRate = act.rate;
      show(player, look.footage, look.aheadS, act.holds);
    }
    state.holding = hold;
    if (!state.playing) {
      settle();
      stepOn();
    }
    else if (!hold && first !== undefined) {
      at += passed * state.speed;
      const ahead = (first.clockMs ?? at) - at;
      if (Math.abs(ahead) < 500 * Math.max(1, state.speed)) at += ahead * FOLLOW_SHARE;
      if (state.speed > 1) measure(now);
    }
  }

  /** Faster than pictures come: each segment's keyframe, the newest that is due, one at a time. */
  function keys(list: readonly StreamPlayer[], passed: number): void {
    const shown = list.filter((player) => player.status === "ready" && player.has(at));
    state.holding = shown.length > 0 && shown.every((player) => player.video.seeking || player.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA);
    for (const player of list) {
      if (!player.video.paused) player.video.pause();
      if (shown.includes(player) && !player.video.seeking) player.seekKey(at);
      show(player, shown.includes(player), null, player.video.seeking);
    }
    if (shown.length > 0) at += passed * state.speed * (state.holding ? 0.25 : 1);
  }

  /** Less than 60 % of the speed that was asked for: keyframes show more. */
  function measure(now: number): void {
    if (now - measured.since < MEASURE_MS) return;
    slow = at - measured.at < (now - measured.since) * state.speed * 0.6;
    measured = { at, since: now };
    if (slow) voice();
  }

  function settle(): void {
    if (stepping === null || stepping.video.seeking) return;
    at = stepping.picture?.clockMs ?? stepping.clockMs ?? at;
    stepping = null;
    tell(performance.now(), true);
  }

  /** Nobody has footage here: on to where somebody has. What was refused may have some: it waits for a reason. */
  function onward(shown: readonly StreamPlayer[]): void {
    const list = shown.filter((player) => player.status !== "refused");
    if (searching || list.length === 0 || list.some((player) => player.status === "loading" || (player.status === "ready" && player.has(at)))) return;
    const next = list.map((player) => nextAfter(player.recorded, at)).filter((one) => one !== null);
    const before = list.map((player) => lastBefore(player.recorded, at)).filter((one) => one !== null);
    const from = Math.max(...before, Number.NEGATIVE_INFINITY);
    if (next.length > 0) leapTo(Number.isFinite(from) ? from : at, Math.min(...next));
    else void search(Math.max(at, Number.isFinite(from) ? from : at));
  }

  function leapTo(from: number, to: number): void {
    state.skip = to - from > 800 ? { from, to } : null;
    clearTimeout(skipTimer);
    skipTimer = setTimeout(() => (state.skip = null), SHOW_SKIP_MS);
    go(to + 1);
    measured = { at, since: performance.now() };
  }

  async function search(from: number): Promise<void> {
    searching = true;
    const part = state.part;
    const next = await hooks.findNext(order.value, Math.max(from, Math.min(state.part.to, from + 1000))).catch(() => null);
    searching = false;
    if (part !== state.part || !state.playing) return;
    const stuck = next !== null && next < at + 500 && part.to > next; // recorded, but not played: pictures of a kind that no browser takes
    const to = stuck ? part.to : next === null ? null : Math.max(next, at);
    if (to !== null && to < hooks.hubNow() - LIVE_EDGE_MS) leapTo(from, to);
    else {
      state.playing = false;
      state.atEnd = true;
      for (const player of listed()) player.video.pause();
    }
  }

  function play(player: StreamPlayer): void {
    player.video.play().catch((error: unknown) => {
      // Before the first click browsers forbid sound, not pictures.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError" || state.blocked) return;
      state.blocked = true;
      voice();
    });
  }

  function show(player: StreamPlayer, footage: boolean, aheadS: number | null, waiting: boolean): void {
    const tile = tiles.get(player.stream);
    if (tile === undefined) return;
    const until = footage || player.status === "loading" ? null : nextAfter(player.recorded, at);
    if (footage !== (tile.hole === null) || (tile.hole !== null && tile.hole.until !== until)) tile.hole = footage || player.status === "loading" ? null : { until };
    tile.waiting = waiting;
    tile.aheadMs = aheadS === null ? null : Math.round(aheadS * 1000);
  }

  function tell(now: number, atOnce: boolean): void {
    if (!atOnce && now - toldAt < TELL_MS) return;
    toldAt = now;
    if (state.atMs !== at) state.atMs = at;
  }

  function setSound(change: Partial<{ sound: string; volume: number; muted: boolean }>): void {
    Object.assign(state, change, { blocked: false });
    voice();
  }

  onMounted(() => (frame = requestAnimationFrame(tick)));
  onBeforeUnmount(() => {
    cancelAnimationFrame(frame);
    clearTimeout(skipTimer);
    for (const player of players.values()) player.destroy();
  });

  const player = (stream: string): StreamPlayer | undefined => players.get(stream);
  const many = computed(() => order.value.length);
  return { state, tiles, order, many, attach, detach, go, reload, toggle, setSpeed, step, setSound, player };
}

export type Deck = ReturnType<typeof useDeck>;
