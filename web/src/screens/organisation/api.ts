/** The calls of units and people. */
import { call } from "@/api/http";
import type { UnitDto } from "@/api/hub";
import type { Role } from "@/domain/roles";

export type UnitKind = NonNullable<UnitDto["kind"]>;
export const UNIT_KINDS: readonly UnitKind[] = ["bureau", "brigade", "hall", "office", "entrusted"];
export type Rules = Record<string, unknown>;

export interface UnitFull extends UnitDto {
  kind: UnitKind;
  retired: boolean;
  rules: Rules;
}

const unit = (id: string): string => `/api/units/${encodeURIComponent(id)}`;
const person = (username: string): string => `/api/people/${encodeURIComponent(username)}`;

export const listUnitsFull = (): Promise<UnitFull[]> => call("/api/units");
export const addUnit = (body: { id: string; name: string; parent: string; kind: UnitKind }): Promise<UnitFull> => call("/api/units", { method: "POST", body });
export const changeUnit = (id: string, body: { name?: string; parent?: string; kind?: UnitKind; retired?: boolean; rules?: Rules }): Promise<UnitFull> => call(unit(id), { method: "PATCH", body });
export const removeUnit = (id: string): Promise<void> => call(unit(id), { method: "DELETE" });

export interface PersonDto {
  username: string;
  name: string;
  unit: string;
  certificate: string;
  assistant: boolean;
  roles: Role[];
  active: boolean;
  must_change_password: boolean;
  created_at: string;
}

export interface PersonFields {
  name: string;
  unit: string;
  certificate: string;
  assistant: boolean;
  roles: Role[];
}

export const listPeople = (): Promise<PersonDto[]> => call("/api/people");
export const addPerson = (body: PersonFields & { username: string }): Promise<PersonDto & { password: string }> => call("/api/people", { method: "POST", body });
export const changePerson = (username: string, body: Partial<PersonFields> & { active?: boolean }): Promise<PersonDto> => call(person(username), { method: "PATCH", body });
export const resetPassword = (username: string): Promise<{ password: string }> => call(`${person(username)}/password`, { method: "POST" });
