import { describe, expect, it } from "vitest";

import { LARGE_PX, type PreviewWish, SMALL_PX, wantsPreview } from "@/domain/preview";

const large: PreviewWish = { offered: true, mainUnplayable: false, widthPx: 900, asked: false, resting: false, painted: true };
const small: PreviewWish = { ...large, widthPx: SMALL_PX - 1 };

describe("when a tile shows the sub-stream", () => {
  it("does where the main stream cannot be shown, however large the tile", () => {
    expect(wantsPreview({ ...large, mainUnplayable: true, painted: false })).toBe(true);
    expect(wantsPreview({ ...large, mainUnplayable: true, resting: true })).toBe(true);
    expect(wantsPreview({ ...large, mainUnplayable: true, offered: false })).toBe(false);
  });
  it("does on a small tile, once the main stream has given a first picture", () => {
    expect(wantsPreview(small)).toBe(true);
    expect(wantsPreview({ ...small, painted: false })).toBe(false);
    expect(wantsPreview({ ...small, offered: false })).toBe(false);
    expect(wantsPreview(large)).toBe(false);
    expect(wantsPreview({ ...small, widthPx: 0, asked: true })).toBe(false);
  });
  it("stays as it is between small and large", () => {
    const between = { ...small, widthPx: SMALL_PX + 10 };
    expect(wantsPreview(between)).toBe(false);
    expect(wantsPreview({ ...between, asked: true, painted: false })).toBe(true);
    expect(wantsPreview({ ...between, widthPx: LARGE_PX, asked: true })).toBe(false);
  });
  it("leaves a sub-stream that failed alone for a while", () => {
    expect(wantsPreview({ ...small, asked: true, resting: true })).toBe(false);
  });
});
