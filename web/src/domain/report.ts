/** Arithmetic of the month's report: nothing that the hub has not counted. Pure. */

/** Where a scale of shares begins, so that differences are seen: 0, or a round share below the worst. */
export function scaleFrom(shares: readonly (number | null)[]): number {
  const known = shares.filter((share): share is number => share !== null);
  const worst = Math.min(1, ...known);
  if (known.length === 0 || worst < 0.5) return 0;
  const room = (1 - worst) * 1.15;
  const step = [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5].find((one) => one >= room) ?? 1;
  return Math.round((1 - step) * 1000) / 1000;
}

/** A change in percentage points, with its sign. */
export function points(change: number): string {
  const hundredths = Math.round(change * 10_000);
  return hundredths === 0 ? "±0.00" : `${hundredths > 0 ? "+" : "−"}${(Math.abs(hundredths) / 100).toFixed(2)}`;
}

/** Hours as a report shows them; what is not nothing is a second at least. */
export function hoursText(seconds: number): string {
  const whole = seconds > 0 && seconds < 1 ? 1 : Math.floor(seconds);
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
}

export type SortKey = "name" | "completeness" | "unexplained_s" | "missing_s" | "interruptions" | "no_sound_days" | "due_s" | "change";

interface Sortable {
  name: string;
  stream: string;
  due_s: number;
  completeness: number | null;
  unexplained_s: number;
  missing_s: number;
  change: number | null;
  interruptions: readonly { count: number }[];
  no_sound_days: readonly string[];
}

/** Rows in order; what has no value comes last, whichever way. */
export function sorted<T extends Sortable>(rows: readonly T[], key: SortKey, down: boolean): T[] {
  const value = (row: T): number | null => {
    if (key === "interruptions") return row.interruptions.reduce((sum, one) => sum + one.count, 0);
    if (key === "no_sound_days") return row.no_sound_days.length;
    return key === "name" ? 0 : row[key];
  };
  const byName = (a: T, b: T): number => a.name.localeCompare(b.name, "zh-CN", { numeric: true }) || a.stream.localeCompare(b.stream);
  return [...rows].sort((a, b) => {
    if (key === "name") return down ? byName(b, a) : byName(a, b);
    const [one, other] = [value(a), value(b)];
    if (one === null || other === null) return one === other ? byName(a, b) : one === null ? 1 : -1;
    return (down ? other - one : one - other) || byName(a, b);
  });
}
