import type zh from "./words.zh";

const en: typeof zh = {
  preview: "Preview · not kept",
  previewWhy: "This is the camera's sub-stream: shown only, not kept. The evidence is the main stream.",
  previewAway: "No preview picture",
  previewFailed: "{reason}. Only the preview is affected; the main stream is recorded as before.",
  preview_ended: "The camera ended the sub-stream; connecting again",
  preview_too_many_previews: "As many sub-streams as allowed are being shown; this one follows when another ends",
  previewUnsupported: "The sub-stream is {codec} too, which this browser cannot decode: set the camera's sub-stream to H.264. Recording is not affected and goes on.",
  previewAdvice: "Enter the address of this camera's H.264 sub-stream in the device's settings to see a preview here.",
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
