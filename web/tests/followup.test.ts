import { describe, expect, it } from "vitest";

import type { StatementDto, ToldDto } from "@/api/followup";
import { FOLLOWUP_STATES, type FollowupDto, type FollowupState } from "@/api/types";
import { clipProblem, correctable, exemptionProblem, FOLLOWUP_LOOK, formsFor, needs, signingProblem, timeLeft, withdrawn } from "@/domain/followup";
import { bytes, refusalIn, type Remembered, share, unfinishedOf, uploadId } from "@/domain/upload";
import en from "@/i18n/en";
import zh from "@/i18n/zh";

const ASKS = ["footage, a spoken explanation, or a statement"];
const WAYS: FollowupDto["needs"] = [{ code: "footage", text: "" }, { code: "spoken", text: "" }, { code: "written", text: "" }];
const outcome = (state: FollowupState, missing: string[] = ASKS): FollowupDto =>
  ({ state, deadline: null, reported_at: null, explained_at: null, how: "", filled_us: 0, closed_at: null, closed_by: "", exemption: "", findings: [], missing, needs: missing.length > 0 ? WAYS : [], signatures: 3 });
const may = (...rights: string[]) => (right: string) => rights.includes(right);
const OFFICER = may("explanations.write", "explanations.sign");
const AT = Date.parse("2026-11-21T08:00:00Z");
const ended = { state: "closed" as const, ended_at: "2026-11-21T07:00:00Z", needs_explanation: true };
const lasting = { state: "confirmed" as const, ended_at: null, needs_explanation: true };

describe("what it still needs", () => {
  it("is what the hub says, a statement with as many signatures as it says", () => {
    expect(needs(outcome("awaiting"))).toEqual([{ way: "footage" }, { way: "spoken" }, { way: "written", signatures: 3 }]);
  });
  it("is nothing once it is explained or closed", () => {
    expect(needs(outcome("explained", []))).toEqual([]);
    expect(needs(outcome("closed"))).toEqual([]);
  });
});

describe("the forms", () => {
  it("an officer speaks, writes and brings footage; a report only while it lasts or just after", () => {
    expect(formsFor(ended, "recorder", outcome("awaiting"), OFFICER, AT)).toEqual(["spoken", "written", "backfill"]);
    expect(formsFor(lasting, "recorder", outcome("open"), OFFICER, AT)).toEqual(["written", "backfill", "report"]);
    expect(formsFor(ended, "recorder", outcome("awaiting"), OFFICER, Date.parse(ended.ended_at) + 60_000)).toContain("report");
  });
  it("a watcher marks a clip and closes; who only looks has none; a settled one has none", () => {
    expect(formsFor(ended, "recorder", outcome("awaiting"), may("interruptions.handle"), AT)).toEqual(["spoken", "close"]);
    expect(formsFor(ended, "recorder", outcome("awaiting"), may("interruptions.view"), AT)).toEqual([]);
    for (const state of ["closed", "withdrawn"] as const) expect(formsFor(ended, "recorder", outcome(state, []), OFFICER, AT)).toEqual([]);
    expect(formsFor(ended, "recorder", null, OFFICER, AT)).toEqual([]);
  });
});

describe("signing", () => {
  const signed = (...by: string[]): StatementDto => ({
    id: "s", by: "li", sha256: "", at: "", text: "", scans: [], done_at: null,
    signatures: by.map((name) => ({ by: name, name, certificate: name, capacity: "officer", at: "" })),
  });
  it("is not for who signed, nor for the writer after another", () => {
    expect(signingProblem(signed(), "li", "recorder", OFFICER)).toBe("");
    expect(signingProblem(signed("li"), "li", "recorder", OFFICER)).toBe("signed");
    expect(signingProblem(signed("li"), "han", "recorder", OFFICER)).toBe("");
    expect(signingProblem(signed("han"), "li", "recorder", OFFICER)).toBe("writerSecond");
    expect(signingProblem(signed(), "wang", "recorder", may())).toBe("noRight");
    expect(signingProblem({ ...signed("a", "b"), done_at: "2026-11-21T08:00:00Z" }, "li", "recorder", OFFICER)).toBe("done");
  });
});

describe("the history", () => {
  const entry = (what: string, facts: Record<string, unknown> = {}): ToldDto => ({ at: "", by: "li", what, seq: 1, leaf: what, facts });
  it("words can be corrected, the hub's own steps cannot", () => {
    expect(["explanation.report", "explanation.written.signed", "explanation.paper.scanned"].every((what) => correctable(entry(what)))).toBe(true);
    expect(["interruption_open", "explanation.overdue", "explanation.correction", "explanation.close", "backfill"].some((what) => correctable(entry(what)))).toBe(false);
  });
  it("what was taken back is known by its leaf; a mere correction takes nothing back", () => {
    const told = [entry("explanation.report"), entry("explanation.correction", { cites: "a", withdraws: true }), entry("explanation.correction", { cites: "b", withdraws: false })];
    expect([...withdrawn(told)]).toEqual(["a"]);
  });
});

describe("times", () => {
  it("to a deadline, and after it", () => {
    expect(timeLeft("2026-11-22T09:30:00Z", AT)).toEqual({ late: false, days: 1, hours: 1, minutes: 30 });
    expect(timeLeft("2026-11-21T07:59:00Z", AT)).toEqual({ late: true, days: 0, hours: 0, minutes: 1 });
    expect(timeLeft(null, AT)).toBeNull();
  });
  it("of a spoken clip", () => {
    expect([[0, 20], [599, 719], [-1, 5], [601, 610], [5, 5.5], [0, 121], [NaN, 5], [0, NaN]].map(([from, to]) => clipProblem(from ?? 0, to ?? 0)))
      .toEqual(["", "", "clip.beforeResume", "clip.tooLate", "clip.tooShort", "clip.tooLong", "clip.beforeResume", "clip.tooShort"]);
  });
});

describe("an exemption", () => {
  const DAY = 86_400_000;
  it("names a reason, what happened, and for more time the return", () => {
    expect(exemptionProblem("", "x", null, AT)).toBe("exemptNoKind");
    expect(exemptionProblem("maintenance", " ", null, AT)).toBe("exemptNoText");
    expect(exemptionProblem("maintenance", "x", null, AT)).toBe("");
    expect(exemptionProblem("remote", "x", null, AT)).toBe("exemptNoUntil");
    expect(exemptionProblem("remote", "x", Number.NaN, AT)).toBe("exemptNoUntil");
    expect(exemptionProblem("remote", "x", AT - 1, AT)).toBe("exemptFar");
    expect(exemptionProblem("remote", "x", AT + 91 * DAY, AT)).toBe("exemptFar");
    expect(exemptionProblem("remote", "x", AT + DAY, AT)).toBe("");
  });
  it("is for who may, while something is missing", () => {
    expect(formsFor(ended, "recorder", outcome("awaiting"), may("explanations.exempt"), AT)).toEqual(["exempt"]);
    expect(formsFor(ended, "recorder", outcome("explained", []), may("explanations.exempt"), AT)).toEqual([]);
  });
});

describe("uploads", () => {
  const kept = (interruption: string, creationTime: string): Remembered => ({ size: 100, metadata: { interruption, filename: "a.mp4" }, creationTime, urlStorageKey: creationTime, uploadUrl: "http://hub/api/uploads/ab12" });
  it("that were not finished are known by their interruption, the newest first", () => {
    const all = [kept("x", "2026-11-21T07:00:00Z"), kept("y", "2026-11-21T07:30:00Z"), kept("x", "2026-11-21T08:00:00Z"), { ...kept("x", "2026-11-21T09:00:00Z"), uploadUrl: null }];
    expect(unfinishedOf(all, "x").map((one) => one.sinceMs)).toEqual([AT, AT - 3_600_000]);
  });
  it("never read 100 % before all of it is there", () => {
    expect([share(0, 100), share(9_999, 10_000), share(10_000, 10_000), share(5, 0)]).toEqual([0, 99, 100, 0]);
  });
  it("have an id, a size and a refusal", () => {
    expect(uploadId("https://hub.example/api/uploads/ab12?x=1")).toBe("ab12");
    expect([0, 1023, 1536, 5 << 20, 3 * 2 ** 40].map(bytes)).toEqual(["0 B", "1023 B", "1.5 KB", "5.0 MB", "3072.0 GB"]);
    expect(refusalIn('{"error":{"code":"no_space","message":"full"}}')).toEqual({ code: "no_space", message: "full" });
    for (const body of ["", "<html>", "null", "[]", '{"error":7}']) expect(refusalIn(body)).toBeNull();
  });
});

describe("words", () => {
  it("and a look for every state of the hub", () => {
    for (const state of FOLLOWUP_STATES) for (const words of [zh, en]) expect(words.followup[state] !== "" && FOLLOWUP_LOOK[state].glyph !== "").toBe(true);
  });
});
