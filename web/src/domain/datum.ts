/**
 * WGS-84 ↔ GCJ-02 (火星坐标), by the public formula. Only drawing is shifted, and only where the site's tiles are in
 * GCJ-02: what is stored, shown as numbers and sent stays WGS-84. Pure; degrees.
 */
export interface Place {
  readonly lat: number;
  readonly lon: number;
}

const AXIS = 6_378_245;
const ECCENTRICITY = 0.00669342162296594323;

/** A rectangle, as the formula has it: beyond it nothing is shifted. */
const outside = ({ lat, lon }: Place): boolean => lon < 72.004 || lon > 137.8347 || lat < 0.8293 || lat > 55.8271;

const wave = (x: number): number => ((20 * Math.sin(6 * x * Math.PI) + 20 * Math.sin(2 * x * Math.PI)) * 2) / 3;

function shift({ lat, lon }: Place): Place {
  const x = lon - 105;
  const y = lat - 35;
  const root = Math.sqrt(Math.abs(x));
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave(x)
    + ((20 * Math.sin(y * Math.PI) + 40 * Math.sin((y / 3) * Math.PI)) * 2) / 3 + ((160 * Math.sin((y / 12) * Math.PI) + 320 * Math.sin((y * Math.PI) / 30)) * 2) / 3;
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave(x)
    + ((20 * Math.sin(x * Math.PI) + 40 * Math.sin((x / 3) * Math.PI)) * 2) / 3 + ((150 * Math.sin((x / 12) * Math.PI) + 300 * Math.sin((x / 30) * Math.PI)) * 2) / 3;
  const radians = (lat / 180) * Math.PI;
  const magic = 1 - ECCENTRICITY * Math.sin(radians) ** 2;
  return {
    lat: (north * 180) / (((AXIS * (1 - ECCENTRICITY)) / (magic * Math.sqrt(magic))) * Math.PI),
    lon: (east * 180) / ((AXIS / Math.sqrt(magic)) * Math.cos(radians) * Math.PI),
  };
}

export function toGcj02(place: Place): Place {
  if (outside(place)) return place;
  const by = shift(place);
  return { lat: place.lat + by.lat, lon: place.lon + by.lon };
}

/** The inverse, by steps: within a millimetre after a few. */
export function fromGcj02(place: Place): Place {
  if (outside(place)) return place;
  let found = place;
  for (let step = 0; step < 8; step += 1) {
    const there = toGcj02(found);
    found = { lat: found.lat + place.lat - there.lat, lon: found.lon + place.lon - there.lon };
  }
  return found;
}
