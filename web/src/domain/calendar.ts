/** Days, months and working hours as a calendar says them, in the hub's zone. Pure. */

export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** Begin and end, as 09:00. */
export type Span = [string, string];
export type Judged = "hours" | "break" | "closed" | "holiday" | "makeup" | "exception" | "no_calendar" | "retired";

export interface PieceDto {
  from: string;
  to: string;
  /** Null: no calendar holds. */
  due: boolean | null;
  judged: Judged;
  detail: string;
  year_missing: boolean;
}

export interface HoursDto {
  weekly: Partial<Record<Weekday, Span[]>>;
  makeup?: Span[] | null;
  holiday?: Span[];
  holidays?: "observed" | "ignored";
}

export const MAX_PIECES = 12;

const two = (n: number): string => String(n).padStart(2, "0");

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function parts(zone: string, ms: number): Record<string, string> {
  let format = FORMATS.get(zone);
  if (format === undefined) {
    const digits = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;
    format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, hourCycle: "h23", ...digits });
    FORMATS.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(ms).map((part) => [part.type, part.value]));
}

/** The calendar day of a moment, as 2026-11-20. */
export function dayIn(zone: string, ms: number): string {
  const p = parts(zone, ms);
  return `${p["year"]}-${p["month"]}-${p["day"]}`;
}

/** The clock on the wall, as 09:00. */
export function clockIn(zone: string, ms: number): string {
  const p = parts(zone, ms);
  return `${p["hour"]}:${p["minute"]}`;
}

/** The same of an end: midnight is the day's 24:00. */
export function endIn(zone: string, ms: number): string {
  const clock = clockIn(zone, ms);
  return clock === "00:00" ? "24:00" : clock;
}

/** What the zone's clock is ahead of UTC, in ms. */
export function offsetIn(zone: string, ms: number): number {
  const p = parts(zone, ms);
  return Date.parse(`${p["year"]}-${p["month"]}-${p["day"]}T${p["hour"]}:${p["minute"]}:${p["second"]}Z`) - Math.floor(ms / 1000) * 1000;
}

/** The moment of a wall clock; of an hour that comes twice the first. */
export function momentIn(zone: string, day: string, clock = "00:00"): number {
  const wanted = Date.parse(`${day}T${clock}:00Z`);
  let at = wanted;
  for (let i = 0; i < 3; i++) {
    const p = parts(zone, at);
    const shown = Date.parse(`${p["year"]}-${p["month"]}-${p["day"]}T${p["hour"]}:${p["minute"]}:${p["second"]}Z`);
    if (shown === wanted) break;
    at += wanted - shown;
  }
  return at;
}

export function addDays(day: string, count: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * 86_400_000).toISOString().slice(0, 10);
}

export function addMonths(month: string, count: number): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  const index = year * 12 + number - 1 + count;
  return `${Math.floor(index / 12)}-${two((index % 12) + 1)}`;
}

export function daysOf(month: string): string[] {
  const days: string[] = [];
  for (let day = `${month}-01`; day.startsWith(month); day = addDays(day, 1)) days.push(day);
  return days;
}

/** 0 is Monday. */
export const weekdayOf = (day: string): number => (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7;

/** Weeks from Monday to Sunday; null where a day belongs to another month. */
export function weeksOf(month: string): (string | null)[][] {
  const days: (string | null)[] = daysOf(month);
  const first = weekdayOf(`${month}-01`);
  const cells = [...Array<null>(first).fill(null), ...days];
  while (cells.length % 7 !== 0) cells.push(null);
  return Array.from({ length: cells.length / 7 }, (_, week) => cells.slice(week * 7, week * 7 + 7));
}

/** One day as the calendar judged it. */
export interface DayPlan {
  readonly day: string;
  /** What decided: not the breaks within it. */
  readonly judged: Judged;
  readonly detail: string;
  readonly hours: Span[];
  readonly yearMissing: boolean;
  /** Several calendars judged it: hours were changed in the course of the day. */
  readonly mixed: boolean;
}

/** A range's pieces by day. Days that the pieces do not touch are not there. */
export function plans(pieces: readonly PieceDto[], zone: string): Map<string, DayPlan> {
  const byDay = new Map<string, { from: number; to: number; piece: PieceDto }[]>();
  for (const piece of pieces) {
    let at = Date.parse(piece.from);
    const end = Date.parse(piece.to);
    while (at < end) {
      const day = dayIn(zone, at);
      const midnight = momentIn(zone, addDays(day, 1));
      const to = Math.min(end, midnight > at ? midnight : end);
      const list = byDay.get(day) ?? [];
      list.push({ from: at, to, piece });
      byDay.set(day, list);
      at = to;
    }
  }
  return new Map([...byDay].map(([day, list]) => [day, planOf(day, list, zone)]));
}

const SAYS_LITTLE: readonly Judged[] = ["break", "closed", "no_calendar", "retired"];

/** The piece that says why a day is as it is. Where a calendar was changed in the course of the day: what it came to. */
export function decisive<T extends Pick<PieceDto, "judged">>(pieces: readonly T[]): T | undefined {
  return pieces.findLast((one) => !SAYS_LITTLE.includes(one.judged)) ?? pieces.findLast((one) => one.judged === "closed") ?? pieces[0];
}

function planOf(day: string, list: { from: number; to: number; piece: PieceDto }[], zone: string): DayPlan {
  const due = list.filter(({ piece }) => piece.due === true);
  const word = decisive(list.map(({ piece }) => piece));
  const judged = new Set(list.map(({ piece }) => piece.judged).filter((one) => one !== "break" && one !== "closed"));
  return {
    day,
    judged: word?.judged ?? "no_calendar",
    detail: word?.detail ?? "",
    hours: due.map(({ from, to }) => [clockIn(zone, from), endIn(zone, to)]),
    yearMissing: list.some(({ piece }) => piece.year_missing),
    mixed: judged.size > 1,
  };
}

/** `9`, `930`, `0930`, `9:30`, `9：30` → `09:30`; null for what is no time of day. */
export function clockOf(text: string): string | null {
  const plain = text.trim().replace("：", ":").replace(".", ":");
  const match = /^(\d{1,2}):(\d{1,2})$/.exec(plain) ?? /^(\d{1,2})(\d{2})$/.exec(plain) ?? /^(\d{1,2})()$/.exec(plain);
  if (match === null) return null;
  const hour = Number(match[1]);
  const minute = Number(match[2] ?? 0);
  return minute < 60 && hour * 60 + minute <= 1440 ? `${two(hour)}:${two(minute)}` : null;
}

export type HoursFault = "badTime" | "endsFirst" | "overlap" | "tooMany" | "makeupMissing";

const minuteOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** Why these pieces of a day cannot be; null: they can. The hub checks again. */
export function faultOf(pieces: readonly Span[]): HoursFault | null {
  if (pieces.length > MAX_PIECES) return "tooMany";
  let last = -1;
  for (const [from, to] of pieces) {
    if (clockOf(from) !== from || clockOf(to) !== to) return "badTime";
    if (minuteOf(to) <= minuteOf(from)) return "endsFirst";
    if (minuteOf(from) < last) return "overlap";
    last = minuteOf(to);
  }
  return null;
}

/** Monday to Friday are alike: a make-up day is then one of them. */
export const alike = (hours: HoursDto): boolean => new Set(WEEKDAYS.slice(0, 5).map((day) => JSON.stringify(hours.weekly[day] ?? []))).size === 1;

/** The first fault of the whole, with where it is. */
export function hoursFault(hours: HoursDto): { fault: HoursFault; where: Weekday | "makeup" | "holiday" } | null {
  for (const day of WEEKDAYS) {
    const fault = faultOf(hours.weekly[day] ?? []);
    if (fault !== null) return { fault, where: day };
  }
  const observed = (hours.holidays ?? "observed") === "observed";
  if (observed && (hours.makeup ?? null) === null && !alike(hours)) return { fault: "makeupMissing", where: "makeup" };
  for (const [where, pieces] of [["makeup", hours.makeup ?? []], ["holiday", hours.holiday ?? []]] as const) {
    const fault = faultOf(pieces);
    if (fault !== null) return { fault, where };
  }
  return null;
}

export const spanText = (pieces: readonly Span[]): string => pieces.map(([from, to]) => `${from}–${to}`).join("  ");
