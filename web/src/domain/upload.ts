/** What this browser remembers of uploads (tus keeps address and metadata under the file's fingerprint). Pure. */

/** As tus-js-client keeps it. */
export interface Remembered {
  readonly size: number | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly creationTime: string;
  readonly urlStorageKey: string;
  readonly uploadUrl: string | null;
}

export interface Unfinished {
  readonly key: string;
  readonly name: string;
  readonly size: number;
  readonly url: string;
  readonly sinceMs: number;
}

/** Uploads for an interruption that this browser began and did not finish, the newest first. */
export function unfinishedOf(all: readonly Remembered[], interruption: string): Unfinished[] {
  return all
    .filter((one) => one.metadata["interruption"] === interruption && one.uploadUrl !== null)
    .map((one) => ({ key: one.urlStorageKey, name: one.metadata["filename"] ?? "", size: one.size ?? 0, url: one.uploadUrl ?? "", sinceMs: Date.parse(one.creationTime) }))
    .sort((a, b) => b.sinceMs - a.sinceMs);
}

/** The hub's id of an upload: the last part of its address. */
export const uploadId = (url: string): string => new URL(url, "http://hub").pathname.split("/").at(-1) ?? "";

/** 0 to 100, whole; 100 only when all of it is there. */
export const share = (sent: number, size: number): number => (size > 0 ? Math.min(sent >= size ? 100 : 99, Math.floor((sent / size) * 100)) : 0);

/** 1536 → 1.5 KB; as people read file sizes. */
export function bytes(size: number): string {
  const units = ["B", "KB", "MB", "GB"];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ""}`;
}

/** The hub's refusal in a failed upload's answer. */
export function refusalIn(body: string): { code: string; message: string } | null {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown; message?: unknown } };
    return typeof error?.code === "string" ? { code: error.code, message: String(error.message ?? "") } : null;
  } catch {
    return null;
  }
}
