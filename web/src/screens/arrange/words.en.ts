import type zh from "./words.zh";

const en: typeof zh = {
  keys: "Keys: 1–9 enlarge · Space pause cycle · ←→ page · / find device · W send to wall · F full screen · M sound · T timeline · Esc back",
  place: { empty: "Empty", gone: "Device no longer there", hidden: "You may not see this stream", how: "Drag a device here, or choose one in the tree and press Enter", clear: "Take this picture off" },
  tree: {
    title: "Devices", open: "Devices", fold: "Fold the device tree", search: "Search name or id", none: "No device matches “{search}”.", elsewhere: "Other units",
    hint: "Enter or double click puts it on place {place}; or drag it", all: "{count} in all", onWall: "on place {place}",
  },
  layouts: {
    title: "Layouts", button: "Layouts", own: "My layouts", shared: "Shared in {unit}", none: "No layouts yet. Put the pictures where you want them, then save them below under a name.",
    name: "Name", save: "Save what is shown", share: "Save for", mine: "Myself alone", apply: "Use", over: "Replace by what is shown", remove: "Delete", sure: "Press again to delete",
    saved: "“{name}” is saved.", by: "saved by {who}", clear: "Clear to {n} empty places", split: "{n} places · {used} streams", auto: "Back to automatic",
  },
  cycle: {
    title: "Auto-cycle", button: "Cycle", over: "Cycle over", unit: "Devices of a unit", layouts: "Saved layouts", every: "Interval (s)", everyHint: "5 to 300 s", start: "Start", stop: "End the cycle",
    pause: "Pause", go: "Go on", left: "{s} s", paused: "paused", waits: "waits while enlarged", count: "{n} streams", steps: "{at}/{n}",
    stays: "In alarm: stays", staysWhy: "A suspected picture stays in its place, and an interrupted one until somebody acknowledges its alarm.", skips: "Devices that record nothing now, or are off duty, are left out. What is in alarm stays until the alarm is acknowledged.",
    noLayouts: "There is no layout to cycle over: save one first.", noStreams: "This unit has no device to cycle over.", split: "Split",
  },
  send: {
    title: "Send to wall", button: "To wall", one: "Send to wall…", walls: "Walls", none: "No walls yet. Each wall is an address of its own: open it in that screen's browser, and send to it from here or from another machine.",
    add: "New wall", name: "Name", id: "Id in the address", idHint: "small letters, digits, hyphens", unit: "Unit", create: "Create", picked: "Picture to send", pickHint: "Choose a device in the tree or enlarge a picture, then click a place below.",
    cell: "Put on place {n}", current: "Send what is shown", cycle: "Send this cycle", layout: "Send a layout", open: "Open window", copy: "Copy address", copied: "Copied", clear: "Clear", remove: "Delete wall", sure: "Press again to delete",
    cycling: "cycling · every {s} s", changed: "sent by {who} at {time}", sent: "Sent.", split: "Split",
  },
  screen: {
    waiting: "Waiting for pictures", how: "Press W on the command centre's wall page and choose this wall.", missing: "There is no such wall", missingWhy: "The id in the address is not known, or belongs to a unit that is not yours. “To wall” on the wall page lists what there is.", back: "To the video wall",
    full: "Full screen", keys: "F full screen · 1–9 enlarge · Space pause cycle",
  },
  refused: {
    changed_meanwhile: "Somebody else has just changed this wall. What it shows now is below; send again.", unknown_wall: "This wall was deleted, or is not of your unit.", unknown_layout: "This layout was deleted, or is no longer shared with you.", layout_exists: "There is a layout of that name: choose another, or replace it in the list.",
    too_many_layouts: "There are too many layouts: delete one first.", too_many_walls: "There are too many walls: delete one first.", bad_id: "Small letters, digits and hyphens, 63 at most.", bad_name: "A name is one line of 1 to 60 characters.",
    not_found: "A picture is no longer there, or you may not see it: choose another.", unavailable: "This hub keeps no walls.",
  },
  empty: { ask: "Your account cannot add devices: ask an engineer. Pictures appear here by themselves once a device is connected." },
};

export default en;
