import { describe, expect, it } from "vitest";

import { passwordRules } from "@/domain/password";

const met = (username: string, old: string, fresh: string, again: string): string[] =>
  passwordRules(username, old, fresh, again).filter((one) => one.met).map((one) => one.name);

describe("a password that somebody chooses", () => {
  it("meets nothing while it is empty", () => expect(met("li", "", "", "")).toEqual([]));
  it("counts characters, not code units", () => {
    expect(met("li", "x", "😀😀😀😀😀", "")).not.toContain("length");
    expect(met("li", "x", "一二三四五六七八九十", "一二三四五六七八九十")).toEqual(["length", "other", "username", "same"]);
  });
  it("is neither the old one nor the username in other letters", () => {
    expect(met("li.ming.hall", "0123456789", "0123456789", "0123456789")).toEqual(["length", "username", "same"]);
    expect(met("li.ming.hall", "x", "Li.Ming.Hall", "Li.Ming.Hal")).toEqual(["length", "other"]);
  });
});
