/** An activity's words as a form has them, and what of them is sent. Pure. */
import { documentsOf } from "@/domain/activities";

import type { ActivityDto, ActivityWords } from "./api";
import type { OfficerDraft } from "./OfficerFields.vue";

export interface Draft {
  officers: OfficerDraft[];
  recorder: string;
  party: string;
  party_present: boolean;
  cause: string;
  case_number: string;
  documents: string;
  place: string;
  matter: string;
  mode: "" | "full" | "key_steps";
}

export const emptyDraft = (): Draft => ({
  officers: [{ name: "", certificate: "", assistant: false }], recorder: "", party: "", party_present: false, cause: "", case_number: "", documents: "", place: "", matter: "", mode: "",
});

export const draftOf = (one: ActivityDto): Draft => ({
  officers: one.officers.map(({ name, certificate, assistant }) => ({ name, certificate, assistant })),
  recorder: one.recorder, party: one.party, party_present: one.party_present, cause: one.cause, case_number: one.case_number,
  documents: one.documents.join("\n"), place: one.place, matter: one.matter, mode: one.mode,
});

const named = (draft: Draft): OfficerDraft[] => draft.officers.filter((one) => one.name !== "" || one.certificate !== "");
export const lacksName = (draft: Draft): boolean => named(draft).some((one) => one.name === "");

/** Of a new one: what was written. */
export function wordsOf(draft: Draft): ActivityWords {
  const { recorder, mode, party, party_present, cause, case_number, place, matter } = draft;
  const words: ActivityWords = { officers: named(draft), party, party_present, cause, case_number, documents: documentsOf(draft.documents), place, matter };
  if (recorder !== "") words.recorder = recorder;
  if (mode !== "") words.mode = mode;
  return words;
}

/** Of one that is there: only what is otherwise than before. */
export function amended(before: ActivityDto, draft: Draft): ActivityWords {
  const was = wordsOf(draftOf(before)) as Record<string, unknown>;
  const now = wordsOf(draft) as Record<string, unknown>;
  const found = Object.fromEntries(Object.entries(now).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(was[key]))) as ActivityWords;
  if (found.officers !== undefined && draft.recorder !== "") found.recorder = draft.recorder; // who records is one of those who are named now
  return found;
}
