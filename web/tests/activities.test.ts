import { describe, expect, it } from "vitest";

import { asked, changes, documentsOf, filterFrom, localMs, localText, NO_FILTER, queryOf, shareOf } from "@/domain/activities";

describe("the search and its address", () => {
  const filter = { ...NO_FILTER, unit: "b1", officer: " 张三 ", from: "2026-05-03T08:30", case: "〔2026〕12", mode: "full", storage: "due", finding: "no_notice" };

  it("says in the address what is asked for, and nothing else", () => {
    expect(queryOf(filter)).toEqual({ unit: "b1", officer: "张三", from: "2026-05-03T08:30", case: "〔2026〕12", mode: "full", storage: "due", finding: "no_notice" });
    expect(queryOf(NO_FILTER)).toEqual({});
  });

  it("reads it back, and leaves out what no address can mean", () => {
    expect(filterFrom(queryOf(filter))).toEqual({ ...filter, officer: "张三" });
    expect(filterFrom({ mode: "half", storage: "x", finding: "nothing", from: "yesterday", to: "2026-13-40T99:99", unit: ["a"], other: "1" })).toEqual(NO_FILTER);
    expect(filterFrom({ party: "长".repeat(300) }).party).toHaveLength(100);
  });

  it("asks the hub in UTC", () => {
    const query = asked(filter);
    expect(query.get("from")).toBe(new Date(2026, 4, 3, 8, 30).toISOString());
    expect([query.get("officer"), query.get("to")]).toEqual(["张三", null]);
  });
});

describe("moments and documents", () => {
  it("go to the field and back to the second", () => {
    const ms = new Date(2026, 0, 2, 3, 4, 5).getTime();
    expect(localText(ms)).toBe("2026-01-02T03:04:05");
    expect(localMs(localText(ms))).toBe(ms);
    for (const text of ["", "now", "2026-01-02", "2026-02-99T00:00x"]) expect(localMs(text), text).toBeNull();
  });

  it("lists document numbers once each", () => {
    expect(documentsOf("冀交检〔2026〕7号\n 冀交告9号；冀交检〔2026〕7号，\n\n")).toEqual(["冀交检〔2026〕7号", "冀交告9号"]);
  });

  it("place a mark on the line", () => {
    expect([shareOf(15, 10, 20), shareOf(5, 10, 20), shareOf(25, 10, 20), shareOf(1, 1, 1)]).toEqual([0.5, 0, 1, 0]);
  });
});

describe("the history", () => {
  it("tells what each amendment changed, and what stood there", () => {
    const history = [
      { said: { action: "begin", party: "赵六", mode: "full", officers: [{ name: "张三" }] } },
      { said: { action: "mark", kind: "notice" } },
      { said: { action: "amend", fields: { party: "赵七", mode: "full" } } },
      { said: { action: "amend", fields: { party: "赵八", place: "K12" } } },
    ];
    expect(changes(history)).toEqual([
      [], [], [{ field: "party", before: "赵六", after: "赵七" }],
      [{ field: "party", before: "赵七", after: "赵八" }, { field: "place", before: undefined, after: "K12" }],
    ]);
  });
});
