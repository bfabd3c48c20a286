import type zh from "./words.zh";

const en: typeof zh = {
  unit: "Unit", stream: "Device", followup: "Follow-up", kind: "Kind", period: "Time", from: "From", to: "To", any: "All",
  today: "Today", week: "7 days", month: "30 days", clear: "Clear filters",
  state: "State", where: "Device and unit", start: "Began", length: "Lasted", deadline: "To be explained", findings: "Findings",
  lasting: "for {time}", shown: "{count} shown", more: "Show more",
  noneFit: "No interruption fits", noneFitHint: "Widen the filters: a longer time, or any state.",
  noneHint: "When a device breaks off, it appears here with what must be done about it.",
  exempt: "Exemption",
  exempted: "Exempted for",
  exemptedUntil: "return {time}",
  exemptLead: "Approved by who is in charge; it becomes an entry of the ledger in their name.",
  exemptKind: "Reason",
  exemptMaintenance: "Planned maintenance: this interruption needs no explanation; the watcher closes it once the stream is back.",
  exemptTime: "More time: the deadline runs anew from the return; footage or an explanation is still asked for.",
  exemptUntil: "Time of the return, or when it is expected",
  exemptText: "What happened",
  exemptSubmit: "Approve the exemption",
  exemptNoKind: "Choose a reason.",
  exemptNoUntil: "Enter the time of the return: the deadline runs from then on.",
  exemptFar: "The return must be after the interruption began, and within 90 days of it.",
  exemptNoText: "Say what happened.",
  exemption: {
    maintenance: "Planned maintenance", continuous: "Continuous duty", other_place: "Duty elsewhere", remote: "Remote area", on_water: "On the water", hard_to_reach: "Hard to reach",
    elsewhere: "Duty elsewhere", frontier: "Remote area", water: "On the water", hard_access: "Hard to reach",
  },
  activityExempt: "More time to store…",
  activitySubmit: "Enter",
  activityAway: "{kind}, not back yet: the time runs from the return",
  activityBack: "{kind}, back {time}",
  activityReturned: "They are back",
};

export default en;
