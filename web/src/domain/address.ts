/** RTSP addresses of the usual vendors, from the hub's patterns. Pure; the same two rules as in the hub. */

export interface AddressTemplate {
  id: string;
  name: string;
  main: string;
  sub: string;
  channels: boolean;
  port: number;
}

export interface CameraPlace {
  host: string;
  port: number;
  channel: number;
  user: string;
  password: string;
}

const HOST = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;
const IPV6 = /^[0-9a-f:.]*:[0-9a-f:.]*$/i;

/** All but the unreserved characters of RFC 3986 §2.3; `encodeURIComponent` leaves five more as they are. */
export const encoded = (word: string): string =>
  encodeURIComponent(word).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** As a URL has it, or null: a name, an IPv4 address, or an IPv6 address in brackets. */
export function hostInUrl(host: string): string | null {
  const bare = host.trim().replace(/^\[(.*)\]$/, "$1");
  if (IPV6.test(bare)) return `[${bare}]`;
  return HOST.test(bare) ? bare : null;
}

/** Message keys by field; empty when the address can be made. */
export function placeProblems(place: CameraPlace, channels: boolean): { host?: string; port?: string; channel?: string } {
  const problems: { host?: string; port?: string; channel?: string } = {};
  if (hostInUrl(place.host) === null) problems.host = "devices.address.missingHost";
  if (!Number.isInteger(place.port) || place.port < 1 || place.port > 65535) problems.port = "devices.address.badPort";
  if (channels && (!Number.isInteger(place.channel) || place.channel < 1 || place.channel > 1024)) problems.channel = "devices.address.badChannel";
  return problems;
}

/** Both URLs. The place must have no problems. */
export function addresses(template: Pick<AddressTemplate, "main" | "sub">, place: CameraPlace): { main: string; sub: string } {
  const secret = place.password === "" ? "" : `:${encoded(place.password)}`;
  const user = place.user === "" ? "" : `${encoded(place.user)}${secret}@`;
  const start = `rtsp://${user}${hostInUrl(place.host) ?? ""}:${place.port}`;
  const fill = (path: string): string => start + path.replaceAll("{channel}", String(place.channel));
  return { main: fill(template.main), sub: fill(template.sub) };
}

/** The URL with its password hidden, as the hub would show it. */
export function masked(url: string): string {
  return url.replace(/^(rtsps?:\/\/[^:@/]*):[^@]*@/i, "$1:***@");
}
