import type zh from "./words.zh";

const en: typeof zh = {
  nav: "Operations",
  title: "Operations",
  pages: "Pages of operations",
  tab: { balance: "Nothing lost in silence", streams: "Streams", storage: "Storage", log: "Log and anchoring", graphs: "Live graphs", audit: "Audit log", channels: "Notice channels", nodes: "Nodes", hub: "Hub and settings" },
  balance: {
    good: "Nothing was lost in silence: both sides agree", bad: "An account does not balance: look at what is red, now", span: "{since} to {at}; the last 24 hours at most, and counters begin with the hub",
    account: "Account", left: "Should be", right: "Is", result: "Result", list: "Holes without an interruption", listHint: "Footage was due at these times and is not there, and no interruption says so. Leave everything as it is, keep the logs, and report it.", from: "From", to: "To", lasts: "Length",
    frames: { title: "Frames: received → on the disk", what: "Each frame that went to the recorder lies in a sealed chunk.", left: "to the recorder", right: "sealed", good: "They agree; {waiting} frames are being written", known: "{lost} frames not stored, known as storage interruptions ({cuts})", bad: "{lost} frames not stored, and no storage interruption: check disk and logs" },
    entries: { title: "Chunks → ledger entries", what: "Each sealed chunk has a durable entry in the ledger.", left: "chunks sealed", right: "entries", good: "They agree", writing: "They agree; {waiting} are being entered", bad: "{count} chunks have had no entry for half a minute: check ledger and disk" },
    holes: { title: "Holes → interruptions", what: "Time that was due and not recorded lies in an interruption.", left: "due, not recorded", right: "interruptions", good: "Each hole is known as an interruption ({due} were due)", bad: "{count} holes without an interruption: see below" },
    pictures: { title: "Pictures: received → to the recorder", what: "Pictures that nothing describes cannot be recorded, and are counted.", left: "received", right: "to the recorder", good: "None was given up", known: "{count} given up without parameter sets (no_parameter_sets in the log)" },
    viewers: { title: "Fragments not sent to viewers", what: "A viewer that is too slow is sent less; recording does not notice.", left: "not sent", right: "nothing to compare", rest: "Nothing to do with recording; if it keeps growing, check the viewer's line or computer" },
  },
  streams: {
    search: "Search", searchHint: "Name, id, unit, address, codec", state: "State", all: "All", trouble: "Wants attention", attention: "Attention first", count: "{shown} of {all}", troubled: "{count} want attention", since: "counted since {time}",
    name: "Stream", bitrate: "Bit rate", loss: "Lost (1 h)", jitter: "Jitter", clock: "Clock off by", connections: "Connections (1 h)", age: "Newest fragment", codec: "Codec", day: "24 h: {count}", unrecorded: "{count} frames not stored",
    none: "No streams yet", noneHint: "Register the first one under Devices.", noneFit: "No stream fits", noneFitHint: "Loosen the search.", close: "Close", problem: "Latest problem, {time}:", toDevice: "Open the device's registration ›", cpu: "The hub does not measure its processor by stream; that of the whole hub is under Live graphs.",
    facts: { since: "State since", connected: "Connected since", device: "Calls itself", peer: "From", attempts: "Attempts in 1 h", newest: "Newest fragment's age", sealed: "Sealed until", waiting: "Being written (frames)" },
    series: { bitrate_bps: "Bit rate", lost_packets: "Packets lost (each 10 s)", jitter_us: "Jitter", offset_us: "Clock off by (either way)" },
  },
  trouble: {
    unrecorded: { title: "Frames were not stored.", todo: "Check disk space, write latency, and `not stored` in the log." },
    interrupted: { title: "Interrupted.", todo: "Check the device's power, cable and address; the interruption is on record." },
    flapping: { title: "It keeps dropping out.", todo: "Check the network (power, switch port, radio signal) and the device's load." },
    clock: { title: "Its clock is far off.", todo: "Set time synchronisation (NTP) on the device, and check its zone." },
    loss: { title: "Packets are lost.", todo: "Check the line; a camera can use TCP, or a lower bit rate." },
    jitter: { title: "High jitter.", todo: "Check for congestion, and the device's load." },
  },
  storage: {
    daysLeft: "The disk lasts", days: "{count} days", years: "ten years and more", unknown: "not known yet", unknownHint: "Some time must be written before it can be told", fullAt: "At this rate full on {day}, if all goes that may", disk: "Free space", used: "{share}% used", of: "of {total}; alarm below {low}",
    rate: "Written", day: "day", rateHint: "by the last day", mayGo: "May go", mayGoHint: "{waiting} waiting; {holds} held, {copies} of them not copied", errors: "Failed writes", errorsHint: "writes and flushes that failed since the start",
    shortTodo: "Space is short: add disks, or have footage past its term approved for deletion by who may. What is within its term is never deleted.", thresholds: "Alarms: fewer than 30 days left; free space below min_free_mb / min_free_percent; one failed write; flushes above 0.5 s (p95); a disk queue above 64 MiB (the last two under Live graphs).",
    byUnit: "By unit", byClass: "By class", class: { patrol: "patrol", evidence: "evidence" }, name: "Name", streams: "Streams", size: "Size", share: "Share", beside: "Beside footage (spool, uploads, log …)", folder: "Folder", measured: "Measured at {time}; folders of very many files are left out",
    when: "What may go when", nothingGoes: "Nothing may go now, and nothing soon.", className: "Class", oldest: "Oldest footage", next: "Next may go", longer: "Kept longer (reels)",
  },
  log: {
    state: { ok: "Anchored: outsiders keep up", late: "Not anchored: outsiders do not keep up", alone: "No outside witness" },
    since: "What was recorded after {time} is not anchored",
    todo: {
      ok: "Nothing to do. Still photograph the head now and then, or send it elsewhere.",
      late: "Check network and address of the witnesses and timestamp authorities (their errors are below). Recording and signing go on, and it catches up by itself. Until then photograph the head each day and keep the photograph elsewhere.",
      alone: "No witness or timestamp authority is configured (witnesses, timestamp_authorities). Until there is one, photograph the head each day and leave it with somebody else: should history be rewritten later, the photograph shows it.",
    },
    log: "Log", size: "Signed entries", anchored: "Anchored entries", lastSigned: "Last signed", never: "nothing in this run", ago: "{time} ago", keyId: "Key id", custody: "Key custody", statements: "Key statements", failures: "Failed signatures (since the start)", waiting: "Not durable yet", vkey: "Verifier key",
    custodies: { inside: "in the hub's own process: no protection against whoever takes over the hub", child: "in a child of the hub, same user: no protection against whoever takes over the hub", same_user: "in another process whose files the hub can read: no protection", own_user: "in a process under a user of its own that the hub cannot read" },
    head: "Head of the log", headHint: "A few lines that stand for every entry before them. Photographed or sent elsewhere, they expose any rewriting.", code: "Show the code to photograph", codeAgain: "Renew the code", codeAlt: "The head as a QR code, checked with hub audit", noHead: "There is no signed head yet; try again in a moment.",
    authorities: "Witnesses and timestamp authorities", noAuthorities: "None is configured. With witnesses or timestamp_authorities set, the hub asks them by itself.", name: "Name", kind: "Kind", stateHead: "State", when: "Last anchored", unanchored: "Not anchored since", error: "Latest error",
    kinds: { witness: "witness", timestamp: "timestamp authority" }, states: { ok: "ok", late: "late", waiting: "first one awaited" },
  },
  graphs: {
    lead: "The hub's own measurements, in memory alone: every 5 s for 2 hours, every 5 min for 7 days; a restart clears them.", range2: "Range", hours: { "0_25": "15 minutes", 2: "2 hours", 24: "24 hours", 168: "7 days" }, table: "As a table",
    name: "Figure", now: "Now", least: "Least", most: "Most", none: "Nothing in this time", range: "least {least} · most {most}", worry: "worry at {value}", told: "now {now}, least {least}, most {most}",
  },
  series: {
    cpu: "Processor (share of one core)", memory_bytes: "Memory", streams_live: "Streams live", streams_interrupted: "Streams interrupted", ingest_bps: "Received", recorded_bps: "Sealed", lost_packets_per_s: "Packets lost", connections_per_s: "New connections", loop_lag_s: "Event loop lag (p95)", fsync_s: "Flush (p95)", commit_s: "Ledger commit (p95)",
    disk_queue_bytes: "Disk queue", ledger_queue_bytes: "Ledger queue", frames_waiting: "Frames being written", storage_errors: "Failed writes (in all)", disk_free_bytes: "Disk free", disk_bps: "Written to disk", viewers: "Tiles watched", viewer_drops_per_s: "Fragments not sent to viewers", interruptions_open: "Interruptions open", notices_failing: "Notice channels failing", unsigned_s: "Since last signed",
  },
  audit: {
    lead: "Who looked at, took or changed what: entries of the ledger, which nobody can edit. Of the whole hub and all streams.", leadUnit: "Who looked at or took what: entries of the ledger, which nobody can edit. Of your unit's streams; what concerns the hub as a whole is the auditor's.",
    from: "From", to: "To", by: "Who", byHint: "username", what: "What", stream: "Stream", all: "All", search: "Search", csv: "Export CSV", more: "Earlier ones", saved: "{count} exported.", none: "Nothing fits", noneHint: "Widen the time or the other filters.", at: "When", reason: "Reason", facts: "Facts and entry", hub: "the hub as a whole",
    groups: { live: "Live view", playback: "Playback", look: "Access requests", export: "Exports", person: "People", unit: "Units", stream: "Streams", device: "Device register", channel: "Notice channels", node: "node", wall: "Walls", footage: "Footage brought later", session: "Sign-ins" },
    whats: {
      live_view: "watched live", live_end: "stopped watching", live_grab: "saved a picture", live_still: "looked at a still", playback_view: "played back", look_asked: "asked for access", look_changed: "decided on access", person_added: "person added", person_changed: "person changed", person_password_reset: "password reset", person_password_changed: "password changed",
      unit_added: "unit added", unit_changed: "unit changed", unit_removed: "unit removed", stream_added: "stream registered", stream_changed: "stream changed", stream_retired: "stream retired", stream_token: "device token renewed", device_probe: "tried a picture", device_import: "devices imported", channel_added: "channel added", channel_removed: "channel removed", node_drained: "node emptied", wall_show: "sent to wall", wall_remove: "wall removed", footage_assign: "footage assigned", access_view: "access records viewed",
    },
  },
  channels: {
    lead: "Where alarms are sent. Stored secrets are not shown here; how the last attempt went is under Result.", name: "Name", nameHint: "for example duty phone", kind: "Kind", url: "Address", unit: "Unit", result: "Result", waiting: "Waiting", acts: "Actions", made: "added by {by}, {time}", lastSent: "last taken {time}", never: "never",
    kinds: { apprise: "Any (address of apprise)", alertmanager: "Alertmanager", webhook: "Webhook" }, urlHint: { apprise: "for example mailto://… or json://host/path", alertmanager: "for example http://alertmanager:9093", webhook: "for example https://host/path" },
    try: "Test", trying: "Sending…", tryOf: "Test {name}", remove: "Remove", removeOf: "Remove {name}", sure: "Press again to remove", taken: "✓ It was taken", failed: "! Not taken: {why}", none: "No channel yet", noneHint: "Alarms ring on the page alone. Add the first channel below.", add: "Add channel", missing: "Fill in name and address.", secret: "Addresses often hold secrets: never shown again once saved. Adding and removing are entered in the ledger.",
  },
  nodes: {
    lead: "The machines of this cluster. A node that is emptied hands its streams to the others without losing a picture, and takes none until it is started again.",
    name: "Node", roles: "Roles", streams: "Streams", since: "Started", disk: "Disk free", of: "of {total}", lag: "Event loop lag (95 %)", waiting: "Ledger waiting", outbox: "{size} wait for PostgreSQL", acts: "Actions", leads: "office", draining: "empties",
    role: { ingest: "records", api: "serves people", notary: "office and log" }, drain: "Empty", drainOf: "Empty {name}", sure: "Press again to empty",
  },
  hub: {
    process: "Hub", version: "Version", started: "Started", runs: "Runs for", history: "Memory of the graphs", checks: "Readiness", check: { ledger: "ledger", disk: "disk", retention: "retention", reels: "footage is written" },
    warnings: "Warnings since the start (newest first)", noWarnings: "None.", at: "When", level: "Level", event: "Event", facts: "Facts", settings: "Settings in force", settingsHint: "Of keys and passwords only *** is shown. To change: edit hub.toml or the environment, and restart.", search: "Search", changedAlone: "Only those that differ from the default", name: "Setting", value: "Value", changed: "changed",
  },
};
export default en;
