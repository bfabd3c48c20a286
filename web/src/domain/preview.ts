/** When a tile shows the camera's sub-stream (子码流) in place of what is recorded. Evidence is the main stream alone. */

export interface PreviewWish {
  /** The camera has a sub-stream. */
  readonly offered: boolean;
  /** This browser cannot play the main stream (H.265). */
  readonly mainUnplayable: boolean;
  /** Width of the tile in the screen's own pixels; 0 while unknown. */
  readonly widthPx: number;
  /** It is asked for now. */
  readonly asked: boolean;
  /** The sub-stream failed, and the main stream can be shown. */
  readonly resting: boolean;
  /** A picture was seen: the first one comes sooner from a stream that the hub has anyway. */
  readonly painted: boolean;
}

/** Between the two a tile stays as it is: who drags a window's edge must not make it switch to and fro. */
export const SMALL_PX = 480;
export const LARGE_PX = 560;
/** After a sub-stream failed, a tile whose main stream plays asks for it again. */
export const REST_MS = 60_000;

export function wantsPreview(wish: PreviewWish): boolean {
  if (!wish.offered) return false;
  if (wish.mainUnplayable) return true;
  if (wish.resting || wish.widthPx === 0) return false;
  if (wish.asked) return wish.widthPx < LARGE_PX;
  return wish.painted && wish.widthPx < SMALL_PX;
}
