import type zh from "./words.zh";

/** Words of the screen in English: every key of the original. */
export default {
  title: "Map", all: "All units", unit: "Unit", search: "Find a device or a person", list: "Devices with a position", listHint: "The same as on the map; choose with Tab and Enter.", count: "{count} with a position", without: "{count} more never told theirs",
  none: "No device has told its position", noneHint: "Recorders and phones with positioning appear here once they are on; window cameras tell none.", noneFit: "No device fits", grid: "This site supplies no map: a grid of coordinates and a scale (WGS-84).", tiles: "Map of this site",
  age: { seconds: "{n} s ago", minutes: "{n} min ago", hours: "{n} h ago", days: "{n} d ago" }, old: "old position", sos: "SOS", broke: "×", brokeAt: "Broke off here at {time}", brokeAround: "Last position before it broke off",
  officers: "Officers", battery: "Battery", signal: "Signal", position: "Position", accuracy: "within {m} m", reported: "Position of", state: "State", place: "Place", live: "Live picture", play: "Playback", device: "The device", activity: "Activity", interruption: "Open this interruption", center: "To the centre", close: "Close",
  track: "Track", from: "From", to: "To", show: "Show the track", hide: "Hide the track", lastHour: "Last hour", today: "Today", noTrack: "No positions in this time. They are kept 90 days (a setting): choose another time.", points: "{count} positions, about {km} km", some: "Too many positions: shown until {time}. Choose a shorter time.", moment: "Moment", playAt: "Play from {time}", noneThen: "No position before this moment", badRange: "Choose both times, the end after the begin, 31 days at most.",
  fit: "Show all", canvas: "Map: arrow keys move, plus and minus zoom; the devices are in the list too", failed: "The map could not be loaded: try again. The devices are in the list.",
} satisfies typeof zh;
