import type zh from "./records.zh";

const en: typeof zh = {
  clip: {
    title: "Clip", length: "Length", hint: "Press I where it begins and O where it ends; then export it or keep it.", play: "Play from the begin", clear: "Clear", of: "Stream",
    export: "Export", hold: "Keep (hold)", noRight: "You may neither export nor keep footage.",
  },
  note: { time: "Time", matter: "Matter", place: "Place", method: "Method", officers: "Officers" },
  export: {
    asked: "Asked for; another person must approve it.", toList: "To the exports", prefilled: "Filled in from the activity “{from}”: please check.", needed: "needed", officersHint: "One a line, with certificate number", methodHint: "For example: recorded as a whole",
    reason: "Why it is exported", recipient: "Recipient", movie: "With a playable movie", second: "Another person must approve it. Who exports, for whom and when goes into the ledger.", submit: "Ask for the export",
  },
  hold: {
    lead: "Footage under a hold is not deleted at the end of its term, until somebody releases it.", reason: "Case", text: "What happened", sayWhat: "Say what happened where the case is “other”.", submit: "Keep it", placed: "It is kept.", toList: "To the holds",
    deleted: "Some of this time was deleted at the end of its term before.",
  },
  reason: {
    objection: "Objection of a party", complaint: "Complaint", petition: "Petition", evasion: "Evasion", refusal: "Refusal", obstruction: "Obstruction", verbal_abuse: "Verbal abuse", insult: "Insult", assault: "Assault",
    mass_incident: "Mass incident", emergency: "Emergency", other: "Other grave case",
  },
  exports: {
    title: "Exports", mine: "Mine", all: "All", none: "No exports yet.", noneHow: "Mark begin and end in playback, then choose “Export”.", by: "asked by {by}, {at}", progress: "Progress", approvedBy: "Approved by", rejectedBy: "Rejected by",
    problem: "Remark", waits: "Waits for another person: nobody approves their own.", waitsOther: "Waits for somebody who may approve.", download: "Download", whyNot: "Why not", approve: "Approve", reject: "Reject", remove: "Delete files", giveUp: "Withdraw", again: "Try again",
    state: { requested: "to be approved", approved: "approved", running: "being packed", ready: "ready", failed: "failed", rejected: "rejected", cancelled: "withdrawn", removed: "files deleted" },
  },
  holds: {
    title: "Holds", none: "There are none of these.", noneHow: "Mark begin and end in playback, then choose “Keep”.", notCopied: "on no disc yet", copied: "copied to {medium} ({label}), {by} · {at}",
    released: "released by {by}, {at}", why: "Why it ends", medium: "Medium", label: "Written on it", sha256: "SHA-256 (if known)", release: "Release", copiedDo: "Was copied to a disc",
    state: { in_force: "in force", not_copied: "not copied", released: "released", all: "all" },
  },
};

export default en;
