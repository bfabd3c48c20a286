/** Signed notes, verifier keys and checkpoints as C2SP defines them. Throws Error for what breaks the format. */
import { digest, fromBase64, hex, joined } from "../hash";

export interface VerifierKey {
  readonly name: string;
  readonly id: string;
  readonly public: Uint8Array<ArrayBuffer>;
}

export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

const ED25519 = 1;

/** `name+hex(key id)+base64(type ‖ key)`; the id is made again, not believed. */
export async function parseKey(text: string): Promise<VerifierKey> {
  const match = /^([!-*,-~]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim());
  if (match === null) throw new Error("no verifier key");
  const [, name = "", id = "", coded = ""] = match;
  const key = fromBase64(coded);
  if (key.length !== 33 || key[0] !== ED25519) throw new Error("no Ed25519 key");
  const made = hex((await digest(joined(new TextEncoder().encode(`${name}\n`), key))).slice(0, 4));
  if (made !== id) throw new Error("the key has another id");
  return { name, id, public: key.slice(1) };
}

export function parseCheckpoint(note: string): { text: string; checkpoint: Checkpoint; signatures: string[] } {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const [origin, size, root] = text.split("\n");
  if (end < 0 || origin === undefined || origin === "" || root === undefined || !/^(0|[1-9]\d{0,15})$/.test(size ?? "")) throw new Error("no checkpoint");
  return { text, checkpoint: { origin, size: Number(size), root: fromBase64(root) }, signatures: note.slice(end + 2).split("\n").filter((line) => line !== "") };
}

/** Whether a line of this very key holds; null where this browser cannot check Ed25519. */
export async function signedBy(note: { text: string; signatures: readonly string[] }, key: VerifierKey): Promise<boolean | null> {
  let made: CryptoKey;
  try {
    made = await crypto.subtle.importKey("raw", key.public, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return null;
  }
  const text = new TextEncoder().encode(note.text);
  for (const line of note.signatures) {
    const match = /^— (\S+) (\S+)$/.exec(line);
    if (match === null || match[1] !== key.name) continue;
    const bytes = fromBase64(match[2] ?? "");
    if (hex(bytes.slice(0, 4)) !== key.id) continue;
    if (await crypto.subtle.verify({ name: "Ed25519" }, made, bytes.slice(4), text)) return true;
  }
  return false;
}
