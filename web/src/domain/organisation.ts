/** The organisation as rows, and where a unit may hang. Pure. */
import { covers } from "./alarms";

export interface OrgUnit {
  readonly id: string;
  readonly name: string;
  readonly parent: string | null;
}

export interface OrgRow<U extends OrgUnit> {
  readonly unit: U;
  readonly depth: number;
  /** Units right below it. */
  readonly below: number;
}

const MAX_DEPTH = 16;

/** Every unit below its parent, in the hub's order. Units whose parent is not seen stand at the top. */
export function orgRows<U extends OrgUnit>(units: readonly U[]): OrgRow<U>[] {
  const ids = new Set(units.map((one) => one.id));
  const children = new Map<string, U[]>();
  const tops: U[] = [];
  for (const one of units) {
    if (one.parent === null || !ids.has(one.parent)) tops.push(one);
    else children.set(one.parent, [...(children.get(one.parent) ?? []), one]);
  }
  const rows: OrgRow<U>[] = [];
  const walk = (unit: U, depth: number): void => {
    const below = children.get(unit.id) ?? [];
    rows.push({ unit, depth, below: below.length });
    if (depth < MAX_DEPTH) for (const one of below) walk(one, depth + 1);
  };
  for (const top of tops) walk(top, 0);
  return rows;
}

/** A unit goes below another one, but not below itself, and not to where it is. */
export function mayMove(units: readonly (OrgUnit & { retired?: boolean })[], unit: string, to: string): boolean {
  const one = units.find((each) => each.id === unit);
  const place = units.find((each) => each.id === to);
  if (one === undefined || place === undefined || one.parent === null || one.parent === to) return false;
  return place.retired !== true && !covers(units, unit, to);
}

/** An id for a new unit that is free: of the name's letters where it has any, else of its kind. */
export function freeUnitId(name: string, kind: string, taken: ReadonlySet<string>): string {
  const plain = name.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  const stem = /^[a-z0-9][a-z0-9-]+$/.test(plain) ? plain : kind;
  if (stem === plain && !taken.has(stem)) return stem;
  for (let n = 1; ; n++) {
    const id = `${stem}-${String(n).padStart(2, "0")}`;
    if (!taken.has(id)) return id;
  }
}

/** Where a rule comes from: the nearest unit, upwards, that sets it; null where none does. A `null` that is set hides what holds above. */
export function ruleFrom<U extends OrgUnit & { readonly rules: Readonly<Record<string, unknown>> }>(units: readonly U[], unit: string, name: string): { value: unknown; from: U } | null {
  const byId = new Map(units.map((one) => [one.id, one]));
  let at = byId.get(unit);
  for (let steps = 0; at !== undefined && steps <= MAX_DEPTH; steps++) {
    if (Object.hasOwn(at.rules, name)) return { value: at.rules[name], from: at };
    at = at.parent === null ? undefined : byId.get(at.parent);
  }
  return null;
}
