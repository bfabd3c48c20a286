/** Split views (分屏): how many tiles a page of the wall has. Pure. */

export const SPLITS = [1, 4, 9, 16] as const;
export type Split = (typeof SPLITS)[number];

/** The smallest split that holds all, at most 16, unless one was chosen. */
export function splitFor(streams: number, chosen: Split | "auto"): Split {
  if (chosen !== "auto") return chosen;
  return SPLITS.find((split) => split >= streams) ?? 16;
}

export function pageOf<T>(list: readonly T[], split: Split, page: number): T[] {
  return list.slice(page * split, (page + 1) * split);
}

export const columnsOf = (split: Split): number => Math.sqrt(split);
