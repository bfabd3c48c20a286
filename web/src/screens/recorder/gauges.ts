/** What this phone can say of itself: battery, room, place. What the browser does not tell is left out. */
import type { Position } from "./types";

interface Battery {
  readonly level: number;
  readonly charging: boolean;
}

export interface Gauges {
  batteryPercent: number | null;
  charging: boolean;
  leftBytes: number | null;
  totalBytes: number | null;
  /** The browser promised not to clear it by itself. */
  persisted: boolean;
}

export async function readGauges(): Promise<Gauges> {
  const found: Gauges = { batteryPercent: null, charging: false, leftBytes: null, totalBytes: null, persisted: false };
  try {
    const battery = await (navigator as unknown as { getBattery?: () => Promise<Battery> }).getBattery?.();
    if (battery !== undefined) {
      found.batteryPercent = Math.round(battery.level * 100);
      found.charging = battery.charging;
    }
    const { quota, usage } = await navigator.storage.estimate();
    if (quota !== undefined && usage !== undefined) {
      found.totalBytes = quota;
      found.leftBytes = Math.max(0, quota - usage);
    }
    found.persisted = await navigator.storage.persisted();
  } catch {
    // what is known stays
  }
  return found;
}

/** Calls until it is stopped. A refusal is an answer, too. */
export function watchPosition(found: (position: Position) => void, refused: () => void): () => void {
  if (!("geolocation" in navigator)) {
    refused();
    return () => undefined;
  }
  const id = navigator.geolocation.watchPosition(
    ({ coords, timestamp }) => found({ lat: coords.latitude, lon: coords.longitude, accuracy_m: Math.min(100_000, coords.accuracy), at: new Date(timestamp).toISOString() }),
    refused,
    { enableHighAccuracy: true, maximumAge: 5000, timeout: 20_000 },
  );
  return () => navigator.geolocation.clearWatch(id);
}
