/** An address being filled in: by brand, or as a whole. */
import { computed, type ComputedRef, reactive } from "vue";

import { addresses, type AddressTemplate, placeProblems } from "@/domain/address";
import { remember, remembered } from "@/domain/memory";

export interface AddressDraft {
  /** A template's id, or "own". */
  brand: string;
  host: string;
  port: number | string;
  channel: number | string;
  user: string;
  password: string;
  /** Whether the wall previews the template's sub-stream. */
  useSub: boolean;
  url: string;
  sub: string;
}

export interface Made {
  main: string;
  /** Empty: none. */
  sub: string;
  /** Message keys by field. */
  problems: Partial<Record<"host" | "port" | "channel" | "url" | "sub", string>>;
}

const RTSP = /^rtsps?:\/\/[^\s/]+/i;
const BRAND = "brand";

export function useAddress(templates: () => readonly AddressTemplate[]): { draft: AddressDraft; made: ComputedRef<Made>; clear: () => void } {
  const draft = reactive<AddressDraft>({ brand: remembered(BRAND) ?? "hikvision", host: "", port: 554, channel: 1, user: "admin", password: "", useSub: false, url: "", sub: "" });

  const made = computed<Made>(() => {
    const template = templates().find((one) => one.id === draft.brand);
    if (template === undefined) {
      const main = draft.url.trim();
      const sub = draft.sub.trim();
      const problems: Made["problems"] = {};
      if (!RTSP.test(main)) problems.url = "add.badUrl";
      if (sub !== "" && (!RTSP.test(sub) || sub === main)) problems.sub = "devices.address.badSub";
      return { main, sub, problems };
    }
    const place = { host: draft.host, port: Number(draft.port), channel: template.channels ? Number(draft.channel) : 1, user: draft.user.trim(), password: draft.password };
    const problems = placeProblems(place, template.channels);
    if (Object.keys(problems).length > 0) return { main: "", sub: "", problems };
    const both = addresses(template, place);
    return { main: both.main, sub: draft.useSub ? both.sub : "", problems };
  });

  /** The next camera is usually of the same brand and user; secrets are forgotten. */
  function clear(): void {
    remember(BRAND, draft.brand);
    Object.assign(draft, { host: "", channel: 1, password: "", useSub: false, url: "", sub: "" });
  }

  return { draft, made, clear };
}
