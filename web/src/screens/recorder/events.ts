/** Telemetry: gauges now and then; calls for help and marks again and again, until the hub says that it has them. */
import { ApiError } from "@/api/http";

import { type DeviceHub, passing } from "./hub";
import { keep, newId, recall } from "./memory";

import type { Cue, Happened, Position, TakenDto } from "./types";

const AT_ONCE = 16;

export class Events {
  private readonly waiting: Happened[] = recall<Happened[]>("events", []);
  /** One at a time, and without gauges, after a refusal: so what is wrong is found, and costs nothing else. */
  private atOnce = AT_ONCE;

  constructor(
    private readonly hub: DeviceHub,
    private readonly heard: { acknowledged(one: Happened): void; refused(one: Happened): void; cue(cue: Cue): void },
  ) {}

  get urgent(): boolean {
    return this.waiting.some((one) => one.type === "sos");
  }

  get size(): number {
    return this.waiting.length;
  }

  add(type: Happened["type"], at: string, more: Partial<Happened> = {}): Happened {
    const one: Happened = { type, id: newId(), at, ...more };
    // help first, whatever else waits
    if (type === "sos") this.waiting.unshift(one);
    else this.waiting.push(one);
    keep("events", this.waiting);
    return one;
  }

  /** One message. Raises ApiError where the hub cannot be reached; what it refused as wrong is not sent again. */
  async send(gauges: Record<string, unknown>, position: Position | null): Promise<void> {
    const events = this.waiting.slice(0, this.atOnce);
    const alone = this.atOnce === 1 && events.length === 1;
    const body: Record<string, unknown> = alone ? { events } : { ...gauges, events };
    if (position !== null && !alone) body["position"] = position;
    try {
      const taken = await this.hub.call<TakenDto>("POST", "telemetry", body);
      for (const one of events.filter(({ id }) => taken.acknowledged.includes(id))) {
        this.waiting.splice(this.waiting.indexOf(one), 1);
        this.heard.acknowledged(one);
      }
      keep("events", this.waiting);
      taken.cues.forEach((cue) => this.heard.cue(cue));
      if (this.waiting.length === 0) this.atOnce = AT_ONCE;
    } catch (error) {
      if (!(error instanceof ApiError) || passing(error) || error.status === 401) throw error;
      this.atOnce = 1;
      if (alone) this.give(events[0]);
    }
  }

  /** The hub will never take it: it is told on the page, not sent for ever. A call for help is, after the others. */
  private give(one: Happened | undefined): void {
    if (one === undefined) return;
    this.waiting.splice(this.waiting.indexOf(one), 1);
    if (one.type === "sos") this.waiting.push(one);
    keep("events", this.waiting);
    this.heard.refused(one);
  }
}
