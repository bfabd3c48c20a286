import type zh from "./words.zh";

const en: typeof zh = {
  title: "Video wall",
  split: "Split",
  auto: "Auto",
  page: "Page {page} / {pages}",
  previous: "Previous page",
  next: "Next page",
  fullScreen: "Full screen",
  add: "Add device",
  keys: "Keys: 1–9 enlarge · Esc back · ←→ page · M sound · T timeline",
  lost: "The hub is out of reach",
  lostDetail: "Pictures and states are stale since {time}; reconnecting…",
  lostFor: "for",
  shrink: "Back to the split view",
};

export default en;
