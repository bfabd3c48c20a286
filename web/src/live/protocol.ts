/**
 * The live socket's language (docs/design/parts.md, "The live socket, in full"): bytes and text in, messages out.
 * Knows no socket and no player. Anything that breaks the format raises ProtocolError and nothing else.
 */

export class ProtocolError extends Error {
  override name = "ProtocolError";
}

/** The reason of a slot whose pictures are secret (R31). */
export const LABELLED = "labelled";

export type SlotState = "live" | "waiting" | "unsupported";
export type TrackKind = "video" | "audio";

export interface SlotTrack {
  readonly id: number;
  readonly kind: TrackKind;
  /** Full type for MSE, as `video/mp4; codecs="avc1.42e01f"`. */
  readonly mime: string;
}

export interface Slot {
  readonly slot: number;
  readonly stream: string;
  readonly state: SlotState;
  readonly reason: string;
  /** What comes is the camera's sub-stream, which nobody keeps (预览·非留存). */
  readonly preview: boolean;
  /** Hub UTC, µs, at media time 0 of the SourceBuffer. */
  readonly originUs: number;
  readonly tracks: readonly SlotTrack[];
}

export interface SlotsMessage {
  readonly type: "slots";
  readonly slots: readonly Slot[];
}

export interface DroppedMessage {
  readonly type: "dropped";
  readonly slot: number;
  readonly fragments: number;
}

/** `unknown`: a later hub says something new; it is skipped. */
export type TextMessage = SlotsMessage | DroppedMessage | { readonly type: "unknown" };

export type PacketKind = "init" | "key" | "delta";

export interface Packet {
  readonly kind: PacketKind;
  readonly track: number;
  readonly slot: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

const HEADER_BYTES = 4;
const KINDS: readonly PacketKind[] = ["init", "key", "delta"];
const STATES: readonly string[] = ["live", "waiting", "unsupported"];

/** `u8 kind · u8 track · u16 slot, big endian · bytes`. The body is a view, not a copy. */
export function parsePacket(data: ArrayBuffer): Packet {
  if (data.byteLength <= HEADER_BYTES) {
    throw new ProtocolError(`expected more than ${HEADER_BYTES} bytes, found ${data.byteLength}`);
  }
  const view = new DataView(data);
  const kind = KINDS[view.getUint8(0)];
  if (kind === undefined) throw new ProtocolError(`expected kind 0, 1 or 2, found ${view.getUint8(0)}`);
  return { kind, track: view.getUint8(1), slot: view.getUint16(2, false), body: new Uint8Array(data, HEADER_BYTES) };
}

export function parseText(text: string): TextMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProtocolError("expected JSON");
  }
  const message = record(value, "message");
  switch (message.type) {
    case "slots":
      if (!Array.isArray(message.slots)) throw new ProtocolError("expected slots to be a list");
      return { type: "slots", slots: message.slots.map(parseSlot) };
    case "dropped":
      return { type: "dropped", slot: integer(message.slot, "slot"), fragments: integer(message.fragments, "fragments") };
    default:
      return { type: "unknown" };
  }
}

function parseSlot(value: unknown): Slot {
  const slot = record(value, "slot");
  const state = string(slot.state, "state");
  if (!STATES.includes(state)) throw new ProtocolError(`expected a slot's state, found ${state}`);
  const tracks = slot.tracks ?? [];
  if (!Array.isArray(tracks)) throw new ProtocolError("expected tracks to be a list");
  return {
    slot: integer(slot.slot, "slot"),
    stream: string(slot.stream, "stream"),
    state: state as SlotState,
    reason: typeof slot.reason === "string" ? slot.reason : "",
    preview: slot.preview === true,
    originUs: typeof slot.origin_us === "number" ? slot.origin_us : 0,
    tracks: tracks.map(parseTrack),
  };
}

function parseTrack(value: unknown): SlotTrack {
  const track = record(value, "track");
  const kind = string(track.kind, "kind");
  if (kind !== "video" && kind !== "audio") throw new ProtocolError(`expected video or audio, found ${kind}`);
  return { id: integer(track.id, "id"), kind, mime: string(track.mime, "mime") };
}

/** `previews`: of which of them the sub-stream is wanted, where it has one. */
export function watchMessage(streams: readonly string[], previews: readonly string[] = []): string {
  return JSON.stringify(previews.length === 0 ? { type: "watch", streams } : { type: "watch", streams, previews });
}

export function soundMessage(slot: number, on: boolean): string {
  return JSON.stringify({ type: "sound", slot, on });
}

/** Keyframes alone of that slot, or all pictures again. */
export function picturesMessage(slot: number, keysOnly: boolean): string {
  return JSON.stringify({ type: "pictures", slot, only: keysOnly ? "keys" : "all" });
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ProtocolError(`expected ${what} to be an object`);
  }
  return value as Record<string, unknown>;
}

function integer(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw new ProtocolError(`expected ${what} to be a whole number`);
  }
  return value;
}

function string(value: unknown, what: string): string {
  if (typeof value !== "string") throw new ProtocolError(`expected ${what} to be text`);
  return value;
}
