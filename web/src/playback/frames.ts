/** When each picture of a loaded segment is shown, read from its own tables (ISO/IEC 14496-12 §8.8). Pure. */

interface Box {
  readonly type: string;
  readonly from: number;
  readonly to: number;
}

function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    let size = view.getUint32(at);
    let head = 8;
    if (size === 1 && at + 16 <= to) {
      size = Number(view.getBigUint64(at + 8));
      head = 16;
    } else if (size === 0) size = to - at;
    if (size < head || at + size > to) return; // cut off: what came before it counts
    yield { type: String.fromCharCode(view.getUint8(at + 4), view.getUint8(at + 5), view.getUint8(at + 6), view.getUint8(at + 7)), from: at + head, to: at + size };
    at += size;
  }
}

function find(view: DataView, within: Box, ...path: readonly string[]): Box | undefined {
  let box: Box | undefined = within;
  for (const type of path) {
    if (box === undefined) return undefined;
    box = [...boxes(view, box.from, box.to)].find((one) => one.type === type);
  }
  return box;
}

const whole = (view: DataView): Box => ({ type: "", from: 0, to: view.byteLength });
const viewOf = (data: ArrayBuffer | Uint8Array): DataView => (data instanceof Uint8Array ? new DataView(data.buffer, data.byteOffset, data.byteLength) : new DataView(data));

export interface VideoTrack {
  readonly id: number;
  readonly timescale: number;
}

/** The picture track of an init segment; null for sound alone. */
export function videoTrack(init: ArrayBuffer | Uint8Array): VideoTrack | null {
  const view = viewOf(init);
  const moov = find(view, whole(view), "moov");
  if (moov === undefined) return null;
  for (const trak of boxes(view, moov.from, moov.to)) {
    if (trak.type !== "trak") continue;
    const hdlr = find(view, trak, "mdia", "hdlr");
    const mdhd = find(view, trak, "mdia", "mdhd");
    const tkhd = find(view, trak, "tkhd");
    if (hdlr === undefined || mdhd === undefined || tkhd === undefined || view.getUint32(hdlr.from + 8) !== 0x76696465) continue;
    const wide = (box: Box): boolean => view.getUint8(box.from) === 1;
    return { id: view.getUint32(tkhd.from + (wide(tkhd) ? 20 : 12)), timescale: view.getUint32(mdhd.from + (wide(mdhd) ? 20 : 12)) };
  }
  return null;
}

/** Presentation times of the track's pictures in a segment, in ticks, in their order; and of its first decode time. */
export function pictureTicks(segment: ArrayBuffer | Uint8Array, track: VideoTrack): { first: number; shown: number[] } | null {
  const view = viewOf(segment);
  const shown: number[] = [];
  let first: number | null = null;
  for (const moof of boxes(view, 0, view.byteLength)) {
    if (moof.type !== "moof") continue;
    for (const traf of boxes(view, moof.from, moof.to)) {
      if (traf.type !== "traf") continue;
      const tfhd = find(view, traf, "tfhd");
      const tfdt = find(view, traf, "tfdt");
      if (tfhd === undefined || tfdt === undefined || view.getUint32(tfhd.from + 4) !== track.id) continue;
      let at = view.getUint8(tfdt.from) === 1 ? Number(view.getBigUint64(tfdt.from + 4)) : view.getUint32(tfdt.from + 4);
      first ??= at;
      const usual = defaultDuration(view, tfhd);
      for (const trun of boxes(view, traf.from, traf.to)) if (trun.type === "trun") at = run(view, trun, at, usual, shown);
    }
  }
  return first === null ? null : { first, shown: shown.sort((a, b) => a - b) };
}

function defaultDuration(view: DataView, tfhd: Box): number {
  const flags = view.getUint32(tfhd.from) & 0xffffff;
  if ((flags & 0x8) === 0) return 0;
  return view.getUint32(tfhd.from + 8 + ((flags & 0x1) === 0 ? 0 : 8) + ((flags & 0x2) === 0 ? 0 : 4));
}

/** One trun: adds what it shows, returns the next decode time. */
function run(view: DataView, trun: Box, from: number, usual: number, shown: number[]): number {
  const flags = view.getUint32(trun.from) & 0xffffff;
  const signed = view.getUint8(trun.from) > 0;
  const count = view.getUint32(trun.from + 4);
  let field = trun.from + 8 + ((flags & 0x1) === 0 ? 0 : 4) + ((flags & 0x4) === 0 ? 0 : 4);
  const each = [0x100, 0x200, 0x400, 0x800].filter((flag) => (flags & flag) !== 0).length * 4;
  let at = from;
  for (let sample = 0; sample < count && field + each <= trun.to; sample += 1, field += each) {
    let offset = 0;
    if ((flags & 0x800) !== 0) offset = signed ? view.getInt32(field + each - 4) : view.getUint32(field + each - 4);
    shown.push(at + offset);
    at += (flags & 0x100) === 0 ? usual : view.getUint32(field);
  }
  return at;
}

/** A picture: when the player shows it (s of media) and when it was taken (ms of hub UTC). */
export interface Picture {
  readonly media: number;
  readonly clockMs: number;
}

/** Edges are rounded by the player; no camera takes pictures this close to each other. */
const SAME_S = 0.002;

/** The pictures of the segments that are loaded, by segment. */
export class Pictures {
  private list: Picture[] = [];
  private readonly segments = new Map<number, readonly Picture[]>();

  set(segment: number, pictures: readonly Picture[]): void {
    this.segments.set(segment, pictures);
    this.list = [...this.segments.values()].flat().sort((a, b) => a.media - b.media);
  }

  clear(): void {
    this.segments.clear();
    this.list = [];
  }

  /** What is on the screen at this media time. */
  at(media: number): Picture | undefined {
    const index = this.index(media);
    return index < 0 ? undefined : this.list[index];
  }

  /** The neighbour of what is on the screen; undefined: it is in no loaded segment. */
  beside(media: number, by: 1 | -1): Picture | undefined {
    const index = this.index(media);
    return index < 0 && by < 0 ? undefined : this.list[index + by];
  }

  atClock(clockMs: number): Picture | undefined {
    return this.list.findLast((one) => one.clockMs <= clockMs + SAME_S * 1000);
  }

  get size(): number {
    return this.list.length;
  }

  private index(media: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.list[middle] as Picture).media <= media + SAME_S) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
