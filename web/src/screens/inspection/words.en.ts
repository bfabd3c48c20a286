import type zh from "./words.zh";

const en: typeof zh = {
  nav: "Inspection",
  title: "Inspection",
  pages: "Pages of inspection",
  tab: { inspection: "Figures", "inspection-samples": "Samples and ledger", "inspection-checks": "Chain check", "inspection-orders": "Orders to rectify" },
  unit: "Unit", from: "From", to: "To", quick: "Usual periods", week: "7 days", month: "This month", lastMonth: "Last month", badDays: "Choose the first and the last day, 366 days at most.",
  byUnit: "What is wrong, by unit, with what lies below it",
  number: {
    interruptions: "Inter\u00adruptions", unexplained: "Un\u00adexplained", overdue: "of these overdue", activities: "Activities", full_unexplained: "Full recording, unexplained break", no_notice: "No notice", no_certificate_shown: "No certificate shown",
    no_officers: "No officers", only_assistants: "Only assistants", storage_overdue: "Storage overdue", no_sound: "Windows without sound",
  },
  why: {
    interruptions: "Confirmed, begun in the period", unexplained: "Neither explained nor filled", overdue: "Past the deadline of the explanation", activities: "Begun in the period", full_unexplained: "A full recording with an interruption that is not explained",
    no_notice: "A party is present, and no notice is marked", no_certificate_shown: "No mark of the certificate being shown", no_officers: "No officers were entered", only_assistants: "Assistants alone", storage_overdue: "Not all stored in time", no_sound: "No sound track while due, by window and day",
  },
  counted: "Each number has what lies below the unit; open it to see each record that it counts. Interruptions count by their begin, in the unit of the device now; activities by their begin, in the unit of the begin.",
  leftOut: "{count} interruptions are not judged yet and not counted; reload in a while.",
  bulletin: "Bulletin (XLSX)",
  records: "{unit}: {what}", close: "Close", time: "Time", device: "Device", what: "What", play: "Play", noSoundOn: "No sound track on {day}", onlyNewest: "Only the newest {count}: choose a shorter period or a unit below.",
  draw: "Draw a sample", drawNow: "Draw", drawing: "Drawing…", cancel: "Cancel", population: "Drawn from", kind: { slots: "pieces of recording", activities: "activities", streams: "devices" },
  slot: "Length of a piece", minutes: "{count} minutes", onlyWith: "Only those with", any: "any", deviceKind: "Kind of device", size: "How many", seed: "Seed", seedOptional: "Seed (usually empty)", seedHint: "empty: drawn at random by the system",
  drawNote: "Every draw is written into the inspection ledger and cannot be taken back. A seed that was given is marked as such.", badDraw: "Check days and number: 1 to {most}.",
  noSamples: "No sample yet", noSamplesHint: "Choose “Draw a sample” to draw recordings of the unit at random, and look at each.", drawnAt: "Drawn", ofAll: "{count} in all", checked: "Checked", problems: "Problems", withProblems: "{count} with problems",
  sampleOf: "{unit}: sample of {kind}", origin: { drawn: "at random by the system", given: "given by hand" }, populationFile: "Download the population", paper: "Print (PDF)",
  again: "Anybody can draw this again", againHow: "Download the population and run this line where there is sha256sum: it must give the ids below.", shell: "To draw again", digest: "SHA-256 of the population", entry: "Ledger entry",
  reason: "spot check {id} item {number}",
  outcome: { pass: "In order", problem: "Problem" }, result: "Result", noOutcome: "Choose “In order” or “Problem”.", code: "Violation", pickCode: "Choose the violation…", noCode: "(none)", note: "Note", record: "Enter", change: "Correct", order: "Order to rectify", toOrders: "Show ›",
  newOrder: "Order to rectify", orderUnit: "Unit", until: "Until (end of that day)", orderWhat: "What must be put right", give: "Give the order", untilWhen: "until {time}", fromSample: "sample, item {number}", overdue: "overdue",
  orderState: { open: "To be put right", done: "Answered, to be closed", closed: "Closed" }, step: { done: "Done:", back: "Given back:", close: "Closed:" }, do: { done: "Say what was done", back: "Give back", close: "Close" }, doneHint: "What was done",
  shown: { todo: "Open", overdue: "Overdue", closed: "Closed" }, noOrders: { todo: "No open orders", overdue: "No overdue orders", closed: "No closed orders yet" }, noOrdersHint: "The inspector orders beside a result or here; the unit says here what was done.",
  checkNew: "New check", checkStart: "Start", checkRunning: "Checking…", allDevices: "All devices", devices: "{count} devices", allTime: "All the time", stop: "Stop",
  checkNote: "Chains, log, signatures and anchors are always checked whole; footage is hashed byte by byte for these devices and days, of the rest that the files are there with their length. It runs with the lowest priority and slows no recording.",
  noChecks: "No check yet", noChecksHint: "Choose unit and days, then start. The result is written into the inspection ledger.",
  checkState: { running: "Checking", failed: "It did not come to an end", cancelled: "Stopped", done: "Done" }, exit: { 0: "Verified", 1: "Not verified", 2: "Cannot be judged" },
  axis: {
    integrity: "Integrity", completeness: "Completeness", provenance: "Provenance", time: "Time",
    integrityWords: { ok: "Nothing was altered", ok_with_missing_parts: "Not altered, but parts are missing", not_ok: "Altered", cannot_be_judged: "Cannot be judged" },
    completenessWords: { contiguous: "Without a break", declared_interruptions: "Interruptions, all declared", backfilled: "Interruptions, filled later", tombstoned: "Parts lawfully deleted", undeclared_break: "A break that nothing declares", cannot_be_judged: "Cannot be judged" },
    provenanceWords: { none: "None: no signature was verified", hub_key: "Signed with the hub's key", certified_key: "Signed with a certified key", signed_by_device: "Signed by the device" },
    timeWords: { none: "None", hub_clock: "The hub's own clock", witness: "A witness", timestamp_authority: "A timestamp authority" },
  },
  looked: "{entries} entries, {chunks} chunks, {mb} MB of footage in {s} s", findings: "{count} findings", hidden: "{count} more are of other units and not shown.", unchecked: "Not checked, and notes ({count})", proof: "Checkpoint and key",
  outside: "How an outsider checks for themselves", outsideLead: "Here the hub judges itself. Who does not trust it checks on a machine of their own, with the key as received by another way:",
  outsideVerify: "A copy of the data folder, or a package:", outsideAudit: "Follow the hub's open log:", outsideKey: "The key is handed out at installation; the one shown here is to compare with.",
  refused: {
    bad_seed: "A seed is 8 to 64 letters, digits or . _ -.", population_empty: "Nothing was recorded there in that time: choose another unit or a longer period.", population_too_large: "More than 100,000: choose a shorter period or longer pieces.", bad_range: "Check the days.",
    code_missing: "Choose the violation of a problem.", what_missing: "Say what must be put right.", bad_until: "Choose a day to come, within a year.", note_missing: "Write a note first.", order_state: "Somebody was faster: reload to see it.", check_running: "Another check is running: wait for it or stop it.", bad_population: "Check what is drawn from.",
    population_altered: "The population's file was altered and is of no use.",
  },
};

export default en;
