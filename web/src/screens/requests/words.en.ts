import type zh from "./words.zh";

const en: typeof zh = {
  nav: "Requests to look",
  title: "Requests to look",
  dialogTitle: "To look at recordings, say why",
  lead: "Looking at recordings takes a reason, which is kept in the ledger; beyond your standing grant it also takes an approval.",
  streams: "Devices",
  range: "Period",
  reason: "Reason",
  choice: { complaint: "Complaint under review", case: "Work on a case", quality: "Quality inspection", other: "Other" },
  text: "In more words",
  textHint: "Case number, number of the complaint, …",
  textHintOther: "Say what it is",
  missing: "Choose a reason; for “Other” write what it is.",
  adminHint: "An administrator may leave it empty; the ledger then says that no reason was given.",
  submit: "Ask and look",
  cancel: "Cancel",
  close: "Close, come back later",
  again: "Ask anew",
  waiting: "Asked; waiting for approval",
  waitingHint: "Playing begins here by itself once the head of the unit has approved. You may close this window: the decision is shown under “Requests to look”.",
  waitsUntil: "Waits until {time}; what nobody decides by then lapses",
  refusedTitle: "Not approved",
  refusedBy: "Refused by {by}, {time}",
  endedTitle: "The request has lapsed",
  asking: "Looking for an approval that you have…",
};

export default en;
