/** SHA-256 by WebCrypto. It takes its copy of the bytes at the call: what happens to them later does not matter. */

export const digest = async (data: BufferSource): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await crypto.subtle.digest("SHA-256", data));

export const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

export const sha256 = async (data: BufferSource): Promise<string> => hex(await digest(data));

/** Throws for what is no base64. */
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

export function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

export const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, i) => byte === b[i]);

/** Only pages from a secure origin have it; the hub serves no other beyond its own machine. */
export const canHash = (): boolean => globalThis.crypto?.subtle !== undefined;
