/** RFC 6962 §2.1: leaf hash, inclusion proof. Pure but for WebCrypto. */
import { digest, joined } from "../hash";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Of an entry's text. */
export const leafHash = (text: string): Promise<Uint8Array> => digest(joined(LEAF, new TextEncoder().encode(text)));

/**
 * The root that this leaf and its path lead to (RFC 9162 §2.1.3.2); null when the path has another length than the
 * place and the size ask for. Sizes up to 2^53: halves by division, not by shifts of 32 bits.
 */
export async function rootOf(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Promise<Uint8Array | null> {
  if (index < 0 || index >= size) return null;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (sn === 0) return null;
    if (fn % 2 === 1 || fn === sn) {
      hash = await digest(joined(NODE, sibling, hash));
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn / 2, Math.floor(sn / 2)];
    } else hash = await digest(joined(NODE, hash, sibling));
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 ? hash : null;
}
