import { describe, expect, it } from "vitest";

import { freeUnitId, mayMove, orgRows, ruleFrom } from "@/domain/organisation";
import { personFits, roleLocked, roleNotes } from "@/domain/roles";
import { FORMS, fromDraft, noticeLines, threshold, toDraft, withThreshold } from "@/domain/unit-rules";

const unit = (id: string, parent: string | null, rules: Record<string, unknown> = {}, retired = false) => ({ id, name: id, parent, rules, retired });
const UNITS = [unit("root", null, { followup: { deadline_h: 12 }, notices: [] }), unit("a", "root", { notices: null }), unit("b", "root", {}, true), unit("a1", "a"), unit("stray", "unseen")];

describe("the organisation", () => {
  it("has each unit below its parent, and who has none that is seen at the top", () => {
    expect(orgRows(UNITS).map((row) => `${row.depth}${row.unit.id}`)).toEqual(["0root", "1a", "2a1", "1b", "0stray"]);
  });
  it("moves no unit below itself, to where it is, or into a retired one; the root never", () => {
    expect(mayMove(UNITS, "a1", "root")).toBe(true);
    for (const [one, to] of [["a", "a1"], ["a", "a"], ["a", "root"], ["a1", "b"], ["root", "a"], ["a1", "none"]] as const) expect(mayMove(UNITS, one, to), `${one} ${to}`).toBe(false);
  });
  it("proposes an id that is free and well formed", () => {
    expect(freeUnitId("北城大队", "brigade", new Set(["brigade-01"]))).toBe("brigade-02");
    expect(freeUnitId("North Hall", "hall", new Set())).toBe("north-hall");
    expect(freeUnitId("North Hall", "hall", new Set(["north-hall"]))).toBe("north-hall-01");
  });
  it("knows where a rule comes from; a null that is set hides what holds above", () => {
    expect(ruleFrom(UNITS, "a1", "followup")?.from.id).toBe("root");
    expect(ruleFrom(UNITS, "a1", "notices")).toMatchObject({ value: null, from: { id: "a" } });
    expect(ruleFrom(UNITS, "a1", "telemetry")).toBeNull();
  });
});

describe("roles", () => {
  const nobody = { assistant: false, certificate: "" };
  it("say that an engineer loses pictures, an admin does not", () => {
    expect(roleNotes(["watcher", "engineer"], nobody)).toEqual(["pictures_lost"]);
    expect(roleNotes(["engineer"], nobody)).toEqual(["no_pictures"]);
    expect(roleNotes(["watcher", "engineer", "admin"], nobody)).toEqual(["admin"]);
    expect(roleNotes(["officer"], nobody)).toEqual(["no_certificate"]);
    expect(roleNotes(["officer"], { assistant: true, certificate: "" })).toEqual(["assistant_officer"]);
    expect(roleNotes([], nobody)).toEqual(["none"]);
  });
  it("are never one's own to give, and admin is an admin's", () => {
    expect(roleLocked("watcher", true, true)).toBe("own");
    expect(roleLocked("admin", false, false)).toBe("admin_only");
    expect(roleLocked("admin", false, true)).toBe("");
  });
  it("are searched with every word, in either width", () => {
    const person = { username: "zhang", name: "张三", certificate: "冀13-001", roles: ["officer"] as const, active: true };
    expect(personFits(person, { text: "张 １３-001", role: "", active: "active" })).toBe(true);
    expect(personFits(person, { text: "张 李", role: "", active: "" })).toBe(false);
    expect(personFits(person, { text: "", role: "none", active: "" })).toBe(false);
  });
});

describe("rules of a unit", () => {
  it("go through the form unchanged, and keep what has no field", () => {
    const rule = { deadline_h: 12, signatures: 3, later: "kept" };
    const { rule: again, wrong } = fromDraft(FORMS.followup, toDraft(FORMS.followup, rule), rule);
    expect(wrong).toEqual({});
    expect(again).toMatchObject(rule);
    expect(again["warn_before_h"]).toBe(4);
  });
  it("refuse what the hub would", () => {
    const draft = { ...toDraft(FORMS.deadlines, null), grace_minutes: "1.5", warn_minutes: "60，x", day_end: "25:00" };
    expect(Object.keys(fromDraft(FORMS.deadlines, draft, null).wrong).sort()).toEqual(["day_end", "grace_minutes", "warn_minutes"]);
    expect(fromDraft(FORMS.deadlines, { ...draft, grace_minutes: "5", warn_minutes: "60，30", day_end: "17:30" }, null).rule).toMatchObject({ warn_minutes: [60, 30], storage: "24h" });
  });
  it("keep thresholds exact: whole seconds, else ms; never; not said", () => {
    let rule = withThreshold({ black: { ring_from_ms: 500 } }, "black", "ring_from", 7.5);
    expect(rule).toEqual({ black: { ring_from_ms: 7500 } });
    rule = withThreshold(rule, "black", "ring_from", null);
    expect(rule).toEqual({ black: { ring_from_s: null } });
    expect(threshold(rule, "black", "ring_from")).toBeNull();
    expect(threshold(rule, "stall", "ring_from")).toBeUndefined();
    expect(withThreshold(rule, "black", "ring_from", undefined)).toEqual({});
  });
  it("keep what a line of notices has no field for", () => {
    expect(noticeLines([{ levels: [1], channels: ["sms"] }])[0]).toMatchObject({ channels: ["sms"], repeat_every_min: 0, quiet_hours: null });
    expect(noticeLines(null)).toHaveLength(3);
  });
});
