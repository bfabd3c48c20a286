/** One track of one run into one media element: MediaSource, SourceBuffer and what waits for them to open. */
import { AppendQueue } from "./append-queue";
import type { TimeRange } from "./edge";

export interface PipeEvents {
  appended(): void;
  dropped(fragments: number): void;
  failed(reason: string): void;
}

/** Bytes that may wait for the MediaSource to open, which takes some 10 ms. */
const MAX_PENDING = 64;

export class TrackPipe {
  private readonly source = new MediaSource();
  private queue: AppendQueue | null = null;
  private pending: { data: Uint8Array<ArrayBuffer>; key: boolean }[] = [];
  private closed = false;

  constructor(
    private readonly element: HTMLMediaElement,
    mime: string,
    init: Uint8Array<ArrayBuffer>,
    private readonly events: PipeEvents,
  ) {
    const address = URL.createObjectURL(this.source);
    this.source.addEventListener("sourceopen", () => {
      URL.revokeObjectURL(address);
      this.opened(mime, init);
    }, { once: true });
    element.src = address;
  }

  push(data: Uint8Array<ArrayBuffer>, key: boolean): void {
    if (this.queue !== null) this.queue.fragment(data, key);
    else if (this.pending.length < MAX_PENDING) this.pending.push({ data, key });
  }

  skipToKey(): void {
    this.queue?.skipToKey();
  }

  trim(end: number): void {
    this.queue?.remove(end);
  }

  ranges(): TimeRange[] {
    return this.queue?.ranges() ?? [];
  }

  close(): void {
    this.closed = true;
    this.queue?.close();
    this.pending = [];
  }

  private opened(mime: string, init: Uint8Array<ArrayBuffer>): void {
    if (this.closed) return;
    try {
      this.source.duration = Infinity;
      const buffer = this.source.addSourceBuffer(mime);
      this.queue = new AppendQueue(buffer, () => this.element.currentTime, {
        appended: () => this.events.appended(),
        dropped: (fragments) => this.events.dropped(fragments),
        failed: (reason) => this.fail(reason),
      });
    } catch (error) {
      this.fail(error instanceof Error ? error.name : "Error");
      return;
    }
    this.queue.init(init);
    for (const { data, key } of this.pending) this.queue.fragment(data, key);
    this.pending = [];
  }

  private fail(reason: string): void {
    if (this.closed) return;
    this.close();
    this.events.failed(reason);
  }
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
