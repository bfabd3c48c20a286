/** One stream's footage in a <video>: hls.js over the hub's playlist, told in wall-clock time. Knows no Vue. */
import Hls, { type ErrorData, type Fragment, type FragLoadedData } from "hls.js/light";

import { playbackUrl } from "@/api/hub";
import { onAnswer401 } from "@/api/http";

import { clockOf, mediaTimeOf, type Piece } from "./clock";
import { type Picture, pictureTicks, Pictures, videoTrack } from "./frames";
import { keyframeAt, type Stretch, stretches, within } from "./holes";

export type Status = "loading" | "ready" | "empty" | "refused" | "failed";

/** What was loaded of a reel, at the moment it was: the player may write into the bytes later. */
export interface Loaded {
  readonly reel: string;
  readonly offset: number;
  readonly size: number;
  /** Of the reel as it lies on the disk; null: silence was woven in, and the reel itself must be asked for. */
  readonly bytes: ArrayBuffer | null;
}

export interface Hooks {
  changed: (player: StreamPlayer) => void;
  loaded: (loaded: Loaded) => void;
}

/** Just behind a picture's begin: a browser rounds times, and would show the one before. */
const INTO_S = 0.001;
const BUFFER_S = 20;

export class StreamPlayer {
  status: Status = "loading";
  reason = "";
  recorded: readonly Stretch[] = [];
  leapAt = -Infinity;
  readonly pictures = new Pictures();
  private pieces: Piece[] = [];
  private hls: Hls | null = null;
  private ticks = new Map<number, { first: number; shown: number[]; timescale: number }>();
  private bases = new Map<number, number>();
  private start = 0;

  constructor(readonly stream: string, readonly video: HTMLVideoElement, private readonly hooks: Hooks) {}

  /** Loads a period and stands at a moment of it. */
  load(part: Stretch, atMs: number): void {
    this.hls?.destroy();
    Object.assign(this, { status: "loading", reason: "", recorded: [], pieces: [], start: atMs });
    this.pictures.clear();
    this.ticks.clear();
    this.bases.clear();
    // No worker: fMP4 goes to MSE as it is, there is nothing to do in one. Loading begins where one looks, not at the
    // begin of the period.
    const hls = new Hls({
      enableWorker: false, autoStartLoad: false, maxBufferLength: BUFFER_S, maxMaxBufferLength: 60, backBufferLength: 30, maxBufferHole: 0.5, nudgeMaxRetry: 10,
    });
    this.hls = hls;
    hls.on(Hls.Events.LEVEL_LOADED, (_, { details }) => this.known(details.fragments));
    hls.on(Hls.Events.FRAG_LOADED, (_, data) => this.fragment(data));
    hls.on(Hls.Events.INIT_PTS_FOUND, (_, { frag, initPTS, timescale }) => this.bases.set(frag.cc, initPTS / timescale));
    hls.on(Hls.Events.FRAG_PARSED, (_, { frag }) => this.parsed(frag));
    hls.on(Hls.Events.ERROR, (_, data) => this.failed(data));
    hls.loadSource(playbackUrl(this.stream, part.from, part.to));
    hls.attachMedia(this.video);
    this.hooks.changed(this);
  }

  private known(fragments: readonly Fragment[]): void {
    this.pieces = fragments.map((f) => ({ start: f.start, duration: f.duration, clockMs: f.programDateTime ?? 0, gap: f.gap === true }));
    this.recorded = stretches(this.pieces);
    if (this.status === "loading") {
      this.status = this.recorded.length > 0 ? "ready" : "empty";
      const at = mediaTimeOf(this.pieces, this.start);
      if (at !== null) this.hls?.startLoad(at);
    }
    this.hooks.changed(this);
  }

  private fragment({ frag, payload }: FragLoadedData): void {
    if (typeof frag.sn !== "number") return;
    const init = frag.initSegment?.data;
    const track = init === undefined || init === null ? null : videoTrack(init);
    if (track !== null) {
      const found = pictureTicks(payload, track);
      if (found !== null) this.ticks.set(frag.sn, { ...found, timescale: track.timescale });
    }
    const place = placeOf(frag.url, frag.byteRangeStartOffset, frag.byteRangeEndOffset);
    if (place !== null) this.hooks.loaded({ ...place, bytes: place.filled ? null : payload });
  }

  private parsed(frag: Fragment): void {
    if (typeof frag.sn !== "number") return;
    const found = this.ticks.get(frag.sn);
    const base = this.bases.get(frag.cc);
    if (found === undefined || base === undefined || frag.programDateTime === null) return;
    const begin = frag.programDateTime;
    this.pictures.set(frag.sn, found.shown.map((tick): Picture => ({
      media: tick / found.timescale - base, clockMs: begin + ((tick - found.first) / found.timescale) * 1000,
    })));
    this.ticks.delete(frag.sn);
  }

  private failed(data: ErrorData): void {
    if (!data.fatal) return;
    const code = data.response?.code;
    if (code === 401) onAnswer401();
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && this.status === "ready") {
      this.hls?.recoverMediaError();
      return;
    }
    const none = code === 404 || data.details === Hls.ErrorDetails.LEVEL_EMPTY_ERROR;
    this.status = none ? "empty" : code === 403 ? "refused" : "failed";
    this.reason = code !== undefined && code !== 0 ? `HTTP ${code}` : data.details;
    this.hooks.changed(this);
  }

  /** When the picture on the screen was taken; a little later while it is on. */
  get clockMs(): number | null {
    if (this.status !== "ready" || this.pieces.length === 0) return null;
    const media = this.video.currentTime;
    const picture = this.pictures.at(media);
    if (picture !== undefined && media - picture.media < 1) return picture.clockMs + Math.max(0, media - picture.media) * 1000;
    return clockOf(this.pieces, media);
  }

  /** The picture itself, as its tables tell it. */
  get picture(): Picture | undefined {
    return this.pictures.at(this.video.currentTime);
  }

  has(atMs: number): boolean {
    return within(this.recorded, atMs) !== undefined;
  }

  /** Stands at the picture of this moment. */
  seek(atMs: number, now: number): void {
    const picture = this.pictures.atClock(atMs);
    const exact = picture !== undefined && atMs - picture.clockMs < 1000 ? picture.media + Math.max(0, atMs - picture.clockMs) / 1000 : mediaTimeOf(this.pieces, atMs);
    if (exact === null) return;
    this.leapAt = now;
    this.video.currentTime = exact + INTO_S;
  }

  /** Stands at the keyframe before this moment, unless it does already. */
  seekKey(atMs: number): void {
    const piece = keyframeAt(this.pieces, atMs);
    if (piece !== undefined && Math.abs(this.video.currentTime - piece.start) > 0.05) this.video.currentTime = piece.start + 0.02;
  }

  /** One picture on or back; beyond what is loaded, to the edge of the next piece, whose picture is the neighbour. */
  step(by: 1 | -1): void {
    const media = this.video.currentTime;
    const next = this.pictures.beside(media, by);
    if (next !== undefined && Math.abs(next.media - media) < 1.5) {
      this.video.currentTime = next.media + INTO_S;
      return;
    }
    const here = this.pieces.findLast((one) => one.start <= media + 0.005 && !one.gap);
    const order = this.pieces.filter((one) => !one.gap);
    const index = here === undefined ? -1 : order.indexOf(here);
    const beside = order[index + by];
    if (beside !== undefined) this.video.currentTime = by > 0 ? beside.start + INTO_S : beside.start + beside.duration - INTO_S;
  }

  get ready(): boolean {
    return this.video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
  }

  destroy(): void {
    this.hls?.destroy();
    this.hls = null;
  }
}

/** Which bytes of which reel an address of the playlist names. */
export function placeOf(url: string, from: number | undefined, to: number | undefined): { reel: string; offset: number; size: number; filled: boolean } | null {
  const address = new URL(url, "http://hub.invalid");
  const match = /\/reels\/([^/]+\/[^/]+?\.mp4)(\/filled\.mp4)?$/.exec(address.pathname);
  if (match === null || match[1] === undefined) return null;
  if (match[2] !== undefined) {
    const [offset, size] = [Number(address.searchParams.get("offset")), Number(address.searchParams.get("length"))];
    return { reel: match[1], offset, size, filled: true };
  }
  if (from === undefined || to === undefined) return null;
  return { reel: match[1], offset: from, size: to - from, filled: false };
}
