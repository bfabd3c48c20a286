/** The device tree: organisation → unit → device, with what is going on below each unit. Pure. */
import type { StreamDto, StreamState } from "@/api/types";

export interface TreeUnit {
  readonly id: string;
  readonly name: string;
  readonly parent: string | null;
}

/** How many of each state, of a unit and everything below it. */
export type Counts = Readonly<Record<StreamState, number>> & { readonly all: number };

export interface UnitNode {
  readonly unit: TreeUnit;
  readonly units: readonly UnitNode[];
  readonly streams: readonly StreamDto[];
  readonly counts: Counts;
}

export type TreeRow =
  | { readonly kind: "unit"; readonly key: string; readonly depth: number; readonly node: UnitNode; readonly open: boolean }
  | { readonly kind: "device"; readonly key: string; readonly depth: number; readonly stream: StreamDto };

const ROOT = "root";
type Tally = Record<StreamState, number> & { all: number };
const zero = (): Tally => ({ live: 0, suspected: 0, interrupted: 0, waiting: 0, idle: 0, off_duty: 0, all: 0 });

/**
 * Units whose parent this person does not see stand at the top. Streams of a unit that they do not see, too, in a node
 * without a name; it is left out where there are none. Units stay in the hub's order, as do streams.
 */
export function buildTree(units: readonly TreeUnit[], streams: readonly StreamDto[]): UnitNode[] {
  const known = new Set(units.map((one) => one.id));
  const below = grouped(units, (one) => (one.parent !== null && known.has(one.parent) ? one.parent : ""));
  const within = grouped(streams, (one) => {
    const unit = one.unit === undefined || one.unit === "" ? ROOT : one.unit;
    return known.has(unit) ? unit : "";
  });
  const seen = new Set<string>();

  function node(unit: TreeUnit): UnitNode {
    seen.add(unit.id);
    const children = (below.get(unit.id) ?? []).filter((one) => !seen.has(one.id)).map(node);
    const own = within.get(unit.id) ?? [];
    const counts = zero();
    for (const stream of own) count(counts, stream.status.state, 1);
    for (const child of children) for (const state of Object.keys(counts) as (keyof Tally)[]) counts[state] += child.counts[state];
    return { unit, units: children, streams: own, counts };
  }

  const roots = (below.get("") ?? []).map(node);
  const strays = within.get("") ?? [];
  return strays.length === 0 ? roots : [...roots, node({ id: "", name: "", parent: null })];
}

function grouped<T>(list: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const group = groups.get(key(one));
    if (group === undefined) groups.set(key(one), [one]);
    else group.push(one);
  }
  return groups;
}

function count(counts: Tally, state: StreamState, by: number): void {
  counts[state] += by;
  counts.all += by;
}

const plain = (text: string): string => text.normalize("NFKC").toLowerCase().trim();

/** The rows that are to be seen, top to bottom. A search opens what it finds and leaves out the rest. */
export function rowsOf(roots: readonly UnitNode[], isOpen: (unit: string) => boolean, search = ""): TreeRow[] {
  const words = plain(search).split(/\s+/).filter((one) => one !== "");
  const rows: TreeRow[] = [];

  const found = (text: string): boolean => words.every((word) => plain(text).includes(word));

  /** True when anything of it is shown. */
  function walk(node: UnitNode, depth: number, within: boolean): boolean {
    const all = within || (words.length > 0 && found(node.unit.name));
    const open = words.length > 0 || isOpen(node.unit.id);
    const at = rows.length;
    rows.push({ kind: "unit", key: `unit:${node.unit.id}`, depth, node, open });
    let any = all || words.length === 0;
    if (open) {
      for (const unit of node.units) any = walk(unit, depth + 1, all) || any;
      for (const stream of node.streams) {
        if (words.length > 0 && !all && !found(`${stream.name} ${stream.id} ${node.unit.name}`)) continue;
        rows.push({ kind: "device", key: `device:${stream.id}`, depth: depth + 1, stream });
        any = true;
      }
    }
    if (!any) rows.length = at;
    return any;
  }

  for (const root of roots) walk(root, 0, false);
  return rows;
}

/** The streams of a unit and below it, in the tree's order. */
export function streamsBelow(roots: readonly UnitNode[], unit: string): StreamDto[] {
  const collect = (node: UnitNode): StreamDto[] => [...node.streams, ...node.units.flatMap(collect)];
  for (const root of roots) {
    if (root.unit.id === unit) return collect(root);
    const found = streamsBelow(root.units, unit);
    if (found.length > 0) return found;
  }
  return [];
}

/** The row of what one is inside of: a device's unit, a unit's parent. */
export function parentRow(rows: readonly TreeRow[], index: number): number {
  const depth = rows[index]?.depth ?? 0;
  for (let i = index - 1; i >= 0; i--) if ((rows[i]?.depth ?? 0) < depth) return i;
  return index;
}

/** Which rows of a long list are near the part in sight. */
export function windowOf(scrollTop: number, height: number, rowHeight: number, total: number, margin = 8): { from: number; to: number } {
  if (rowHeight <= 0) return { from: 0, to: Math.min(total, 50) };
  const from = Math.max(0, Math.floor(scrollTop / rowHeight) - margin);
  return { from: Math.min(from, total), to: Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + margin) };
}
