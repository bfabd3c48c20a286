import { describe, expect, it } from "vitest";

import type { LookDto } from "@/api/looks";
import { isAbout, reasonOf } from "@/domain/looks";

const look = (streams: string[], from: string, to: string): LookDto => ({
  id: "look-1", state: "open", streams, from, to, reason: "", by: "a", asked_at: from, decided_by: "", decided_at: null, note: "", ends_at: to,
});

describe("what a look is about", () => {
  const one = look(["a", "b"], "2026-11-20T08:00:00.000000Z", "2026-11-20T09:00:00.000000Z");
  it("covers its streams and its range, ends included", () => {
    expect(isAbout(one, ["b"], "2026-11-20T08:00:00Z", "2026-11-20T09:00:00Z")).toBe(true);
    expect(isAbout(one, ["a", "b"], "2026-11-20T16:30:00+08:00", "2026-11-20T16:31:00+08:00")).toBe(true);
  });
  it("covers nothing beside them", () => {
    expect(isAbout(one, ["a", "c"], "2026-11-20T08:10:00Z", "2026-11-20T08:20:00Z")).toBe(false);
    expect(isAbout(one, ["a"], "2026-11-20T07:59:59.999Z", "2026-11-20T08:20:00Z")).toBe(false);
    expect(isAbout(one, ["a"], "2026-11-20T08:10:00Z", "2026-11-20T09:00:00.001Z")).toBe(false);
  });
});

describe("the reason as it is kept", () => {
  it("is the chosen word and what was written beside it", () => {
    expect(reasonOf("case", "案件办理", " 2026-117 ")).toBe("案件办理：2026-117");
    expect(reasonOf("quality", "质量检查", "")).toBe("质量检查");
  });
  it("of “other” is what was written, and nothing without it", () => {
    expect(reasonOf("other", "其他", "领导交办")).toBe("领导交办");
    expect(reasonOf("other", "其他", "  ")).toBe("");
    expect(reasonOf("", "", "")).toBe("");
  });
});
