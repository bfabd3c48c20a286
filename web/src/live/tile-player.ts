/** The picture of one stream in one <video>: builds the pipe, keeps to the live edge, starts again after an error. */
import { Arrivals, decideEdge, isNewRun, PAUSE_MS, type TimeRange, trimBefore } from "./edge";
import { bytesForTile, KeptPictures } from "./kept";
import { LABELLED, type Packet, type Slot, type SlotTrack } from "./protocol";
import { sameBytes, TrackPipe } from "./track-pipe";

export interface TileEvents {
  /** The element is about to be emptied: keep its last picture in sight. */
  resetting(): void;
  /** The first picture of a run was painted. */
  painted(): void;
  /** The browser cannot play this type of video. */
  unsupported(mime: string): void;
  /** It failed again and again: ask the hub for this stream anew. */
  askAgain(): void;
}

const CHECK_MS = 250;
const STALL_MEMORY_MS = 20_000;
/** A wait that ended sooner was ours (buffer too short); a longer one was the source's. */
const OWN_STALL_MS = 1500;
const SETTLE_MS = 1500;
const REBUILD_MS = 200;
const FAILURES_BEFORE_ASKING = 3;
const FAILURE_MEMORY_MS = 10_000;
/** There is something to play, and no picture moves. */
const DEAD_PICTURE_MS = 4000;
const DEAD_AHEAD_S = 0.5;
const SAME_PICTURE_S = 0.01;
/** So much is there to play while the decoder gives nothing: it is the machine, not the line. */
const STARVED_AHEAD_S = 0.4;

export class TilePlayer {
  /** The last minute, for a replay in the tile. */
  readonly kept = new KeptPictures(bytesForTile(1, undefined));
  private pipe: TrackPipe | null = null;
  private track: SlotTrack | null = null;
  private init: Uint8Array<ArrayBuffer> | null = null;
  private preview = false;
  private originUs = 0;
  private builtOriginUs = 0;
  private settleFrom = 0;
  private appendedAt = 0;
  private started = false;
  private arrivals = new Arrivals();
  private knownEnd = 0;
  private lead = 0;
  private stalls: number[] = [];
  private failures: number[] = [];
  private waitingSince = 0;
  private lastTime = -1;
  private movedAt = 0;
  private keysOnly = false;
  /** It is listened to: it plays far enough behind for its sound. */
  sounding = false;
  /** Where the newest fragment begins: while keyframes alone come, the newest keyframe. */
  private newestFrom = 0;
  private counted = { pictures: 0, dropped: 0 };
  private timer: ReturnType<typeof setInterval> | undefined;
  private rebuildTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly events: TileEvents,
    private readonly now: () => number = () => performance.now(),
  ) {
    video.muted = true;
    video.addEventListener("waiting", this.onWaiting);
    video.addEventListener("error", this.onError);
    this.timer = setInterval(() => this.check(), CHECK_MS);
  }

  /** What the hub says of the slot; comes before the init that it announces. */
  configure(slot: Slot): void {
    if (slot.reason === LABELLED) {
      this.forget();
      return;
    }
    const track = slot.tracks.find((t) => t.kind === "video") ?? null;
    const changed = slot.preview !== this.preview;
    if (changed) this.init = null; // another encoding: what is buffered plays on until its own init comes
    this.preview = slot.preview;
    const sameInit = !changed && track !== null && track.mime === this.track?.mime && track.id === this.track.id;
    this.originUs = slot.originUs;
    this.track = track;
    if (track !== null && !MediaSource.isTypeSupported(track.mime)) {
      this.track = null;
      this.events.unsupported(track.mime);
      return;
    }
    if (this.pipe === null || !sameInit) return; // its init comes
    if (isNewRun(this.builtOriginUs, slot.originUs)) this.build();
    else this.builtOriginUs = slot.originUs;
  }

  /** What was shown until now must be seen no more: neither the last picture nor the minute that is kept. */
  private forget(): void {
    clearTimeout(this.rebuildTimer);
    this.pipe?.close();
    this.pipe = this.init = this.track = null;
    this.started = false;
    this.kept.clear();
    this.video.removeAttribute("src");
    this.video.load();
  }

  receive(packet: Packet): void {
    if (this.track === null || packet.track !== this.track.id) return;
    if (packet.kind !== "init") {
      this.kept.push(packet.body, packet.kind === "key");
      this.pipe?.push(packet.body, packet.kind === "key");
      return;
    }
    const again = this.init !== null && sameBytes(this.init, packet.body) && !isNewRun(this.builtOriginUs, this.originUs);
    if (again) this.kept.skipToKey();
    else this.init = packet.body;
    if (!again || this.pipe === null) this.build();
  }

  skipToKey(): void {
    this.kept.skipToKey();
    this.pipe?.skipToKey();
  }

  /** Only keyframes come: each is shown as it comes, and nothing is played in between. */
  setKeysOnly(on: boolean): void {
    if (this.keysOnly === on) return;
    this.keysOnly = on;
    this.settleFrom = this.movedAt = this.now();
    this.arrivals = new Arrivals();
    if (on) {
      this.video.pause();
      this.video.playbackRate = 1;
    }
    this.check();
  }

  /** What the decoder made of the pictures since this was asked last. */
  health(): { pictures: number; dropped: number; starved: boolean; pixels: number } {
    const { totalVideoFrames: pictures, droppedVideoFrames: dropped } = this.video.getVideoPlaybackQuality();
    const before = this.counted;
    this.counted = { pictures, dropped };
    const ahead = (this.pipe?.ranges().at(-1)?.end ?? 0) - this.video.currentTime;
    const waits = this.started && !this.keysOnly && !this.video.seeking && this.video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    return {
      pictures: Math.max(0, pictures - before.pictures),
      dropped: Math.max(0, dropped - before.dropped),
      starved: waits && ahead > STARVED_AHEAD_S,
      pixels: this.video.videoWidth * this.video.videoHeight,
    };
  }

  /** Hub UTC, µs, of the picture that is shown; null when none is. */
  pictureUs(): number | null {
    return this.started ? this.builtOriginUs + this.video.currentTime * 1e6 : null;
  }

  /** Media time and rate, for the sound that follows. */
  position(): { time: number; rate: number } | null {
    return this.started && !this.video.paused ? { time: this.video.currentTime, rate: this.video.playbackRate } : null;
  }

  dispose(): void {
    clearInterval(this.timer);
    clearTimeout(this.rebuildTimer);
    this.video.removeEventListener("waiting", this.onWaiting);
    this.video.removeEventListener("error", this.onError);
    this.pipe?.close();
    this.pipe = null;
    this.kept.clear();
    this.video.removeAttribute("src");
    this.video.load();
  }

  private build(): void {
    clearTimeout(this.rebuildTimer);
    if (this.track === null || this.init === null) return;
    this.pipe?.close();
    if (this.started) this.events.resetting();
    this.started = false;
    this.builtOriginUs = this.originUs;
    this.kept.begin(this.track.mime, this.init, this.originUs);
    this.newestFrom = 0;
    this.settleFrom = this.appendedAt = this.movedAt = this.now();
    this.waitingSince = 0;
    this.lastTime = -1;
    this.arrivals = new Arrivals();
    this.knownEnd = 0;
    this.pipe = new TrackPipe(this.video, this.track.mime, this.init, {
      appended: () => this.appended(),
      dropped: () => undefined,
      failed: () => this.failed(),
    });
    this.video.playbackRate = 1;
    this.video.requestVideoFrameCallback(() => this.events.painted());
    if (!this.keysOnly) this.play();
  }

  private appended(): void {
    const last = this.pipe?.ranges().at(-1);
    if (last !== undefined && last.end > this.knownEnd) {
      const settled = this.started && this.now() - this.settleFrom >= SETTLE_MS;
      this.newestFrom = Math.max(last.start, this.knownEnd);
      if (settled && this.knownEnd >= last.start) this.arrivals.add(this.knownEnd, this.now(), last.end - this.knownEnd);
      // After a pause the backlog comes in one burst, as at the start: a leap costs nothing then.
      if (this.now() - this.appendedAt > PAUSE_MS) this.settleFrom = this.now();
      this.appendedAt = this.now();
      this.knownEnd = last.end;
      this.lead = last.end - this.video.currentTime;
    }
    this.check();
  }

  private check(): void {
    const pipe = this.pipe;
    if (pipe === null) return;
    const ranges = pipe.ranges();
    if (ranges.length === 0) return;
    const now = this.now();
    this.notice(now);
    if (this.keysOnly) {
      this.showNewestKey(ranges);
      return;
    }
    const action = decideEdge({
      ranges,
      currentTime: this.video.currentTime,
      rate: this.video.playbackRate,
      started: this.started,
      settling: now - this.settleFrom < SETTLE_MS,
      stuckMs: now - this.movedAt,
      margin: this.arrivals.margin(this.video.currentTime, now),
      lead: this.lead,
      stalls: this.recentStalls(now),
      fragment: this.arrivals.fragment(),
      sounding: this.sounding,
    });
    if (action.kind === "seek") this.video.currentTime = action.to;
    else if (action.kind === "rate") this.video.playbackRate = action.rate;
    if (this.video.paused) this.play();
    const end = trimBefore(ranges, this.video.currentTime);
    if (end !== null) pipe.trim(end);
    if (now - this.movedAt > DEAD_PICTURE_MS && (ranges.at(-1)?.end ?? 0) - this.video.currentTime > DEAD_AHEAD_S) this.failed();
  }

  private showNewestKey(ranges: readonly TimeRange[]): void {
    const behind = this.newestFrom > this.video.currentTime + SAME_PICTURE_S;
    if (behind && !this.video.seeking) this.video.currentTime = this.newestFrom;
    const end = trimBefore(ranges, this.video.currentTime);
    if (end !== null) this.pipe?.trim(end);
  }

  /** Learns from the element what has happened since the last look. */
  private notice(now: number): void {
    const time = this.video.currentTime;
    if (time === this.lastTime) return;
    if (this.lastTime >= 0 && !this.video.seeking && this.video.readyState >= 2) this.started = true;
    this.lastTime = time;
    this.movedAt = now;
    if (this.waitingSince > 0) {
      if (this.started && now - this.waitingSince < OWN_STALL_MS) this.stalls.push(now);
      this.waitingSince = 0;
    }
  }

  private recentStalls(now: number): number {
    this.stalls = this.stalls.filter((at) => now - at < STALL_MEMORY_MS);
    return this.stalls.length;
  }

  /** To begin and to leap takes a moment too, but says nothing of how much is needed in hand. */
  private readonly onWaiting = (): void => {
    if (this.started && !this.video.seeking && this.waitingSince === 0) this.waitingSince = this.now();
  };

  private readonly onError = (): void => {
    if (this.pipe !== null && this.video.error !== null) this.failed();
  };

  private failed(): void {
    const now = this.now();
    this.pipe?.close();
    this.pipe = null;
    this.failures = this.failures.filter((at) => now - at < FAILURE_MEMORY_MS);
    this.failures.push(now);
    if (this.failures.length >= FAILURES_BEFORE_ASKING) {
      this.failures = [];
      this.init = null;
      this.events.askAgain();
      return;
    }
    clearTimeout(this.rebuildTimer);
    this.rebuildTimer = setTimeout(() => this.build(), REBUILD_MS);
  }

  private play(): void {
    this.video.play().catch(() => undefined); // refused while it is being rebuilt; check() tries again
  }
}
