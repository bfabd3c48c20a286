/** What this browser remembers between visits: choices, never secrets. */

const PREFIX = "recorder-hub.";

export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null; // storage is forbidden here: nothing is remembered
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + key, value);
  } catch {
    // as above
  }
}
