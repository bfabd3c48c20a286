/** Walls and layouts as the hub keeps them (GET /api/openapi.json, docs/design/walls.md). */
import { call } from "@/api/http";
import { type Arrangement, arranged, trimmed } from "@/domain/arrangement";
import type { CyclePlan } from "@/domain/cycle";

export interface CycleDto {
  every_s: number;
  unit: string;
  steps: Arrangement[];
  paused: boolean;
}

export interface SceneDto {
  arrangement: Arrangement;
  cycle: CycleDto | null;
}

export interface WallDto {
  id: string;
  name: string;
  unit: string;
  scene: SceneDto;
  revision: number;
  changed_by: string;
  changed_at: string;
}

export interface LayoutDto {
  id: string;
  name: string;
  owner: string;
  /** Shared in it; empty: the owner's alone. */
  unit: string;
  arrangement: Arrangement;
  changed_by: string;
  changed_at: string;
}

const one = (kind: "walls" | "layouts", id: string): string => `/api/${kind}/${encodeURIComponent(id)}`;

export const listWalls = (): Promise<WallDto[]> => call("/api/walls");
export const showWall = (id: string): Promise<WallDto> => call(one("walls", id));
export const removeWall = (id: string): Promise<void> => call(one("walls", id), { method: "DELETE" });

/** `revision`: the one that was seen, 0 for a new wall; the hub refuses when another was faster. */
export const putWall = (wall: Pick<WallDto, "id" | "name" | "unit" | "scene" | "revision">): Promise<WallDto> =>
  call(one("walls", wall.id), { method: "PUT", body: { name: wall.name, unit: wall.unit, scene: wall.scene, revision: wall.revision } });

export const listLayouts = (): Promise<LayoutDto[]> => call("/api/layouts");
export const removeLayout = (id: string): Promise<void> => call(one("layouts", id), { method: "DELETE" });

type LayoutDraft = Pick<LayoutDto, "name" | "unit" | "arrangement">;
const draft = ({ name, unit, arrangement }: LayoutDraft): LayoutDraft => ({ name, unit, arrangement: trimmed(arrangement) });
export const addLayout = (layout: LayoutDraft): Promise<LayoutDto> => call("/api/layouts", { method: "POST", body: draft(layout) });
export const putLayout = (id: string, layout: LayoutDraft): Promise<LayoutDto> => call(one("layouts", id), { method: "PUT", body: draft(layout) });

export function sceneOf(arrangement: Arrangement, plan: CyclePlan | null): SceneDto {
  const cycle = plan === null ? null : { every_s: plan.everyS, unit: plan.unit, steps: plan.steps.map(trimmed), paused: plan.paused };
  return { arrangement: trimmed(arrangement), cycle };
}

export function planOf(scene: SceneDto): CyclePlan | null {
  const { cycle, arrangement } = scene;
  if (cycle === null) return null;
  const steps = cycle.steps.map((step) => arranged(step.split, step.places));
  return { everyS: cycle.every_s, unit: cycle.unit, steps, split: arrangement.split, paused: cycle.paused };
}

/** Where a window shows that wall and nothing else. */
export const wallAddress = (id: string): string => `${location.origin}${location.pathname}#/wall/${encodeURIComponent(id)}`;
