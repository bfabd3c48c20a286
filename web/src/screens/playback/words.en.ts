import type zh from "./words.zh";

const en: typeof zh = {
  title: "Playback",
  loading: "Loading the recording…",
  nothing: "Nothing was recorded in this period.",
  failed: "The recording could not be loaded: {reason}",
  play: "Play",
  pause: "Pause",
  back: "Back 10 s",
  forward: "Forward 10 s",
  nextInterruption: "Next interruption",
  previousInterruption: "Previous interruption",
  noMore: "No interruption after this",
  noneBefore: "No interruption before this",
  speed: "Speed",
  skipped: "Skipped {duration} that is missing: {from} – {to}",
  pictureTime: "Picture time",
  sound: "Sound",
  earlier: "Earlier",
  later: "Later",
};

export default en;
