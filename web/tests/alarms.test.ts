import { describe, expect, it } from "vitest";

import type { AlarmDto } from "@/api/alarms";
import { covers, heardNow, interruptionOf, openIn, others, queueOrder, ringsFor, spokenFor } from "@/domain/alarms";

const alarm = (changes: Partial<AlarmDto> = {}): AlarmDto => ({
  id: "a", level: 2, kind: "no_signal", cause: "interruption:cut:1", stream: "cam", unit: "hall", incident: "", joined: "", text: "", count: 1, picture: "",
  state: "open", since: "2026-11-21T08:00:00Z", raised_at: "2026-11-21T08:00:00Z", over_at: null, acknowledged_by: "", acknowledged_at: null, settled_by: "",
  settled_at: null, handed_to: "", note: "", escalated: 0, rings_for: null, ...changes,
});
const UNITS = [{ id: "root", name: "", parent: null }, { id: "bureau", name: "", parent: "root" }, { id: "hall", name: "", parent: "bureau" }, { id: "other", name: "", parent: "root" }];

describe("the queue", () => {
  it("has the gravest first, of these what nobody looks after, of these the oldest", () => {
    const list = [
      alarm({ id: "late", since: "2026-11-21T09:00:00Z" }), alarm({ id: "taken", state: "acknowledged", since: "2026-11-21T06:00:00Z" }),
      alarm({ id: "early" }), alarm({ id: "grave", level: 1, since: "2026-11-21T10:00:00Z" }), alarm({ id: "small", level: 4, since: "2026-11-20T08:00:00Z" }),
    ];
    expect(list.sort(queueOrder).map((one) => one.id)).toEqual(["grave", "early", "late", "taken", "small"]);
  });
});

describe("who hears it", () => {
  it("those on duty; nobody on duty: whoever may handle it", () => {
    expect(ringsFor(alarm(), "wang", true)).toBe(true);
    expect(ringsFor(alarm(), "wang", false)).toBe(false);
    expect(ringsFor(alarm({ rings_for: ["zhao"] }), "wang", true)).toBe(false);
    expect(ringsFor(alarm({ rings_for: ["zhao"] }), "zhao", false)).toBe(true);
  });
  it("not what somebody looks after, nor a part of an incident", () => {
    expect(ringsFor(alarm({ state: "acknowledged" }), "wang", true)).toBe(false);
    expect(ringsFor(alarm({ joined: "b" }), "wang", true)).toBe(false);
  });
  it("once, and once more for a new break, a step up, a hand-over, or when it becomes mine", () => {
    const heard = (before: AlarmDto | undefined, now: AlarmDto) => heardNow(before, now, "wang", true);
    expect(heard(undefined, alarm())).toBe(true);
    expect(heard(alarm(), alarm({ note: "x" }))).toBe(false);
    expect(heard(alarm(), alarm({ count: 2 }))).toBe(true);
    expect(heard(alarm(), alarm({ escalated: 1 }))).toBe(true);
    expect(heard(alarm({ rings_for: ["zhao"] }), alarm({ rings_for: ["wang"], handed_to: "wang" }))).toBe(true);
    expect(heard(alarm({ state: "acknowledged", acknowledged_by: "li" }), alarm({ rings_for: ["zhao"] }))).toBe(false);
  });
});

describe("a hand-over", () => {
  it("names what is open in the unit and below, parts of incidents too", () => {
    const list = [alarm({ id: "here" }), alarm({ id: "part", joined: "x" }), alarm({ id: "elsewhere", unit: "other" }), alarm({ id: "above", unit: "root" }), alarm({ id: "done", state: "handled" }), alarm({ id: "taken", state: "acknowledged" })];
    expect(openIn(list, UNITS, "bureau").map((one) => one.id).sort()).toEqual(["here", "part", "taken"]);
    expect(openIn(list, UNITS, "root")).toHaveLength(5);
  });
  it("what is in no known unit is the root's", () => {
    expect([covers(UNITS, "root", ""), covers(UNITS, "root", "gone"), covers(UNITS, "hall", ""), covers(UNITS, "bureau", "hall"), covers(UNITS, "hall", "bureau")]).toEqual([true, true, false, true, false]);
    expect([covers([], "hall", "hall"), covers([], "hall", "x")]).toEqual([true, false]);
  });
  it("goes to others who are on duty", () => {
    const shift = (username: string, ended_at: string | null = null) => ({ id: "", unit: "", username, since: "", ended_at, from_whom: "" });
    expect(others([shift("zhao"), shift("wang"), shift("zhao"), shift("li", "2026-11-21T08:00:00Z")], "wang")).toEqual(["zhao"]);
  });
});

it("an alarm knows its interruption, whatever its id", () => {
  expect([interruptionOf(alarm()), interruptionOf(alarm({ cause: "hub:retention" }))]).toEqual(["cut:1", null]);
});

describe("what an alarm speaks for", () => {
  it("is its own interruption alone, whether it rings for this person or not", () => {
    const list = [alarm({ cause: "interruption:cut:1", state: "acknowledged" }), alarm({ cause: "sos:cut:2" })];
    expect(spokenFor(list, "cut:1")).toBe(true);
    expect(spokenFor(list, "cut:2")).toBe(false);
    expect(spokenFor([], "cut:1")).toBe(false);
  });
});
