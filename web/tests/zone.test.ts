import { afterAll, describe, expect, it } from "vitest";

import { grabTime } from "@/domain/grab";
import { clockTime, clockTimeMs, dateOf, hubZone, momentOfField, momentOfPicker, offsetAt, pickerDate, setZone, startOfDay } from "@/domain/time";
import { HOUR, ticks } from "@/timeline/scale";

const own = hubZone();
afterAll(() => setZone(own));
const at = Date.parse("2026-11-20T17:05:06.789Z");

describe("times for people", () => {
  it("are the hub's, whatever this machine is set to", () => {
    setZone("Asia/Shanghai");
    expect([dateOf(at), clockTime(at), clockTimeMs(at)]).toEqual(["2026-11-21", "01:05:06", "01:05:06.789"]);
    expect(startOfDay(at)).toBe(Date.parse("2026-11-20T16:00:00Z"));
    expect(grabTime(at)).toBe("2026-11-21 01:05:06.789 +08:00");
    setZone("America/St_Johns");
    expect([dateOf(at), clockTime(at)]).toEqual(["2026-11-20", "13:35:06"]);
    expect(grabTime(at)).toBe("2026-11-20 13:35:06.789 -03:30");
  });

  it("follow a zone's changes", () => {
    setZone("Europe/Berlin");
    const change = Date.parse("2026-10-25T01:00:00Z");
    expect([offsetAt(change - 1), offsetAt(change)]).toEqual([2 * HOUR, HOUR]);
    expect(startOfDay(change + 12 * HOUR)).toBe(Date.parse("2026-10-24T22:00:00Z"));
  });

  it("are understood as they are shown, in fields and pickers", () => {
    for (const zone of ["Asia/Shanghai", "America/Los_Angeles", "UTC"]) {
      setZone(zone);
      expect(momentOfPicker(pickerDate(at))).toBe(at);
      expect(momentOfField(`${dateOf(at)}T${clockTime(at).slice(0, 5)}`)).toBe(at - 6789);
    }
    expect(momentOfField("")).toBeNaN();
  });

  it("stay as they are for a zone that nobody knows", () => {
    setZone("Asia/Shanghai");
    setZone("Mars/Olympus");
    expect(hubZone()).toBe("Asia/Shanghai");
  });

  it("give the time line its midnight", () => {
    setZone("Asia/Shanghai");
    const day = ticks({ from: at - 6 * HOUR, to: at + 6 * HOUR }, 900, 90).find((one) => one.day);
    expect(day).toMatchObject({ at: Date.parse("2026-11-20T16:00:00Z"), label: "11-21" });
  });
});
