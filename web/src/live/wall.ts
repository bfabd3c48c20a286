/** All tiles over one socket: who is watched, which slot is whose, whose sound is on. */
import { ReconnectingSocket } from "@/net/reconnecting";

import { bytesForTile, type Replay } from "./kept";
import { parsePacket, parseText, picturesMessage, ProtocolError, type Slot, soundMessage, watchMessage } from "./protocol";
import { Relief, type TileHealth } from "./relief";
import { SoundPlayer, type SoundState } from "./sound-player";
import { type TileEvents, TilePlayer } from "./tile-player";

export interface WallTileEvents extends Omit<TileEvents, "askAgain"> {
  slot(slot: Slot): void;
  /** This machine does not decode all of it: only keyframes come, or all pictures again. */
  keysOnly(on: boolean): void;
}

export interface WallEvents {
  /** Anything came from the hub. */
  heard(): void;
  closed(): void;
  sound(state: SoundState): void;
}

interface Tile {
  readonly player: TilePlayer;
  readonly events: WallTileEvents;
  visible: boolean;
  /** Its sub-stream is wanted, where it has one. */
  preview: boolean;
  keysOnly: boolean;
}

const LOOK_MS = 1000;

export class LiveWall {
  private readonly tiles = new Map<string, Tile>();
  private readonly slots = new Map<number, Slot>();
  private readonly socket: ReconnectingSocket;
  private sound: { stream: string; player: SoundPlayer } | null = null;
  /** The slot that was told to send sound; a new set or connection knows nothing of it. */
  private soundSlot: number | null = null;
  private asked: readonly string[] = [];
  private askedPreviews: readonly string[] = [];
  private paused = false;
  private scheduled = false;
  private readonly relief = new Relief();
  private dear: ReadonlySet<string> = new Set();
  private lookedAt = 0;
  private readonly timer = setInterval(() => this.look(), LOOK_MS);

  constructor(private readonly events: WallEvents) {
    this.socket = new ReconnectingSocket(() => this.path(), {
      opened: () => this.opened(),
      text: (data) => this.text(data),
      binary: (data) => this.binary(data),
      closed: () => {
        this.slots.clear();
        this.soundSlot = null;
        this.events.closed();
      },
    });
  }

  attach(stream: string, video: HTMLVideoElement, events: WallTileEvents): TilePlayer {
    this.detach(stream);
    const player = new TilePlayer(video, { ...events, askAgain: () => this.askAgain(stream) });
    this.tiles.set(stream, { player, events, visible: true, preview: false, keysOnly: false });
    this.share();
    // A stream that stays in the set goes on where it was, without its init: a new player needs it from the start.
    if (this.asked.includes(stream)) this.askAgain(stream);
    this.schedule();
    return player;
  }

  detach(stream: string): void {
    const tile = this.tiles.get(stream);
    if (tile === undefined) return;
    if (this.sound?.stream === stream) this.listen(null);
    tile.player.dispose();
    this.tiles.delete(stream);
    this.share();
    this.schedule();
  }

  /** The last minute of a tile, from this machine's memory; null while nothing is kept. */
  replay(stream: string): Replay | null {
    return this.tiles.get(stream)?.player.kept.replay() ?? null;
  }

  /** The tiles that matter most to the one who watches: the last to be shown by keyframes alone. */
  prefer(streams: readonly string[]): void {
    this.dear = new Set(streams);
  }

  /** A tile out of sight is not sent. */
  show(stream: string, visible: boolean): void {
    const tile = this.tiles.get(stream);
    if (tile === undefined || tile.visible === visible) return;
    tile.visible = visible;
    this.schedule();
  }

  /** The camera's sub-stream in place of its main stream, or no more; a stream that has none goes on as it is. */
  preview(stream: string, wanted: boolean): void {
    const tile = this.tiles.get(stream);
    if (tile === undefined || tile.preview === wanted) return;
    tile.preview = wanted;
    this.schedule();
  }

  /** Nothing is sent while nobody can see the page. */
  pause(paused: boolean): void {
    if (this.paused === paused) return;
    this.paused = paused;
    this.schedule();
  }

  /** The sound of this stream alone, or of none. Call it from a click: browsers forbid sound before one. */
  listen(stream: string | null): void {
    if (this.sound !== null) {
      this.sendSound(this.sound.stream, false);
      this.sound.player.dispose();
      const before = this.tiles.get(this.sound.stream);
      if (before !== undefined) before.player.sounding = false;
      this.sound = null;
    }
    const tile = stream === null ? undefined : this.tiles.get(stream);
    if (stream === null || tile === undefined) return;
    const player = new SoundPlayer(() => tile.player.position(), (state) => this.events.sound(state));
    this.sound = { stream, player };
    tile.player.sounding = true;
    const slot = this.slotOf(stream);
    if (slot !== undefined) player.configure(slot);
    this.sendSound(stream, true);
  }

  /** The connection hangs: make a new one. */
  renew(): void {
    this.socket.renew();
  }

  get connected(): boolean {
    return this.asked.length === 0 || this.socket.isOpen;
  }

  dispose(): void {
    clearInterval(this.timer);
    this.listen(null);
    for (const stream of [...this.tiles.keys()]) this.detach(stream);
    this.socket.stop();
  }

  /** Memory for a minute of each. */
  private share(): void {
    const { deviceMemory } = navigator as { deviceMemory?: number };
    const bytes = bytesForTile(this.tiles.size, deviceMemory);
    for (const { player } of this.tiles.values()) player.kept.limit(bytes);
  }

  /** What this machine cannot decode is asked of the hub as keyframes alone. */
  private look(): void {
    const now = performance.now();
    const heldUp = now - this.lookedAt > 2 * LOOK_MS;
    this.lookedAt = now;
    const seen: TileHealth[] = [...this.tiles].filter(([, tile]) => tile.visible).map(([stream, { player, keysOnly }]) => (
      { stream, keysOnly, dear: this.dear.has(stream), ...player.health() }
    ));
    if (document.hidden || this.paused || heldUp) {
      this.relief.forget(now);
      return;
    }
    const step = this.relief.look(seen, now);
    const tile = step === null ? undefined : this.tiles.get(step.stream);
    if (step === null || tile === undefined) return;
    tile.keysOnly = step.keysOnly;
    tile.player.setKeysOnly(step.keysOnly);
    tile.events.keysOnly(step.keysOnly);
    const slot = this.slotOf(step.stream);
    if (slot !== undefined) this.socket.send(picturesMessage(slot.slot, step.keysOnly));
  }

  private wanted(): string[] {
    if (this.paused) return [];
    return [...this.tiles].filter(([, tile]) => tile.visible).map(([stream]) => stream);
  }

  private previewsOf(streams: readonly string[]): string[] {
    return streams.filter((stream) => this.tiles.get(stream)?.preview === true);
  }

  private path(): string {
    this.asked = this.wanted();
    this.askedPreviews = this.previewsOf(this.asked);
    const list = (streams: readonly string[]): string => streams.map(encodeURIComponent).join(",");
    const previews = this.askedPreviews.length === 0 ? "" : `&previews=${list(this.askedPreviews)}`;
    return `/api/live?streams=${list(this.asked)}${previews}`;
  }

  /** Several tiles change in one turn of the loop; one message tells them all. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.tellWatched();
    });
  }

  private tellWatched(): void {
    const wanted = this.wanted();
    if (wanted.length === 0) {
      this.asked = [];
      this.slots.clear();
      this.socket.stop();
      return;
    }
    if (this.socket.isOpen && !(same(wanted, this.asked) && same(this.previewsOf(wanted), this.askedPreviews))) this.watch(wanted);
    this.socket.start();
  }

  private askAgain(stream: string): void {
    const others = this.wanted().filter((s) => s !== stream);
    this.watch(others);
    this.schedule();
  }

  private watch(streams: string[]): void {
    this.asked = streams;
    this.askedPreviews = this.previewsOf(streams);
    this.soundSlot = null;
    this.socket.send(watchMessage(streams, this.askedPreviews));
  }

  private opened(): void {
    this.schedule(); // what changed while it was being opened
  }

  private text(data: string): void {
    this.events.heard();
    try {
      const message = parseText(data);
      if (message.type === "slots") for (const slot of message.slots) this.place(slot);
      else if (message.type === "dropped") this.tileOf(message.slot)?.player.skipToKey();
    } catch (error) {
      this.broken(error);
    }
  }

  private place(slot: Slot): void {
    for (const [number, other] of this.slots) {
      if (other.stream === slot.stream && number !== slot.slot) this.slots.delete(number);
    }
    this.slots.set(slot.slot, slot);
    const tile = this.tiles.get(slot.stream);
    if (tile === undefined) return;
    tile.events.slot(slot);
    tile.player.configure(slot);
    if (tile.keysOnly) this.socket.send(picturesMessage(slot.slot, true)); // a new set or connection knows nothing of it
    if (this.sound?.stream === slot.stream) {
      this.sound.player.configure(slot);
      if (this.soundSlot !== slot.slot) this.sendSound(slot.stream, true);
    }
  }

  private binary(data: ArrayBuffer): void {
    this.events.heard();
    try {
      const packet = parsePacket(data);
      const slot = this.slots.get(packet.slot);
      if (slot === undefined) return; // of a set that was just replaced
      this.tiles.get(slot.stream)?.player.receive(packet);
      if (this.sound?.stream === slot.stream) this.sound.player.receive(packet);
    } catch (error) {
      this.broken(error);
    }
  }

  /** A hub that speaks another language is a connection not worth keeping. */
  private broken(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.socket.renew();
  }

  private tileOf(number: number): Tile | undefined {
    const slot = this.slots.get(number);
    return slot === undefined ? undefined : this.tiles.get(slot.stream);
  }

  private slotOf(stream: string): Slot | undefined {
    return [...this.slots.values()].find((slot) => slot.stream === stream);
  }

  private sendSound(stream: string, on: boolean): void {
    const slot = this.slotOf(stream);
    if (slot === undefined) return;
    this.soundSlot = on ? slot.slot : null;
    this.socket.send(soundMessage(slot.slot, on));
  }
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one, i) => one === others[i]);
}
