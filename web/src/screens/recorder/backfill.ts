/** What the link lost: asked of the hub, sent from here, and let go when the hub has it. */
import { apartMs, localNow, STEP_MS } from "./clock";
import { write } from "./journal";
import { confirmedBy, deletable, type MissingDto, missingOf, plan, toConfirm, unrecordedOf } from "./plan";
import { clock, hubMs, iso, reached, state } from "./state";

import type { Clip } from "./clips";
import type { DeviceHub } from "./hub";
import type { Shelf } from "./shelf";
import type { Uploader } from "./uploader";

const SETTLE_MS = 90_000;
const CONFIRM_MS = 60_000;
const ASK_MS = 5 * 3_600_000;
const BACK_MS = 20 * 60_000;
/** Of a clip that an earlier visit could not compare with the hub: the phone's clock may have been set since. */
const UNCOMPARED_MS = 2000;

export class Backfill {
  private apart = apartMs();
  private confirmedAt = 0;
  private looking: Promise<void> | null = null;

  constructor(
    private readonly hub: DeviceHub,
    private readonly shelf: Shelf,
    private readonly uploader: Uploader,
    /** Ends the clip at hand and begins the next. */
    private readonly turn: () => Promise<void>,
  ) {}

  /** Something is on its way or waits for the hub's word. */
  get busy(): boolean {
    return this.shelf.clips.some((clip) => clip.state !== "recording" && !clip.confirmed);
  }

  look(): Promise<void> {
    this.looking ??= this.once().finally(() => (this.looking = null));
    return this.looking;
  }

  private async once(): Promise<void> {
    await this.watchClock();
    const own = this.shelf.clips.filter((clip) => clip.stream === this.hub.stream);
    const open = own.filter((clip) => !clip.confirmed).map((clip) => clip.fromMs + (clip.clock?.offsetMs ?? 0));
    const fromMs = Math.min(hubMs() - BACK_MS, ...open) - 60_000;
    const span = Date.now() - this.confirmedAt > CONFIRM_MS ? toConfirm(own, hubMs(), SETTLE_MS, ASK_MS) : null;
    const asked = span === null ? "" : `&to=${encodeURIComponent(iso(span.toMs))}`;
    const sentMs = localNow();
    let dto: MissingDto;
    try {
      dto = await this.hub.call<MissingDto>("GET", `missing?from=${encodeURIComponent(iso(span?.fromMs ?? fromMs))}${asked}`);
    } catch (error) {
      return reached(error);
    }
    reached(null);
    clock.add({ sentMs, hubTakenMs: dto.received_at_us / 1000, hubAnsweredMs: dto.answered_at_us / 1000, receivedMs: localNow() });
    state.clock = clock.reading(localNow());
    this.compare(own);
    state.missing = missingOf(dto);
    if (span !== null) {
      this.confirmedAt = Date.now();
      for (const clip of confirmedBy(own, span, unrecordedOf(dto), state.missing)) {
        clip.confirmed = true;
        void this.shelf.note(clip);
      }
      for (const clip of deletable(this.shelf.clips, localNow(), state.settings.keepHours * 3_600_000, state.room !== "enough")) await this.shelf.remove(clip);
    }
    const { send, cut } = plan(own, state.missing);
    if (cut) void this.turn();
    const unknown = own.filter((clip) => clip.state === "here");
    if (send.length + unknown.length > 0) void this.uploader.bring([...unknown, ...send]);
  }

  /** A phone that slept, or whose time was set: what was measured before holds for clips before, and for nothing after. */
  private async watchClock(): Promise<void> {
    const now = apartMs();
    if (Math.abs(now - this.apart) > STEP_MS) {
      write("clockStep", { seconds: Math.round((now - this.apart) / 100) / 10 }, true);
      await this.turn();
      clock.forget();
    }
    this.apart = now;
  }

  /** Clips from before the hub was first heard. */
  private compare(clips: readonly Clip[]): void {
    for (const clip of clips.filter((one) => one.clock === null)) {
      const reading = clock.reading(clip.fromMs);
      if (reading === null) continue;
      const before = clip.fromMs < performance.timeOrigin;
      clip.clock = { offsetMs: reading.offsetMs, errorMs: reading.errorMs + (before ? UNCOMPARED_MS : 0) };
      void this.shelf.note(clip);
    }
  }
}
