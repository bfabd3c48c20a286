/** What was said of the activity while the hub may have been out of reach: in order, with its time, until the hub has it. */
import { ApiError } from "@/api/http";

import { type DeviceHub, passing } from "./hub";
import { keep, newId, recall } from "./memory";

import type { ActivityDto } from "./types";

export interface Said {
  readonly id: string;
  readonly method: "POST";
  readonly path: string;
  readonly body: Record<string, unknown>;
  /** It was sent, and nobody knows whether it arrived. */
  doubtful?: boolean;
}

export interface Sent {
  /** The hub took it. */
  done(said: Said, answer: unknown): void;
  /** The hub refused it for good. */
  refused(said: Said, why: ApiError): void;
}

const MOST = 200;

export class Outbox {
  private readonly waiting: Said[] = recall<Said[]>("outbox", []);
  private busy = false;

  constructor(
    private readonly hub: DeviceHub,
    private readonly heard: Sent,
  ) {}

  get size(): number {
    return this.waiting.length;
  }

  /** Has a begin in it that the hub has not taken yet. */
  get beginning(): boolean {
    return this.waiting.some((one) => one.path === "activity");
  }

  say(path: string, body: Record<string, unknown>): void {
    if (this.waiting.length >= MOST) return;
    this.waiting.push({ id: newId(), method: "POST", path, body });
    this.save();
    void this.flush();
  }

  /** As far as the hub can be reached. */
  async flush(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
        if (!(await this.deliver(first))) return;
        this.waiting.shift();
        this.save();
      }
    } finally {
      this.busy = false;
    }
  }

  /** True: it need not be sent again. */
  private async deliver(one: Said): Promise<boolean> {
    try {
      if (one.doubtful === true && (await this.arrived(one))) return true;
      one.doubtful = true;
      this.save();
      this.heard.done(one, await this.hub.call(one.method, one.path, one.body));
      return true;
    } catch (error) {
      const why = error instanceof ApiError ? error : new ApiError(0, "unreachable", String(error));
      if (passing(why) || why.status === 401 || why.code === "not_recorded") return false;
      this.heard.refused(one, why);
      return true;
    }
  }

  /** A mark or a begin whose answer was lost: it is in the activity then. */
  private async arrived(one: Said): Promise<boolean> {
    if (!one.path.startsWith("activity")) return false;
    const { activity } = await this.hub.call<{ activity: ActivityDto | null }>("GET", "activity");
    const at = Date.parse(String(one.body["at"]));
    const same = (text: string | null | undefined): boolean => Math.abs(Date.parse(text ?? "") - at) < 2;
    if (one.path === "activity") return activity !== null && same(activity.began_at);
    if (one.path === "activity/end") return activity === null;
    return activity?.marks.some((mark) => mark.kind === one.body["kind"] && same(mark.at)) ?? false;
  }

  private save(): void {
    keep("outbox", this.waiting);
  }
}
