/** Which recorder this phone is. The token stays in this origin's storage: in no address, no log, no message but to its hub. */

export interface Pairing {
  readonly hub: string;
  readonly stream: string;
  readonly token: string;
  readonly name: string;
}

export type PairingProblem = "not_json" | "version" | "fields" | "other_hub";

/** What a QR code or a pasted text says. `origin`: where this page came from; a page speaks to its own hub alone. */
export function pairingOf(text: string, origin: string): Pairing | PairingProblem {
  let said: Record<string, unknown>;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return "not_json";
    said = value as Record<string, unknown>;
  } catch {
    return "not_json";
  }
  if (said["v"] !== 1) return "version";
  const { hub, stream, token, name } = said;
  if (typeof hub !== "string" || typeof stream !== "string" || typeof token !== "string" || !isStream(stream) || !isToken(token)) return "fields";
  if (originOf(hub) === null) return "fields";
  return originOf(hub) === origin ? { hub: origin, stream, token, name: typeof name === "string" ? name.slice(0, 100) : stream } : "other_hub";
}

/** The address of a QR code's hub, to be shown where it is another one. Never with anything after the host. */
export function hubOf(text: string): string {
  try {
    return originOf(String((JSON.parse(text) as { hub?: unknown }).hub)) ?? "";
  } catch {
    return "";
  }
}

export const isStream = (text: string): boolean => /^[a-z0-9][a-z0-9-]{0,62}$/.test(text);
export const isToken = (text: string): boolean => /^[A-Za-z0-9_-]{16,200}$/.test(text);

function originOf(address: string): string | null {
  try {
    const { protocol, origin } = new URL(address);
    return protocol === "https:" || protocol === "http:" ? origin : null;
  } catch {
    return null;
  }
}
