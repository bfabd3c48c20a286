/**
 * The sound of the one chosen tile: a SourceBuffer of its own in an element of its own, which follows the picture's
 * clock. Apart from the picture so that sound that stops never freezes it, and switching never rebuilds it.
 */
import { followRate, isNewRun, trimBefore } from "./edge";
import type { Packet, Slot } from "./protocol";
import { sameBytes, TrackPipe } from "./track-pipe";

const CHECK_MS = 250;
/** No sound for this long: it is dropped, and taken up again when it comes back. */
const SILENT_MS = 1000;

export type SoundState = "off" | "waiting" | "playing" | "none" | "unsupported";

export class SoundPlayer {
  private pipe: TrackPipe | null = null;
  private trackId: number | null = null;
  private mime = "";
  private originUs = 0;
  private init: Uint8Array<ArrayBuffer> | null = null;
  private packetAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private rebuildTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly element = new Audio();

  constructor(
    private readonly picture: () => { time: number; rate: number } | null,
    private readonly changed: (state: SoundState) => void,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.timer = setInterval(() => this.follow(), CHECK_MS);
  }

  configure(slot: Slot): void {
    const track = slot.tracks.find((t) => t.kind === "audio");
    const newRun = isNewRun(this.originUs, slot.originUs);
    this.originUs = slot.originUs;
    if (this.pipe !== null && this.init !== null && track?.id === this.trackId && track?.mime === this.mime) {
      if (newRun) this.build(this.init);
      return;
    }
    this.trackId = null;
    if (track === undefined) this.changed(slot.state === "live" ? "none" : "waiting");
    else if (!MediaSource.isTypeSupported(track.mime)) this.changed("unsupported");
    else {
      this.trackId = track.id;
      this.mime = track.mime;
      this.changed("waiting");
    }
  }

  receive(packet: Packet): void {
    if (packet.track !== this.trackId) return;
    this.packetAt = this.now();
    if (packet.kind === "init") {
      const again = this.pipe !== null && this.init !== null && sameBytes(this.init, packet.body);
      if (!again) this.build(packet.body);
    }
    else this.pipe?.push(packet.body, true); // every audio fragment can be entered
  }

  dispose(): void {
    clearInterval(this.timer);
    clearTimeout(this.rebuildTimer);
    this.pipe?.close();
    this.pipe = null;
    this.element.pause();
    this.element.removeAttribute("src");
    this.element.load();
    this.changed("off");
  }

  private build(init: Uint8Array<ArrayBuffer>): void {
    this.init = init;
    clearTimeout(this.rebuildTimer);
    this.pipe?.close();
    this.pipe = new TrackPipe(this.element, this.mime, init, {
      appended: () => this.follow(),
      dropped: () => undefined,
      failed: () => (this.rebuildTimer = setTimeout(() => this.build(init), CHECK_MS)),
    });
  }

  private follow(): void {
    const ranges = this.pipe?.ranges() ?? [];
    const picture = this.picture();
    const last = ranges.at(-1);
    if (last === undefined) return;
    if (this.now() - this.packetAt > SILENT_MS) {
      if (!this.element.paused) {
        this.element.pause();
        this.changed("waiting");
      }
      return;
    }
    const time = picture?.time ?? Math.max(last.start, last.end - 0.3); // sound alone keeps its own edge
    const rate = followRate(time, this.element.currentTime, picture?.rate ?? 1);
    if (time < last.start || time >= last.end) return;
    if (rate === "seek") this.element.currentTime = time;
    else this.element.playbackRate = rate;
    if (this.element.paused) this.element.play().then(() => this.changed("playing"), () => this.changed("waiting"));
    const end = trimBefore(ranges, this.element.currentTime);
    if (end !== null) this.pipe?.trim(end);
  }
}
