/** The clips on this phone: their index in memory, their pieces and descriptions in files. */
import { type Clip, clipOf, metaName, nameOf, pieceName, recovered } from "./clips";

import type { Pieces } from "./pieces";

export class Shelf {
  /** The oldest first. */
  readonly clips: Clip[] = [];
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    readonly pieces: Pieces,
    private readonly changed: () => void,
  ) {}

  /** With what an earlier visit left, also one that crashed. */
  static async open(pieces: Pieces, pieceMs: number, changed: () => void): Promise<Shelf> {
    const shelf = new Shelf(pieces, changed);
    const files = await pieces.names();
    const told = await Promise.all(files.filter((file) => nameOf(file)?.piece === -1).map(async (file) => (await pieces.get(file))?.text()));
    const found = recovered(told.flatMap((text) => (text === undefined ? [] : (clipOf(text) ?? []))), files, pieceMs);
    shelf.clips.push(...found.clips);
    for (const stray of found.strays) await pieces.remove(stray);
    return shelf;
  }

  add(clip: Clip): void {
    this.clips.push(clip);
    void this.note(clip);
  }

  /** The next piece; on the disk when it resolves. Raises what the storage says (QuotaExceededError). */
  append(clip: Clip, data: Blob, lengthMs: number): Promise<void> {
    return this.after(async () => {
      await this.pieces.put(pieceName(clip.id, clip.pieces), data);
      clip.pieces += 1;
      clip.bytes += data.size;
      clip.lengthMs = lengthMs;
      await this.describe(clip);
    });
  }

  /** What changed of it outlives a reload. */
  note(clip: Clip): Promise<void> {
    return this.after(() => this.describe(clip)).catch(() => undefined);
  }

  async remove(clip: Clip): Promise<void> {
    const at = this.clips.indexOf(clip);
    if (at >= 0) this.clips.splice(at, 1);
    await this.after(async () => {
      await this.pieces.remove(metaName(clip.id));
      for (let n = 0; n < clip.pieces; n += 1) await this.pieces.remove(pieceName(clip.id, n));
    });
  }

  /** The whole of it, without reading it into memory. */
  async file(clip: Clip): Promise<Blob | null> {
    const parts: Blob[] = [];
    for (let n = 0; n < clip.pieces; n += 1) {
      const part = await this.pieces.get(pieceName(clip.id, n));
      if (part === null) break;
      parts.push(part);
    }
    return parts.length === 0 ? null : new Blob(parts, { type: clip.mime });
  }

  private async describe(clip: Clip): Promise<void> {
    await this.pieces.put(metaName(clip.id), new Blob([JSON.stringify(clip)]));
    this.changed();
  }

  /** One write at a time, in the order of the calls. */
  private after(what: () => Promise<void>): Promise<void> {
    const run = this.writing.catch(() => undefined).then(what);
    this.writing = run;
    return run;
  }
}
