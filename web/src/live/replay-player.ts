/** A kept minute in a <video> of its own. The time line begins at 0 with the first picture; breaks are holes in it. */
import type { Replay } from "./kept";
import { timeRanges } from "./append-queue";

export interface ReplayEvents {
  ready(): void;
  ended(): void;
  failed(): void;
}

const CHECK_MS = 200;
const STUCK_MS = 400;

export class ReplayPlayer {
  private readonly source = new MediaSource();
  private readonly address = URL.createObjectURL(this.source);
  private readonly timer: ReturnType<typeof setInterval>;
  private lastTime = -1;
  private movedAt = performance.now();
  private closed = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly replay: Replay,
    fromS: number,
    private readonly events: ReplayEvents,
  ) {
    video.muted = true;
    video.addEventListener("ended", this.onEnded);
    this.source.addEventListener("sourceopen", () => void this.fill(fromS), { once: true });
    video.src = this.address;
    this.timer = setInterval(() => this.leapHoles(), CHECK_MS);
  }

  /** Seconds; the newest fragment lasts a moment longer. */
  get length(): number {
    const { duration } = this.video;
    return Number.isFinite(duration) && duration > 0 ? duration : (this.replay.toUs - this.replay.fromUs) / 1e6;
  }

  /** Hub UTC, ms, of what is shown. */
  get shownMs(): number {
    return this.replay.fromUs / 1000 + this.video.currentTime * 1000;
  }

  seek(seconds: number): void {
    this.video.currentTime = Math.max(0, Math.min(this.length - 0.05, seconds));
  }

  toggle(): void {
    if (this.video.paused) this.play();
    else this.video.pause();
  }

  dispose(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.video.removeEventListener("ended", this.onEnded);
    this.video.removeAttribute("src");
    this.video.load();
    URL.revokeObjectURL(this.address);
  }

  private readonly onEnded = (): void => this.events.ended();

  private async fill(fromS: number): Promise<void> {
    try {
      const [first] = this.replay.parts;
      if (first === undefined) throw new Error("nothing was kept");
      const buffer = this.source.addSourceBuffer(first.run.mime);
      for (const { run, groups } of this.replay.parts) {
        if (run.mime !== first.run.mime) buffer.changeType(run.mime);
        buffer.timestampOffset = (run.originUs - this.replay.fromUs) / 1e6;
        await this.append(buffer, run.init);
        for (const group of groups) await this.append(buffer, joined(group));
      }
      if (this.closed) return;
      this.source.endOfStream();
      this.seek(fromS);
      this.play();
      this.events.ready();
    } catch {
      if (!this.closed) this.events.failed();
    }
  }

  private append(buffer: SourceBuffer, data: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.closed) return Promise.reject(new Error("closed"));
    return new Promise((resolve, reject) => {
      buffer.addEventListener("updateend", () => resolve(), { once: true });
      buffer.addEventListener("error", () => reject(new Error("decode")), { once: true });
      buffer.appendBuffer(data);
    });
  }

  /** Where the stream had broken off there is nothing to play. */
  private leapHoles(): void {
    const { video } = this;
    const now = performance.now();
    if (video.paused || video.seeking || video.currentTime !== this.lastTime) {
      this.lastTime = video.currentTime;
      this.movedAt = now;
      return;
    }
    if (now - this.movedAt < STUCK_MS) return;
    const next = timeRanges(video.buffered).find((range) => range.start > video.currentTime);
    if (next !== undefined) video.currentTime = next.start;
  }

  private play(): void {
    this.video.play().catch(() => undefined);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}
