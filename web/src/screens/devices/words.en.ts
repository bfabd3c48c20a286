import type zh from "./words.zh";

const en: typeof zh = {
  title: "Devices",
  list: {
    search: "Search", searchHint: "Name, id, device number, custodian", unit: "Unit", all: "All units", state: "State", kind: "Kind", tag: "Capability", any: "All", faulty: "Out of use (fault)",
    name: "Device", custodian: "Custodian", gauges: "Battery / storage / signal", number: "Device number", source: "Comes by", since: "since {time}", count: "{count} devices", add: "Add device", import: "Import a table", clear: "Clear filters",
    none: "No devices yet", noneHint: "Add the first one, or import many from a table.", noneFit: "No device fits", noneFitHint: "Loosen the filters.", noCustodian: "nobody", pull: "pulled", push: "pushed", retired: "Retired ones too", units: "By unit", openInWall: "Show on the video wall",
  },
  tag: { explosion_proof: "explosion-proof", night_vision: "night vision", positioning: "positioning" },
  one: {
    back: "Back to the devices", notFound: "There is no such device, or you may not see it.", status: "State now", registered: "Registration", state: "State", since: "since", tracks: "Streams", bitrate: "Bit rate", device: "Calls itself", peer: "From", attempts: "tried {count} times",
    complaint: "Latest problem", interruption: "Open the interruption that lasts ›", none: "none", created: "Registered", id: "Id", managed: "Managed by another body: watched and recorded here, not configured here.", isRetired: "Retired: footage and entries are kept for their time; nothing is recorded any more.",
  },
  owner: {
    title: "Registration", save: "Save", saved: "Saved.", number: "Device number", numberHint: "As written on it; no two devices share one", custodian: "Custodian", choose: "Choose", custodianHint: "A body-worn recorder has a named custodian, who keeps it and answers for it.",
    missingCustodian: "Name the custodian: a recorder is registered to a person.", unit: "Unit", tags: "Capabilities", readOnly: "You may look; engineers change the registration.", noPeople: "There is nobody to choose in this unit; register people first.",
  },
  source: { title: "How it comes", whip: "Pushed by the recorder (WHIP)", rtsp: "Pulled by the hub (RTSP)", main: "Main stream (recorded)", sub: "Sub-stream (preview only, not kept)", subHint: "Where browsers cannot play the main stream (as H.265), the wall shows this one. Leave it empty for none.", keep: "The password shows as ***; left so, the stored one stays.", change: "Change the address", save: "Save the address", cancel: "Cancel", transport: "Transport", noSub: "none", template: "Fill in by brand" },
  address: {
    brand: "Brand", own: "Own address", host: "IP address", hostHint: "For example 192.168.1.64", port: "Port", channel: "Channel", user: "User", password: "Password", sub: "The wall previews the sub-stream (not kept)", result: "Will use",
    missingHost: "Fill in an IP address or host name, without rtsp:// and port.", badPort: "A port is 1 to 65535.", badChannel: "Channels count from 1.", subUrl: "Sub-stream's address (optional)", badSub: "The sub-stream begins with rtsp:// or rtsps:// and differs from the main stream.",
    hint: { hikvision: "Channel 1 of a camera; of a recorder, its channel.", dahua: "Channel 1 of a camera; of a recorder, its channel.", uniview: "The camera itself.", "uniview-nvr": "Through a recorder, by channel.", own: "A whole RTSP address." },
  },
  probe: {
    try: "Try the picture", trying: "Connecting… 8 s at most", again: "Try again", good: "The picture comes", facts: "{codec} · {width}×{height}", rate: "{rate} pictures/s", sound: "with sound ({codec})", noSound: "no sound", noSoundHint: "A service window must have sound: switch it on in the camera.",
    reduced: "Your role sees no pictures: this one is reduced to 32 pixels, only to show that there is one.", unplayable: "{codec} is recorded, but browsers cannot play it: the wall would show nothing.", useSub: "Preview the sub-stream", subChosen: "The wall previews the sub-stream.", setSub: "Fill in the address of a sub-stream (H.264), or set the camera's main stream to H.264.", picture: "Test picture",
    why: {
      refused: "The device refuses the connection: check address and port, and that RTSP is on.", no_route: "No way to this address: check cable, network and firewall.", unknown_host: "There is no such host name: check it, or use an IP address.", unreachable: "Cannot connect: check the address and the network.",
      tls: "No encrypted connection: use rtsp://, or check the device's certificate.", timeout: "The device does not answer: check address and port, network and firewall.", unauthorized: "Wrong user or password: check them. Many devices lock after several failures.", not_found: "The device has no such stream: check the channel, or the end of the address.",
      protocol: "That is not RTSP: check that the port is the RTSP port.", no_media: "The device offers no stream: check its encoding settings.", unsupported_codec: "The codec is not supported: set the device to H.264 or H.265.", silent: "Connected, but no picture came: try TCP or UDP instead.",
      no_video: "Sound only, no picture: check the channel.", no_keyframe: "No keyframe within 8 s: set the device's I-frame interval to 1 or 2 s.", undecodable: "The picture cannot be decoded: check the device's encoding settings.",
    },
  },
  token: {
    title: "Device token", lead: "A recorder publishes with address and token. The token is shown once, when it is made. If it is lost or known to others, make a new one: the old one is void at once, and a session that uses it ends.", renew: "Make a new token", sure: "The old token is void at once, and a device that publishes with it is cut off. Make a new one?", yes: "Yes, make a new one",
    scan: "Scan with the phone recorder page", qr: "QR code with the address and the token", secret: "The code is as good as the token: do not photograph or forward it; close it when done.", hide: "Done, hide it", phone: "Phone recorder page",
  },
  telemetry: {
    title: "What the device says", none: "The device has not yet told of battery, storage or position.", camera: "A camera that is pulled tells none of this; how it is stands above.", at: "Last told", battery: "Battery", storage: "Storage left", signal: "Signal", temperature: "Temperature", local: "Recording locally", localYes: "yes", localNo: "no", position: "Position", accuracy: "±{m} m",
    sos: "Last call for help", alarms: "Beyond limits", history: "Track of today", points: "{count} positions today, {from} to {to}", noPoints: "No positions today.", more: "(there are more)", notKept: "Of battery, storage and signal the newest value is kept; crossing a limit is an alarm.", level: { warning: "low", critical: "very low", emergency: "emergency" },
    kind: { battery_low: "battery", storage_low: "storage", signal_weak: "signal", silent: "no word", sos: "SOS", fault: "fault" }, gb: "{gb} GB", mb: "{mb} MB",
  },
  fault: {
    title: "Faults", fine: "No fault.", lasts: "Out of use: {reason}", by: "reported by {name}, {time}", report: "Report a fault", reason: "What is faulty", text: "In words (needed for “other”)", submit: "Take out of use and report", whip: "The device may not begin to publish until its repair is recorded; a session that runs is not cut.", rtsp: "The camera is marked as faulty and goes on being recorded.",
    repair: "Record the repair", service: "Repair service", serviceHint: "Nobody repairs their own: not the custodian, nor who records it", work: "What was done", done: "Repaired, back in use", history: "Faults there were", ended: "{service}: {work} ({time})", missingReason: "Choose what is faulty.", missingText: "Say what is wrong.", missingRepair: "Fill in the service and what it did.",
    reasons: { power: "battery and power", storage: "storage", picture: "picture", sound: "sound", network: "network", positioning: "positioning", clock: "clock", damaged: "damaged", other: "other" },
  },
  maintenance: {
    title: "Planned maintenance", none: "None is planned.", ask: "Ask for maintenance", from: "From", to: "To", reason: "What for", submit: "Submit", hint: "What breaks off meanwhile is recorded as ever, but rings nothing and asks for no explanation; another person approves it.", approve: "Approve", refuse: "Refuse", cancel: "Cancel", own: "Somebody else than who asked approves.", by: "asked by {name}", decided: "{name}: {note}",
    state: { requested: "waits for approval", approved: "approved", refused: "refused", cancelled: "cancelled" }, missing: "Fill in both times and what for.", order: "The end comes after the beginning.",
  },
  retire: { title: "Retire the device", lead: "Nothing is recorded any more, and the id is given to no other device; footage and entries are kept for their time. It cannot be undone.", begin: "Retire…", type: "Enter the id {id} to confirm", yes: "Retire for good", done: "Retired" },
  table: {
    title: "Import devices from a table", step1: "Take the template", step1Text: "A device a row in the sheet 设备; 填写说明 says what the columns mean; 单位与人员 lists units and custodians that can be named.", download: "Template (.xlsx)", step2: "Choose the filled table", step2Text: "1000 devices at most. It is checked first; nothing is written yet.", choose: "Choose an .xlsx…", other: "Another file…", checking: "Checking…",
    step3: "Look through and import", new: "new", change: "changed", same: "there, unchanged", wrong: "with problems", row: "Row", id: "Id", name: "Name", result: "Result", what: "Problem and remedy", all: "Import all {count}", good: "Import the {count} without problems", importing: "Importing…", nothing: "There is nothing to import.", done: "Imported: {new} new, {change} changed.",
    left: "{count} rows have problems and were left out; when they are put right, import the same table again: nothing is registered twice.", changes: "changes: {what}", toList: "To the devices", showWrong: "Only rows with problems", tokens: "The token of a pushing recorder is made on its own page.", changed: "The file was changed after the check; choose it again.", again: "Rows that still have problems are below.",
    column: { id: "编号 (id)", name: "名称 (name)", kind: "类型 (kind)", unit: "单位 (unit)", brand: "品牌/模板 (brand)", host: "地址 (address)", port: "端口 (port)", channel: "通道 (channel)", user: "用户名 (user)", password: "密码 (password)", sub: "子码流 (sub-stream)", custodian: "保管人 (custodian)", device_number: "设备编号 (device number)", capabilities: "能力标签 (capabilities)" },
    problem: {
      missing: "is needed; fill it in", missing_custodian: "a recorder needs a custodian", bad_id: "lower-case letters, digits and hyphens, at most 63", bad_name: "1 to 100 characters, without line breaks", unknown_kind: "one of 服务窗口, 办案场所, 车载, 执法记录仪", unknown_unit: "no such unit, or not yours; see 单位与人员 in the template", ambiguous_unit: "several units have this name; write the unit's id",
      unknown_person: "no such person, or not yours; see 单位与人员 in the template", ambiguous_person: "several people have this name; write the username", unknown_brand: "one of 海康威视, 大华, 宇视, 宇视录像机, 自定义, 推流", bad_host: "an IP address or host name", host_is_url: "with a brand, the IP address alone; for a whole address set the brand to 自定义", bad_port: "a number from 1 to 65535", bad_channel: "a number from 1",
      bad_url: "a whole rtsp:// address", sub_needs_url: "of an own address, the sub-stream's whole rtsp:// address", sub_is_main: "not the same as the main stream", pushed_has_no_address: "what is pushed has no address; empty it", not_changed_by_table: "pull and push are not exchanged by a table; use the device's page", managed_by_others: "managed by another body; its address stays", unknown_tag: "防爆, 夜视, 定位, with 、 between",
      bad_device_number: "at most 64 characters", twice: "is there twice in the table; check both rows", id_taken: "is taken; choose another", id_retired: "was a retired device's; choose another", number_taken: "is another device's number", address_taken: "another device has this address", formula: "is a formula; write what it gives", date: "was taken for a date; format as text and write it again", error: "is an error value; write it again", too_long: "is too long", unprintable: "has line breaks or invisible characters; write it again",
      stream_exists: "was taken just now; choose another", device_number_taken: "was taken just now", other: "not imported ({code})",
    },
  },
  refused: {
    probe_busy: "Other cameras are being tried; try again in a few seconds.", fault_lasts: "A fault was reported already and its repair is not recorded.", self_repair: "Nobody repairs their own: the service is neither the custodian nor who records it, and the custodian does not record it.", not_durable_yet: "Taken, and being written; look again in a moment.", bad_text: "Say it in words.", device_number_taken: "Another device has this number.", stream_retired: "The device is retired.", managed_by_others: "Managed by another body: not changed here.",
    stream_exists: "The id is taken; choose another.", bad_id: "The id is not of the right form.", bad_url: "The address is not right; with another host, write the password again.", own_request: "Somebody else than who asked approves.", same_person: "Somebody else than who asked approves.", bad_maintenance: "Not a possible time: in the future, 7 days at most.", in_the_past: "Not for the past.", decided: "It was decided already; look again.", not_xlsx: "Not an Excel workbook (.xlsx), or damaged: save it as .xlsx, or begin with the template.", xlsx_too_large: "Too large: keep the sheet of devices alone, without pictures (1 MB at most).",
    xlsx_unsafe: "Protected by a password, or with unsafe contents: make a new workbook and copy the cells.", no_header: "The sheet is empty: begin with the template.", unknown_column: "A header is not known ({reason}): use the template's.", column_twice: "A header is there twice ({reason}).", missing_column: "Columns are missing ({reason}).", no_rows: "There is nothing below the headers: a device a row.", too_many_rows: "Too many rows: 1000 at most; delete the empty ones below the last device.",
    rows_wrong: "Some rows are still wrong; nothing was imported.", body_too_large: "The file is too large (1 MB at most).",
  },
};

export default en;
