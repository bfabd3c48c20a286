/** That an entry is in the signed log: leaf → path → root → signature. Nothing of it is taken from the hub on trust but
 * the key, at the first look from this machine. */
import { fromBase64, same } from "../hash";
import { parseCheckpoint, parseKey, signedBy } from "./note";
import { leafHash, rootOf } from "./tree";

export interface InclusionDto {
  index: number;
  size: number;
  leaf: string;
  root: string;
  hashes: string[];
}

export interface Proof {
  /** `unsigned`: the next checkpoint will cover it. `older`: it is in a log that was given up before. */
  readonly state: "proven" | "unsigned" | "older" | "fails" | "unchecked";
  /** What fails: the path, the signature, the key's own id. */
  readonly why: "" | "path" | "signature" | "format";
  readonly index: number | null;
  readonly size: number;
  readonly origin: string;
  readonly key: string;
  /** `first`: this machine saw this log's key for the first time and remembers it; `other`: it knew another one. */
  readonly known: "" | "first" | "same" | "other";
}

export interface LogSource {
  checkpoint: () => Promise<string>;
  vkey: () => Promise<string>;
  inclusion: (index: number, size: number) => Promise<InclusionDto>;
  /** Keys seen before, by origin. */
  remembered: { get: (origin: string) => string | null; set: (origin: string, key: string) => void };
}

const nothing: Proof = { state: "unsigned", why: "", index: null, size: 0, origin: "", key: "", known: "" };

export async function prove(entry: string, index: number | null, log: LogSource): Promise<Proof> {
  if (index === null) return { ...nothing, state: "older" };
  const note = parseCheckpoint(await log.checkpoint());
  const { origin, size, root } = note.checkpoint;
  const about = { ...nothing, index, size, origin };
  if (index >= size) return about;
  const text = (await log.vkey()).trim();
  const key = await parseKey(text).catch(() => null);
  if (key === null) return { ...about, state: "fails", why: "format" };
  const before = log.remembered.get(origin);
  if (before === null) log.remembered.set(origin, text);
  const known = before === null ? "first" : before === text ? "same" : "other";
  const withKey = { ...about, key: `${key.name}+${key.id}`, known } as const;
  const { hashes } = await log.inclusion(index, size);
  const leads = await rootOf(await leafHash(entry), index, size, hashes.map(fromBase64));
  if (leads === null || !same(leads, root)) return { ...withKey, state: "fails", why: "path" };
  const signed = await signedBy(note, key);
  if (signed === null) return { ...withKey, state: "unchecked" };
  return signed ? { ...withKey, state: "proven" } : { ...withKey, state: "fails", why: "signature" };
}
