import type zh from "./office.zh";

const en: typeof zh = {
  nav: { watch: "On watch", answer: "Follow up", look: "Look up", set: "Set up", run: "Operate", more: "More", label: "Main", interruptions: "Interruptions", overdue: "To do", alarms: "Alarms", openAlarms: "{count} not settled" },
  office: { loading: "Loading…", again: "Try again", lost: "The hub is out of reach: this page may be stale, and sending will fail. Reconnecting…" },
  left: { days: "{days} d {hours} h", hours: "{hours} h {minutes} min", minutes: "{minutes} min", left: "{time} left", late: "{time} overdue" },
  followup: {
    none: "Nothing asked", open: "Lasting", reported: "Reported", awaiting: "Unexplained", partly_backfilled: "Partly backfilled", backfilled: "Backfilled",
    explained: "Explained", overdue: "Overdue", exempt: "Exempt", closed: "Closed", withdrawn: "Withdrawn",
  },
  how: { backfilled: "footage", spoken: "a spoken explanation", written: "a written statement", paper: "a statement on paper", exempt: "an exemption" },
  finding: { not_resumed: "Never resumed", no_spoken_explanation: "No spoken explanation", late: "Explained late" },
  reason: {
    device_fault: "Device fault", weather: "Weather", no_signal: "No network", no_power: "Battery empty", no_storage: "Storage full",
    obstructed: "Obstructed", emergency: "Emergency", maintenance: "Maintenance", other: "Other",
  },
  one: {
    back: "Back to the interruptions", notFound: "There is no such interruption, or you may not see it. A suspicion has a record only once it is confirmed.",
    place: "Place", began: "Began", ended: "Resumed", running: "Not yet", lasted: "Lasted", count: "Breaks",
    deadline: "Explain by", closed: "Closed", id: "Record", picture: "The picture when it was found",
  },
  needs: {
    title: "What it still needs", any: "Any one of these is enough; with it, it can be closed.", late: "It is overdue: any one of these still explains it, with the finding “explained late”.",
    resume: "The recording has not come back: report it now, and explain it aloud after the resume.", footage: "the device's own footage of the whole time (backfill);",
    spoken: "the reason, said aloud after the resume and marked in the playback (spoken explanation);",
    written: "a written statement that {count} officers sign (different certificates; assistants do not count).", writtenWindow: "a written statement that the hall's administrator signs.",
    noRight: "You may look; officers or the hall's administrator explain it.",
    none_none: "This one is on record only. No explanation is asked for.", none_explained: "It is explained. Who is on duty closes it.", none_closed: "Closed. Nothing is left to do.", none_withdrawn: "Withdrawn: there was no interruption.",
  },
  form: { report: "Report", spoken: "Spoken", written: "Written", backfill: "Backfill", close: "Close" },
  report: {
    lead: "Whoever cannot record reports it at once. A report does not explain it.", reason: "Reason", choose: "Choose a reason", text: "Details (needed for “other”)",
    submit: "Report now", missingReason: "Choose a reason.", missingText: "Say what the other reason is.",
    done: "Reported. Superiors have been told.", doneOther: "Reported, but with another interruption of this device: this one ended too long ago.",
  },
  clip: {
    lead: "The recording came back at {time}. Choose where the reason is said: it begins within 10 minutes of that, lasts 1 to 120 s, and somebody speaks in it.",
    play: "▶ Open the playback and mark it", noPlayback: "You have no access to playback: enter seconds after the resume. The hub listens for speech by itself.",
    from: "From (s after the resume)", to: "To (s after the resume)", chosen: "Chosen: {from} – {to}", submit: "Send as explanation", listening: "Listening…",
    done: "Sent: speech was heard in it.", markFrom: "It begins here", markTo: "It ends here",
    beforeResume: "It must begin after the resume.", tooLate: "It must begin within 10 minutes (600 s) of the resume.", tooShort: "Enter begin and end, at least 1 s apart.", tooLong: "At most 120 s.",
  },
  written: {
    title: "Written statements", lead: "Say when, why and what was done. Its words are fixed then. {count} officers sign, each signed in themselves; the writer signs first or not at all.",
    leadWindow: "Say when, why and what was done. Its words are fixed then. The hall's administrator signs it.", text: "Statement",
    placeholder: "For example: at 11:20 the battery was empty; it was changed, and recording went on at 11:26.", submit: "Fix the words and make the digest",
    tooShort: "At least 5 characters.", signOnly: "Sign the statement below.", by: "Written by {name} · {time}", complete: "Fully signed", progress: "Signed {done} / {needed}",
    noText: "Its words could not be read, so it cannot be signed: reload the page. If that does not help, the engineer runs hub verify.", digest: "SHA-256 digest", signedBy: "Signature {n}: {name} · {time}", certificate: "Certificate",
    open: "to be signed", signAs: "Sign as {name}: enter your password again", sign: "I have read it. Sign", missingPassword: "Enter your password once more to sign.",
    second: "It waits for another officer: they sign in on their own machine, open this address, compare the digest and sign. This page shows it by itself; you stay signed in.", address: "This page's address",
  },
  cannotSign: {
    noRight: "You may not sign; officers or the hall's administrator do.", signed: "You have signed. The other signature is another person's.", writerSecond: "The writer signs first or not at all: now another officer must sign.",
  },
  capacity: { officer: "Officer", hall_admin: "Hall administrator" },
  paper: {
    print: "Print it", printHint: "(with a QR code; sign by hand, scan and upload it)", upload: "Upload the scan…", uploadHint: "signed; PDF, JPEG or PNG, at most 20 MB", scan: "Scan",
    badType: "PDF, JPEG or PNG only. Scan it again, or save it as one of them.", tooLarge: "More than 20 MB: scan at a lower resolution.",
    waits: "to be checked", accepted: "accepted by {name}", rejected: "rejected by {name}", byAnother: "Somebody on duty checks it who neither wrote nor uploaded it.",
    checkLead: "Compare the scan: is it this statement, and have {count} officers signed it? Enter the certificate numbers on the paper.", checkLeadWindow: "Compare the scan: is it this statement, and has the hall's administrator signed it? Enter their certificate number.",
    numbers: "Certificate numbers on the paper", numbersHint: "separated by blanks or commas", why: "Remark (needed to reject)", accept: "Accept", reject: "Reject",
    missingNumbers: "Enter the {count} certificate numbers on the paper.", missingWhy: "Say why it is rejected.",
  },
  backfill: {
    lead: "Choose a file that the recorder made by itself (MP4, MOV, TS, MKV …). The hub finds its place by its pictures. After a lost link or a reload it goes on where it stopped.",
    from: "Device's clock at the first picture (if known)", choose: "Choose a file…", emptyFile: "This file is empty. Choose another.",
    sending: "Uploading {share}%", paused: "Paused at {share}%", sent: "All of it is here; it is looked at…", failed: "The upload failed", pause: "Pause", resume: "Go on",
    again: "Not finished: the hub has {share}% of it. Choose the same file again, and it goes on from there.", expired: "Not finished, and the hub no longer keeps it: choose the file again.", chooseAgain: "Choose the file again", giveUp: "Give up",
  },
  footageState: {
    receiving: "Arriving", received: "All of it is here; it is looked at…", waiting: "Here; it waits for the interruption's end", recorded: "In its place: the footage is in the evidence",
    attached: "Kept as an attachment", apart: "Kept apart: it did not find its place. Ask who is on duty to decide", duplicate: "The same file was brought before", failed: "The hub cannot write it now, and tries again after its restart",
  },
  footageCode: {
    contradicted: "the time entered contradicts the pictures", no_interruption: "it fits no interruption", nothing_missing: "nothing is missing there", no_time: "the file says no time: enter when its first picture was",
    unreadable: "the file cannot be read", unsupported_media: "the format is not supported",
  },
  closing: { notYet: "It is not explained yet, so it cannot be closed. What is missing stands above.", lead: "It is explained by {how}. Nothing can be added once it is closed.", stays: "(stays a finding)", submit: "Close", sure: "Close this interruption for good?", yes: "Yes, close it" },
  correction: { begin: "Correct", text: "Correction (the old entry stays)", withdraws: "Take the old one back: it no longer counts", submit: "Send the correction", missing: "Say what is to be corrected." },
  told: {
    title: "History", hub: "the hub", taken: "taken back", entry: "Ledger entry {seq}", speech: "{s} s of speech", whole: "all of it", part: "a part of it", cites: "of entry {seq}", withdraws: "takes it back",
  },
  entry: {
    interruption_open: "Broke off", interruption_close: "Came back", interruption_withdraw: "Withdrawn: there was none", backfill: "Footage took its place",
    explanation_report: "Reported", explanation_spoken: "Spoken explanation", explanation_written_drafted: "Statement written", explanation_written_signed: "Signed",
    explanation_paper_scanned: "Scan uploaded", explanation_paper_accepted: "Scan accepted", explanation_paper_rejected: "Scan rejected", explanation_correction: "Correction",
    explanation_exemption: "Exemption", explanation_reminder: "Reminder", explanation_overdue: "Overdue: told further up", explanation_close: "Closed",
  },
  board: {
    title: "To do", lead: "The next deadline first", overdue: "Overdue", overdueNone: "Nothing is overdue", overdueHint: "Every explanation is within its time.",
    awaiting: "Unexplained", awaitingNone: "Nothing to explain", awaitingHint: "Interruptions stay here until footage or words explain them.",
    due: "Footage to bring", dueNone: "No footage to bring", dueHint: "The footage of all finished activities is stored.", beforeReturn: "runs from the return", noCase: "no case number", gap: "Gap {n}",
  },
  alarms: {
    title: "Alarms", open: "Not settled", settled: "Settled", keys: "Keys: ↑↓ choose · A acknowledge", popup: "Alarm", none: "No open alarms", noneHint: "An alarm pops up and sounds (once sound is armed), and stays here until somebody settles it.", noneSettled: "No alarm was settled yet.",
    level: "Level", level1: "Level 1", level2: "Level 2", level3: "Level 3", level4: "Level 4", levelHint1: "at once", levelHint2: "recording broke off", levelHint3: "quality and state", levelHint4: "for information",
    others: "{count} more", fold: "Fold", unfold: "Unfold", over: "over", overAt: "over since {time}", acknowledge: "Acknowledge", enlarge: "Picture", handleIt: "Handle",
    livePicture: "Live", onMap: "show on the map", positionAt: "(position of {time})", lastPicture: "The latest picture", noPicture: "No picture to show", hubItself: "The hub itself", since: "Since", whatHappened: "Alarm", text: "Text", note: "Notes", handedTo: "Handed to", escalated: "Escalated", escalatedBy: "{count} up: nobody acknowledged it",
    forMe: "rings for me", toInterruption: "Open the interruption ›", parts: "{count} streams in it", words: "What was found and done", wordsHint: "Needed to settle or to note; not to acknowledge",
    handle: "Handled", falseAlarm: "False alarm", addNote: "Add note", giveTo: "Hand to (user name)", giveToHint: "who looks after it from now on", give: "Hand over", missingNote: "Say first what was found or done.", missingTo: "Enter who looks after it.",
    done_acknowledge: "Acknowledged: you look after it.", done_handle: "Handled.", done_false_alarm: "Noted as a false alarm.", done_note: "Noted.", done_hand_over: "Handed over.",
  },
  alarmState: { open: "Open", acknowledged: "Acknowledged", handled: "Handled", false_alarm: "False alarm", cleared: "Cleared by itself" },
  alarmKind: {
    incident: "Many streams at once", sos: "Officer calls for help", device_battery_low: "Battery low", device_storage_low: "Device storage low", device_signal_weak: "Weak signal", device_silent: "Device tells nothing",
    fault: "Device fault", duty: "Duty calendar", interruption_overdue: "Interruption overdue", activity_overdue: "Activity not stored in time", storage_low: "Storage low", disk: "Disk low", ledger: "Ledger cannot write", anchoring: "Anchoring stopped", archive: "Archive does not answer", channel: "Notice channel fails",
  },
  shift: {
    onDuty: "On duty", since: "since {time}", nobody: "Nobody: alarms ring for all who may handle them.", begin: "I am on duty", end: "End my shift", handOver: "Hand over", title: "Hand-over", goes: "{name} goes",
    nothingOpen: "No open alarms", nothingOpenHint: "There is nothing to hand over but the watch.", changed: "The list has changed; who comes must see it again.", showNew: "Show the new list", note: "Remark", comes: "Who comes checks these {count} and accepts them with their own user name and password. Who goes stays signed in.",
    username: "User name of who comes", accept: "Accept {count} and take the watch", missing: "Who comes enters user name and password.", handed: "Handed over: {name} is on duty. Sign out now, so that they can sign in here.",
  },
  refused: {
    other: "It was not done: {reason}", tooMany: "Too many wrong passwords. Try again in {seconds} s.", unreachable: "The hub does not answer. Check the network and try again.", forbidden: "You have no right to do this. Ask an administrator.",
    bad_credentials: "The password is wrong. Enter it again.", must_change_password: "This is a one-time password: sign in and change it first.", settled: "It is settled, and nothing is added to it. Reload to see it.",
    not_recorded: "The clip is not recorded, or not yet: wait a moment, or choose another.", no_speech: "No speech was heard: say the reason aloud, and choose where it is said.", not_resumed: "The resume is not certain yet. Wait a moment.",
    not_after_resume: "It must begin within 10 minutes of the resume.", not_spoken: "A window's interruption is explained in writing.", too_many_statements: "There are too many statements.", other_statement: "The digest is not this statement's: reload, read it again and sign.",
    assistant: "An assistant's signature does not count. An officer must sign.", no_certificate: "You have no certificate number here, so you cannot sign as an officer. Ask an administrator.", signed_before: "This person or certificate has signed already. Another officer must sign.", own_statement: "The writer signs first or not at all. The second signature is another's.", not_hall_admin: "The hall's administrator signs a window's statement.",
    too_many_scans: "There are too many scans.", bad_scan: "It is no whole PDF, JPEG or PNG: scan it again.", own_scan: "Who wrote or uploaded it does not check it. Somebody else must.", checked: "Somebody checked it before. Reload to see it.", unknown_signer: "Nobody here has one of these certificate numbers. Check them.", too_few_signers: "Not enough different officers have signed.",
    not_own: "Only who said it takes it back. You can correct it.", not_explained: "It is not explained yet and cannot be closed.", acknowledged: "Somebody else acknowledged it first. Reload to see it.", note_missing: "Say first what was found or done.", unknown_person: "Nobody has this user name. Check it.", may_not_handle: "This person may not handle the alarms of this unit.",
    not_on_duty: "You are not on duty: choose “I am on duty” first.", on_duty: "This person is on duty already.", hand_over: "Alarms are open and nobody else is on duty: hand over.", open_list: "The list has changed. Who comes looks at the new one and accepts it.", same_person: "Another person must do this.",
    labelled: "This is labelled secret and you are not cleared for it. Ask the approver or the archivist if you must see it.", reason_required: "Say first why you look.", approval_required: "Looking at these recordings takes an approval.", no_reason: "Say why.", decided: "Somebody has dealt with it already. Reload to see.", too_many: "Too many requests are open: end some first.", not_noted: "The ledger cannot write now, so nothing may be looked at. Try again later.", ledger_full: "The ledger cannot write, so nothing may be looked at: call the engineers.", not_a_person: "A person has to sign in for this.", bad_look: "Check devices and period: 16 devices and 31 days at most.",
    no_space: "The hub's disk is full and takes nothing now. Tell the engineer.", too_large: "The file is larger than the hub allows. Send it in parts, or tell the engineer.", too_many_uploads: "Too many files are on their way. Try again later.", slow_body: "The network is too slow. Try again later.",
  },
};

export default en;
