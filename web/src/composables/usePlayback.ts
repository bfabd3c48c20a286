/** hls.js over the hub's playlist, told in wall-clock time. */
import Hls, { type ErrorData, type Fragment } from "hls.js/light";
import { onBeforeUnmount, onMounted, reactive, type Ref } from "vue";

import { playbackUrl } from "@/api/hub";
import { onAnswer401 } from "@/api/http";
import { afterHole, clockOf, mediaTimeOf, type Piece, skipped } from "@/playback/clock";

const SHOW_SKIP_MS = 5000;
/** Standing still this long next to a hole. */
const STUCK_MS = 350;
const HOLE_REACH_S = 0.6;

export interface PlaybackState {
  status: "loading" | "ready" | "empty" | "failed";
  reason: string;
  clockMs: number | null;
  playing: boolean;
  speed: number;
  skip: { from: number; to: number } | null;
}

export function usePlayback(video: Readonly<Ref<HTMLVideoElement | null>>, stream: string) {
  const state = reactive<PlaybackState>({ status: "loading", reason: "", clockMs: null, playing: false, speed: 1, skip: null });
  let hls: Hls | null = null;
  let pieces: Piece[] = [];
  let frame = 0;
  let last: { clock: number; at: number } | null = null;
  let skipTimer: ReturnType<typeof setTimeout> | undefined;
  let start = 0;
  let wantsPlay = false;
  let movedAt = 0;

  /** Loads a period and stands at a moment of it. */
  function load(fromMs: number, toMs: number, atMs: number): void {
    hls?.destroy();
    Object.assign(state, { status: "loading", reason: "", skip: null });
    pieces = [];
    start = atMs;
    // No worker: fMP4 goes to MSE as it is, there is nothing to do in one.
    hls = new Hls({ enableWorker: false, startPosition: 0, maxBufferLength: 20, backBufferLength: 30, maxBufferHole: 0.5, nudgeMaxRetry: 10 });
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => known(details.fragments));
    hls.on(Hls.Events.ERROR, (_, data) => failed(data));
    hls.loadSource(playbackUrl(stream, fromMs, toMs));
    if (video.value !== null) hls.attachMedia(video.value);
  }

  function known(fragments: readonly Fragment[]): void {
    pieces = fragments.map((f) => ({ start: f.start, duration: f.duration, clockMs: f.programDateTime ?? 0, gap: f.gap === true }));
    if (state.status !== "loading") return;
    if (!pieces.some((p) => !p.gap)) {
      state.status = "empty";
      return;
    }
    state.status = "ready";
    wantsPlay = true;
    seek(start);
  }

  function failed(data: ErrorData): void {
    if (!data.fatal) return;
    const code = data.response?.code;
    if (code === 401) onAnswer401();
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && state.status === "ready") {
      hls?.recoverMediaError();
      return;
    }
    state.status = code === 404 || data.details === Hls.ErrorDetails.LEVEL_EMPTY_ERROR ? "empty" : "failed";
    state.reason = code !== undefined && code !== 0 ? `HTTP ${code}` : data.details;
  }

  function seek(clockMs: number): void {
    const to = mediaTimeOf(pieces, clockMs);
    if (to === null || video.value === null) return;
    last = null;
    state.skip = null;
    video.value.currentTime = to;
  }

  function play(): void {
    video.value?.play().catch(() => undefined); // refused with sound before a click: the button still works
  }

  /** Playing can only begin when the first picture is there; asked for earlier, the browser forgets it. */
  function canPlay(): void {
    if (!wantsPlay) return;
    wantsPlay = false;
    play();
  }

  function toggle(): void {
    wantsPlay = false;
    if (video.value?.paused === true) play();
    else video.value?.pause();
  }

  function speed(value: number): void {
    state.speed = value;
    if (video.value !== null) video.value.playbackRate = value;
  }

  function look(): void {
    frame = requestAnimationFrame(look);
    const element = video.value;
    if (element === null) return;
    state.playing = !element.paused;
    const clock = pieces.length > 0 ? clockOf(pieces, element.currentTime) : null;
    const now = performance.now();
    if (clock === state.clockMs) {
      if ((state.playing || wantsPlay) && now - movedAt > STUCK_MS) jumpHole(element);
      return;
    }
    movedAt = now;
    if (clock !== null && last !== null && !element.seeking) {
      const hole = skipped(last.clock, clock, (now - last.at) * state.speed);
      if (hole !== null && state.playing) tell(hole);
    }
    last = clock === null || element.seeking ? last : { clock, at: now };
    state.clockMs = clock;
  }

  /** A hole is longer than any buffer: go to what comes after it, and say so. */
  function jumpHole(element: HTMLVideoElement): void {
    const hole = afterHole(pieces, element.currentTime, HOLE_REACH_S);
    if (hole === null) return;
    movedAt = performance.now();
    last = null;
    element.currentTime = hole.to.start + 0.001;
    tell({ from: hole.from, to: hole.to.clockMs });
  }

  function tell(hole: { from: number; to: number }): void {
    state.skip = hole;
    clearTimeout(skipTimer);
    skipTimer = setTimeout(() => (state.skip = null), SHOW_SKIP_MS);
  }

  onMounted(() => (frame = requestAnimationFrame(look)));
  onBeforeUnmount(() => {
    cancelAnimationFrame(frame);
    clearTimeout(skipTimer);
    hls?.destroy();
  });

  return { state, load, seek, toggle, speed, canPlay };
}
