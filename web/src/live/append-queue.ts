/**
 * The only place that touches a SourceBuffer. Appends one at a time, never while it is updating, makes room when the
 * browser's quota is used up, and is bounded: what cannot be appended in time is dropped to the next keyframe.
 */
import type { TimeRange } from "./edge";

/** What is used of a SourceBuffer; a test brings its own. */
export interface Buffer {
  readonly updating: boolean;
  readonly buffered: TimeRanges;
  appendBuffer(data: Uint8Array<ArrayBuffer>): void;
  remove(start: number, end: number): void;
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
}

export interface AppendQueueEvents {
  /** An append or a removal is done. */
  appended(): void;
  /** Something was skipped; the next thing wanted is a keyframe. */
  dropped(fragments: number): void;
  /** The buffer cannot be used any more. */
  failed(reason: string): void;
}

export const MAX_QUEUED_BYTES = 8 * 1024 * 1024;
/** What stays when the quota is used up. */
const KEEP_ON_QUOTA_S = 2;

type Job =
  | { kind: "append"; data: Uint8Array<ArrayBuffer>; init: boolean }
  | { kind: "remove"; start: number; end: number };

export class AppendQueue {
  private jobs: Job[] = [];
  private bytes = 0;
  private awaitingKey = true;
  private closed = false;
  private quotaRetried = false;
  private readonly onUpdateEnd = () => this.updateEnded();
  private readonly onError = () => this.fail("decode");

  constructor(
    private readonly buffer: Buffer,
    private readonly currentTime: () => number,
    private readonly events: AppendQueueEvents,
  ) {
    buffer.addEventListener("updateend", this.onUpdateEnd);
    buffer.addEventListener("error", this.onError);
  }

  init(data: Uint8Array<ArrayBuffer>): void {
    this.awaitingKey = true;
    this.enqueue({ kind: "append", data, init: true });
  }

  fragment(data: Uint8Array<ArrayBuffer>, key: boolean): void {
    if (this.closed || (this.awaitingKey && !key)) return;
    if (this.bytes + data.byteLength > MAX_QUEUED_BYTES) {
      this.drop();
      return;
    }
    this.awaitingKey = false;
    this.enqueue({ kind: "append", data, init: false });
  }

  /** Pictures on the way were lost before they came here; go on at a keyframe. */
  skipToKey(): void {
    this.awaitingKey = true;
  }

  remove(end: number): void {
    if (end > 0 && !this.jobs.some((job) => job.kind === "remove")) this.enqueue({ kind: "remove", start: 0, end });
  }

  ranges(): TimeRange[] {
    if (this.closed) return [];
    return timeRanges(this.buffer.buffered);
  }

  close(): void {
    this.closed = true;
    this.jobs = [];
    this.bytes = 0;
    this.buffer.removeEventListener("updateend", this.onUpdateEnd);
    this.buffer.removeEventListener("error", this.onError);
  }

  private enqueue(job: Job): void {
    if (this.closed) return;
    this.jobs.push(job);
    if (job.kind === "append") this.bytes += job.data.byteLength;
    this.work();
  }

  private updateEnded(): void {
    if (this.closed) return;
    this.events.appended();
    this.work();
  }

  private work(): void {
    if (this.closed || this.buffer.updating) return;
    const job = this.jobs.shift();
    if (job === undefined) return;
    try {
      if (job.kind === "remove") {
        this.buffer.remove(job.start, job.end);
        return;
      }
      this.bytes -= job.data.byteLength;
      this.buffer.appendBuffer(job.data);
      this.quotaRetried = false;
    } catch (error) {
      this.refused(job, error);
    }
  }

  private refused(job: Job, error: unknown): void {
    const name = error instanceof Error ? error.name : "Error";
    if (job.kind === "append" && name === "QuotaExceededError" && !this.quotaRetried) {
      this.quotaRetried = true;
      this.bytes += job.data.byteLength;
      this.jobs.unshift(job);
      const end = this.currentTime() - KEEP_ON_QUOTA_S;
      const first = this.ranges()[0];
      if (first !== undefined && end > first.start) {
        this.jobs.unshift({ kind: "remove", start: 0, end });
        this.work();
        return;
      }
    }
    this.fail(name);
  }

  private drop(): void {
    const kept = this.jobs.filter((job) => job.kind === "remove" || job.init);
    const skipped = this.jobs.length - kept.length;
    this.jobs = kept;
    this.bytes = kept.reduce((sum, job) => sum + (job.kind === "append" ? job.data.byteLength : 0), 0);
    this.awaitingKey = true;
    this.events.dropped(skipped + 1);
  }

  private fail(reason: string): void {
    if (this.closed) return;
    this.close();
    this.events.failed(reason);
  }
}

export function timeRanges(ranges: TimeRanges): TimeRange[] {
  const list: TimeRange[] = [];
  for (let i = 0; i < ranges.length; i++) list.push({ start: ranges.start(i), end: ranges.end(i) });
  return list;
}
