import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { addresses, encoded, hostInUrl, masked, placeProblems } from "@/domain/address";

interface Vector {
  template: string;
  camera: { host: string; port: number; channel: number; user: string; password: string };
  main: string;
  sub: string;
}

// The hub's tests read the same file; these are its patterns.
const VECTORS = JSON.parse(readFileSync(new URL("./addresses.json", import.meta.url), "utf-8")) as Vector[];
const PATTERNS: Record<string, { main: string; sub: string }> = {
  hikvision: { main: "/Streaming/Channels/{channel}01", sub: "/Streaming/Channels/{channel}02" },
  dahua: { main: "/cam/realmonitor?channel={channel}&subtype=0", sub: "/cam/realmonitor?channel={channel}&subtype=1" },
  uniview: { main: "/media/video1", sub: "/media/video2" },
  "uniview-nvr": { main: "/unicast/c{channel}/s0/live", sub: "/unicast/c{channel}/s1/live" },
};

describe("vendors' addresses", () => {
  it.each(VECTORS)("are filled as the hub fills them: $main", ({ template, camera, main, sub }) => {
    expect(addresses(PATTERNS[template] as { main: string; sub: string }, camera)).toEqual({ main, sub });
    expect(placeProblems(camera, true)).toEqual({});
  });

  it("leave nothing of a password that could end it", () => {
    expect(encoded("@:/#?&%!'()* ")).toBe("%40%3A%2F%23%3F%26%25%21%27%28%29%2A%20");
    expect(decodeURIComponent(encoded("密!*'()~码"))).toBe("密!*'()~码");
  });

  it("say which field is wrong", () => {
    const place = { host: "rtsp://10.0.0.1", port: 0, channel: 0, user: "", password: "" };
    expect(Object.keys(placeProblems(place, true))).toEqual(["host", "port", "channel"]);
    expect(Object.keys(placeProblems({ ...place, port: 554 }, false))).toEqual(["host"]);
    for (const host of ["", "a b", "10.0.0.1/x", "u@a", "-a"]) expect(hostInUrl(host)).toBeNull();
    expect(hostInUrl("[fd00::1]")).toBe("[fd00::1]");
  });

  it("are shown without their password", () => {
    for (const { main, camera } of VECTORS) if (camera.password !== "") expect(masked(main)).not.toContain(encoded(camera.password));
    expect(masked("rtsp://a@b/c")).toBe("rtsp://a@b/c");
  });
});
