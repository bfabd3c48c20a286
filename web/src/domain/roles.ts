/** Roles, and what is to be said before they are given: the hub decides (docs/design/people.md). Pure. */
export const ROLES = ["watcher", "hall_admin", "inspector", "archivist", "approver", "auditor", "officer", "engineer", "account_admin", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who holds one of these sees no picture, whatever else they are. */
export const WITHOUT_PICTURES: readonly Role[] = ["engineer", "account_admin"];
/** Roles that by themselves see pictures: live, recorded, or an alarm's. */
const SEES: readonly Role[] = ["watcher", "hall_admin", "inspector", "archivist", "approver"];

export type RoleNote = "pictures_lost" | "no_pictures" | "assistant_officer" | "no_certificate" | "admin" | "none";

/** What follows from these roles together that somebody might not expect. */
export function roleNotes(roles: readonly Role[], person: { assistant: boolean; certificate: string }): RoleNote[] {
  const notes: RoleNote[] = [];
  if (roles.length === 0) notes.push("none");
  const admin = roles.includes("admin");
  if (admin) notes.push("admin");
  else if (roles.some((one) => WITHOUT_PICTURES.includes(one))) notes.push(roles.some((one) => SEES.includes(one) || one === "officer") ? "pictures_lost" : "no_pictures");
  if (roles.includes("officer") && person.assistant) notes.push("assistant_officer");
  if (roles.includes("officer") && !person.assistant && person.certificate.trim() === "") notes.push("no_certificate");
  return notes;
}

/** Why a box cannot be ticked or cleared: one's own roles never; admin by an admin alone. */
export function roleLocked(role: Role, own: boolean, granterIsAdmin: boolean): "own" | "admin_only" | "" {
  if (own) return "own";
  return role === "admin" && !granterIsAdmin ? "admin_only" : "";
}

export interface PersonFilter {
  text: string;
  role: string;
  /** "active", "inactive" or "". */
  active: string;
}

export interface Listed {
  readonly username: string;
  readonly name: string;
  readonly certificate: string;
  readonly roles: readonly Role[];
  readonly active: boolean;
}

/** Whether a person is shown; several words must all be found. */
export function personFits(person: Listed, filter: PersonFilter): boolean {
  if (filter.role !== "" && !(filter.role === "none" ? person.roles.length === 0 : person.roles.includes(filter.role as Role))) return false;
  if (filter.active !== "" && person.active !== (filter.active === "active")) return false;
  const text = `${person.name} ${person.username} ${person.certificate}`.normalize("NFKC").toLowerCase();
  return filter.text.normalize("NFKC").toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
