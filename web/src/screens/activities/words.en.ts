import type zh from "./words.zh";

/** Words of the screen in English: every key of the original. */
export default {
  title: "Activities", count: "{count} shown", more: "Show more", begin: "Enter an activity", orphans: "Findings and orphans", clear: "Clear filters", any: "Any",
  unit: "Brigade (unit)", device: "Device number", officer: "Officer", officerHint: "Name or certificate", time: "Time of use", from: "Time of use from", to: "before", party: "Party", cause: "Cause of action", case: "Case or document number",
  caseShort: "Case number", modeLabel: "Mode", storageLabel: "Storage", findingLabel: "Finding", began: "Time of use", where: "Unit and device", state: "State", lasts: "in progress", today: "Today", week: "7 days", month: "30 days", more6: "More filters",
  mode: { full: "Whole", key_steps: "Key steps" },
  modeLong: { full: "Whole course recorded", key_steps: "Key steps recorded" },
  storage: { recording: "In progress", due: "Backfill due", overdue: "Storage overdue", exempt: "Extended, not back yet", stored: "Stored" },
  finding: {
    no_officers: "No officers", only_assistants: "Assistants only", no_recorder: "Nobody named who records", recorder_is_assistant: "An assistant records", no_certificate_shown: "Certificate not marked as shown",
    no_notice: "Party present, notice not marked", unexplained: "Unexplained interruption", storage_overdue: "Storage overdue", no_footage: "Entered, but no footage", no_activity: "Records outside of any activity",
  },
  advice: {
    no_officers: "Amend it: name the officers with their certificates.", only_assistants: "Assistants cannot act alone: add the officers.", no_recorder: "Who acts, records: say which officer recorded.",
    recorder_is_assistant: "Who acts, records: let an officer record, or amend it.", no_certificate_shown: "If it was shown, mark the moment afterwards; otherwise the finding stays.",
    no_notice: "If it was given, mark the moment; if no party was present, amend it.", unexplained: "Open the interruption below: bring the footage, or explain it.", storage_overdue: "Bring the footage at once; if it could not be stored in time, enter an extension.",
    no_footage: "Bring the device's own recording; if the entry is wrong, amend it with the reason.", no_activity: "Enter the activity, or have the recording ended.",
  },
  none: "No activity fits", noneHint: "Ask for less: a shorter word, a longer time.", noneEver: "No activity was entered yet", noneEverHint: "A recorder enters one when it begins; who may can also enter one here, now or afterwards.",
  back: "Back to activities", notFound: "There is no such activity, or you may not see it.", who: "Officers", assistant: "assistant", records: "records", noOfficers: "not entered", place: "Place", matter: "Matter", partyPresent: "present", partyAbsent: "not present", documents: "Documents", recorderDevice: "Recorder",
  enteredBy: "Entered by", lasted: "Length", deadline: "Storage deadline", deadlineNone: "runs from the end", deadlineReturn: "runs from the return", none1: "–", openIn: "Open in playback", onMap: "Track on the map", liveNow: "Live picture",
  line: "Time line and marks", lineHint: "Choose a mark or an interruption to play from that moment.", marksNone: "No marks yet", cutsNone: "No interruption in this time", cuts: "Interruptions in it", playFrom: "Play from {time}",
  mark: { certificate_shown: "Certificate shown", notice: "Notice given", key: "Key mark", free: "Other mark" },
  sign: { certificate_shown: "C", notice: "N", key: "◆", free: "·" },
  addMark: "Mark", markAt: "Moment", markNow: "Now if left empty", markText: "Note (optional)", markKind: "Kind of mark", markedBy: "marked by {by}", phrase: "Words of the notice",
  end: "End the activity", endAt: "Ended at", endSure: "End it", endHint: "Now if left empty. The storage deadline runs from the end.", endCancel: "Cancel",
  amend: "Amend", amendLead: "What was said before stays in the history; the amendment goes into the ledger.", reason: "Reason", amendSubmit: "Submit", nothing: "Nothing was changed.", cancel: "Cancel",
  history: "History", action: { begin: "Entered", amend: "Amended", mark: "Marked", end: "Ended", exempt: "Extension entered", returned: "Return entered", overdue: "Overdue, superior told" }, entry: "Ledger entry {seq}", hub: "the hub", was: "was",
  field: { mode: "Mode", officers: "Officers", recorder: "Who records", party: "Party", party_present: "Party present", cause: "Cause", case_number: "Case number", documents: "Documents", place: "Place", matter: "Matter" },
  yes: "yes", no: "no", empty: "(empty)", findingsTitle: "Findings and what to do", findingsNone: "Nothing was found wrong", clause: "by {clause}",
  newTitle: "Enter an activity", newLead: "A device is in one activity at a time. For one entered afterwards, say when it began and ended.", stream: "Recorder", streamChoose: "Choose a device", when: "Time", now: "Begins now", afterwards: "Afterwards", startAt: "Began at", endedAt: "Ended at",
  officerName: "Name", officerCertificate: "Certificate", officerAdd: "Add an officer", officerRemove: "Remove", recorderIs: "records", officerPick: "From the register", partyIs: "A party or somebody concerned is present", documentsHint: "One number a line",
  submit: "Enter", missingStream: "Choose the recorder.", missingStart: "Afterwards: say when it began and ended, the end not before the begin.", missingReason: "Say why it is amended.", missingOfficer: "An officer needs a name.", modeDefault: "By the unit's rules",
  orphanTitle: "Findings and orphans", orphanLead: "Footage and written records belong together: footage without an entry, and entries without footage, are listed here.", recordsOnly: "Recording, but not entered", recordsOnlyNone: "No footage without an entry", recordsOnlyHint: "A device that records for two minutes outside of any activity appears here.",
  wordsOnly: "Entered, but no footage", wordsOnlyNone: "No entry without footage", wordsOnlyHint: "An activity that ended a minute ago and of which nothing was recorded appears here.", others: "Other findings", othersNone: "No other findings", othersHint: "Every activity is complete.", since: "since {time}", beginFor: "Enter", capped: "Only the newest {count} findings are listed; look at the rest by unit.",
  refused: { activity_open: "The device is in another activity at that time: end that one first.", bad_time: "The time is out of range: it must lie within the activity and not in the future.", bad_officers: "An officer is there twice, or the certificate is not theirs.", bad_recorder: "Who records must be one of the officers.", activity_ended: "It has ended already: reload.", nothing_to_change: "Nothing was changed.", bad_text: "Too long, or with characters that cannot be shown.", bad_query: "Too many officers or devices fit: be more precise.", stream_retired: "The device is retired.", unknown_activity: "There is no such activity, or you may not see it." },
} satisfies typeof zh;
