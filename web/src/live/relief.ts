/**
 * Which tiles fall back to keyframes when a machine cannot decode all pictures, and when they come back. Pure: looked
 * at once a second, with what each tile's player has measured since.
 *
 * One step at a time, for what one tile costs less is what the others gain: too early a second step would take more
 * than is needed. Coming back is a trial, and each trial that fails doubles the time until the next.
 */

export interface TileHealth {
  readonly stream: string;
  /** Pictures since the last look, and those of them that were dropped because they came out of the decoder too late. */
  readonly pictures: number;
  readonly dropped: number;
  /** There is something to play and nothing comes out of the decoder. */
  readonly starved: boolean;
  readonly keysOnly: boolean;
  /** The enlarged tile and the one that sounds: the last to fall, the first to come back. */
  readonly dear: boolean;
  /** Of its pictures: what decoding costs. */
  readonly pixels: number;
}

export interface ReliefStep {
  readonly stream: string;
  readonly keysOnly: boolean;
}

/** Above this share a second counts against the machine; a picture now and then is nothing. */
export const BAD_SHARE = 0.25;
const LEAST_PICTURES = 5;
const LOOKS = 4;
const BAD_LOOKS = 3;
/** Until a step has shown what it is worth. */
const SETTLE_MS = 4000;
const CALM_MS = 15_000;
const LONGEST_CALM_MS = 240_000;
/** A fall so soon after a return tells that the return was too early. */
const RELAPSE_MS = 30_000;

export class Relief {
  private readonly looks = new Map<string, boolean[]>();
  private calmSince = -Infinity;
  private calmMs = CALM_MS;
  private steppedAt = -Infinity;
  private returnedAt = -Infinity;

  look(tiles: readonly TileHealth[], now: number): ReliefStep | null {
    const full = tiles.filter((tile) => !tile.keysOnly);
    this.remember(full);
    const overloaded = full.filter((tile) => (this.looks.get(tile.stream) ?? []).filter(Boolean).length >= BAD_LOOKS);
    if (full.some((tile) => this.looks.get(tile.stream)?.at(-1))) this.calmSince = now;
    if (now - this.steppedAt < SETTLE_MS) return null;
    if (overloaded.length > 0) return this.fall(overloaded, full, now);
    if (now - this.calmSince >= this.calmMs) return this.comeBack(tiles, now);
    return null;
  }

  /** The page was hidden, or the wall was changed: what was measured says nothing any more. */
  forget(now: number): void {
    this.looks.clear();
    this.calmSince = now;
  }

  private remember(full: readonly TileHealth[]): void {
    const here = new Set(full.map((tile) => tile.stream));
    for (const stream of this.looks.keys()) if (!here.has(stream)) this.looks.delete(stream);
    for (const tile of full) this.looks.set(tile.stream, [...(this.looks.get(tile.stream) ?? []), isBad(tile)].slice(-LOOKS));
  }

  private fall(overloaded: readonly TileHealth[], full: readonly TileHealth[], now: number): ReliefStep {
    if (now - this.returnedAt < RELAPSE_MS) this.calmMs = Math.min(LONGEST_CALM_MS, this.calmMs * 2);
    else this.calmMs = CALM_MS;
    const plain = (tile: TileHealth): boolean => !tile.dear;
    const candidates = [overloaded.filter(plain), full.filter(plain), overloaded].find((some) => some.length > 0) ?? [];
    const worst = [...candidates].sort((a, b) => b.pixels - a.pixels || b.dropped - a.dropped)[0] as TileHealth;
    this.step(now);
    return { stream: worst.stream, keysOnly: true };
  }

  private comeBack(tiles: readonly TileHealth[], now: number): ReliefStep | null {
    const waiting = tiles.filter((tile) => tile.keysOnly);
    const first = waiting.sort((a, b) => Number(b.dear) - Number(a.dear) || a.pixels - b.pixels)[0];
    if (first === undefined) return null;
    this.step(now);
    this.returnedAt = now;
    return { stream: first.stream, keysOnly: false };
  }

  private step(now: number): void {
    this.steppedAt = this.calmSince = now;
    this.looks.clear();
  }
}

function isBad(tile: TileHealth): boolean {
  return tile.starved || (tile.pictures >= LEAST_PICTURES && tile.dropped / tile.pictures > BAD_SHARE);
}
