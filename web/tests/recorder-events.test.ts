import { describe, expect, it } from "vitest";

import { ApiError } from "@/api/http";
import { Events } from "@/screens/recorder/events";
import type { DeviceHub } from "@/screens/recorder/hub";
import type { Happened } from "@/screens/recorder/types";

/** A hub that refuses what `wrong` says, and takes everything else. */
function phone(wrong: (body: { events: Happened[]; battery?: number }) => boolean) {
  const taken: string[] = [];
  const refused: string[] = [];
  const hub = {
    call: (_method: string, _path: string, body: { events: Happened[]; battery?: number }) => {
      if (wrong(body)) return Promise.reject(new ApiError(400, "bad_request", "not so"));
      return Promise.resolve({ acknowledged: body.events.map(({ id }) => id), cues: [] });
    },
  };
  const events = new Events(hub as unknown as DeviceHub, {
    acknowledged: (one) => void taken.push(one.at), refused: (one) => void refused.push(one.at), cue: () => undefined,
  });
  const send = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i += 1) await events.send({ battery: 50 }, null);
  };
  return { events, send, taken, refused };
}

describe("what the hub refuses", () => {
  it("is found alone, told once, and costs the others nothing", async () => {
    const { events, send, taken, refused } = phone((body) => body.events.some(({ at }) => at === "bad"));
    for (const at of ["one", "bad", "two", "three"]) events.add("key_mark", at);
    await send(6);
    expect(taken).toEqual(["one", "two", "three"]);
    expect(refused).toEqual(["bad"]);
    expect(events.size).toBe(0);
  });

  it("may be the gauges: what happened is sent without them", async () => {
    const { events, send, taken } = phone((body) => body.battery !== undefined);
    events.add("key_mark", "one");
    await send(3);
    expect(taken).toEqual(["one"]);
  });

  it("is not given up where it calls for help", async () => {
    const { events, send, taken } = phone((body) => body.events.some(({ type }) => type === "sos"));
    events.add("sos", "help");
    events.add("key_mark", "mark");
    await send(8);
    expect(taken).toEqual(["mark"]);
    expect(events.urgent).toBe(true);
  });
});
