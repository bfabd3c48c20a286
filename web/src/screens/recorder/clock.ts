/** The hub's clock, kept in step with over HTTP (RFC 5905 §8, the part that one client needs). Pure. */

/** One question: sent and received by this device's clock, taken and answered by the hub's. ms. */
export interface Exchange {
  readonly sentMs: number;
  readonly hubTakenMs: number;
  readonly hubAnsweredMs: number;
  readonly receivedMs: number;
}

/** Hub time is this device's + `offsetMs`, true within `errorMs`. */
export interface Reading {
  readonly offsetMs: number;
  readonly errorMs: number;
}

interface Sample extends Reading {
  readonly atMs: number;
}

/** A phone's quartz is within 50 ppm over its temperatures; hub and phone may be off to opposite sides. */
export const DRIFT = 100e-6;
const KEPT = 64;
/** An answer that took longer says little and is not kept. */
export const LONGEST_MS = 10_000;

export class HubClock {
  private samples: Sample[] = [];

  /** The error of one exchange is half of what the network took: nothing says how it was shared between the two ways. */
  add(one: Exchange): void {
    const tripMs = one.receivedMs - one.sentMs - (one.hubAnsweredMs - one.hubTakenMs);
    if (!Number.isFinite(tripMs) || tripMs < -1 || one.receivedMs - one.sentMs > LONGEST_MS) return;
    const offsetMs = (one.hubTakenMs - one.sentMs + (one.hubAnsweredMs - one.receivedMs)) / 2;
    // half a millisecond: what browsers round their clocks to
    const sample = { atMs: (one.sentMs + one.receivedMs) / 2, offsetMs, errorMs: Math.max(0, tripMs) / 2 + 0.5 };
    this.samples.push(sample);
    if (this.samples.length > KEPT) this.drop();
  }

  /** What is known of that moment of this device's clock: by the exchange that leaves the smallest error there. */
  reading(atMs: number): Reading | null {
    let best: Reading | null = null;
    for (const one of this.samples) {
      const errorMs = one.errorMs + Math.abs(atMs - one.atMs) * DRIFT;
      if (best === null || errorMs < best.errorMs) best = { offsetMs: one.offsetMs, errorMs };
    }
    return best;
  }

  /** The device's clock stood still or was set: nothing that was measured holds any more. */
  forget(): void {
    this.samples = [];
  }

  /** Of neighbours in time the worse one goes; the newest always stays. */
  private drop(): void {
    let worst = 0;
    for (let n = 0; n < this.samples.length - 1; n += 1) {
      if ((this.samples[n]?.errorMs ?? 0) > (this.samples[worst]?.errorMs ?? 0)) worst = n;
    }
    this.samples.splice(worst, 1);
  }
}

/** This device's clock: it does not leap when somebody sets the time of the day. */
export const localNow = (): number => performance.timeOrigin + performance.now();

/** How far the time of the day and the clock that only counts have come apart; it changes when either stood still. */
export const apartMs = (): number => Date.now() - localNow();

/** More is no drift: the device slept, or its time was set. */
export const STEP_MS = 300;
