/** What the map asks of the hub. */
import { rfc3339 } from "@/api/hub";
import { call } from "@/api/http";
import type { PointDto } from "@/api/types";

export interface MapDto {
  tiles: boolean;
  datum: "wgs84" | "gcj02";
  min_zoom: number;
  max_zoom: number;
}

export const mapBasis = (): Promise<MapDto> => call("/api/map");

/** An answer has 5,000 positions at most; a day of walking has about as many. */
const MOST_PAGES = 6;

export async function trackOf(stream: string, fromMs: number, toMs: number): Promise<{ points: PointDto[]; complete: boolean }> {
  const points: PointDto[] = [];
  let from = fromMs;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query = new URLSearchParams({ from: rfc3339(from), to: rfc3339(toMs) });
    const answer = await call<{ points: PointDto[]; complete: boolean }>(`/api/streams/${encodeURIComponent(stream)}/track?${query.toString()}`);
    points.push(...answer.points);
    const last = answer.points.at(-1);
    if (answer.complete || last === undefined) return { points, complete: true };
    from = Math.floor(last.at_us / 1000) + 1;
    if (from >= toMs) return { points, complete: true };
  }
  return { points, complete: false };
}
