/**
 * The two numbers that a page must know of the hub's fragments to keep them in order of time: the clock rate of an
 * init segment (ISO/IEC 14496-12 §8.4.2) and the decode time of a fragment (§8.8.12). Null for what is not there.
 */

const BOX_HEADER = 8;

/** Of a single-track init segment: ticks a second. */
export function timescaleOf(init: Uint8Array): number | null {
  const box = find(viewOf(init), ["moov", "trak", "mdia", "mdhd"]);
  if (box === null || box.byteLength < 24) return null;
  const scale = box.getUint8(0) === 1 ? box.getUint32(20) : box.getUint32(12);
  return scale > 0 ? scale : null;
}

/** Of a fragment: ticks from media time 0. */
export function decodeTimeOf(fragment: Uint8Array): number | null {
  const box = find(viewOf(fragment), ["moof", "traf", "tfdt"]);
  if (box === null || box.byteLength < 8) return null;
  if (box.getUint8(0) !== 1) return box.getUint32(4);
  return box.byteLength < 12 ? null : box.getUint32(4) * 2 ** 32 + box.getUint32(8);
}

/** What is inside the first box of that path. */
function find(view: DataView, path: readonly string[]): DataView | null {
  const [name, ...rest] = path;
  if (name === undefined) return view;
  for (let at = 0; at + BOX_HEADER <= view.byteLength; ) {
    const size = view.getUint32(at);
    if (size < BOX_HEADER || at + size > view.byteLength) return null; // of 64 bits, to the end, or torn
    if (view.getUint32(at + 4) === nameCode(name)) {
      return find(new DataView(view.buffer, view.byteOffset + at + BOX_HEADER, size - BOX_HEADER), rest);
    }
    at += size;
  }
  return null;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const nameCode = (name: string): number => [...name].reduce((code, letter) => code * 256 + letter.charCodeAt(0), 0);
