"""The time axis in words and as JSON: an interval, who attests it, and what nobody outside attests yet."""

from __future__ import annotations

from typing import Any

from hub.clock import rfc3339
from hub.ledger.verdict import TimeSource, Verdict

_EN = {
    TimeSource.AUTHORITY: "timestamp authority",
    TimeSource.WITNESS: "witness",
    "anchored": "Anchored      the first {size} entries existed by {by} ({source} {name}; {count} anchors hold)",
    "rest": "Unanchored    {count} newer entries rest on the hub's own clock",
    "window": "Unanchored    at most {seconds:.0f} s passed until an outsider vouched for what was recorded",
    "since": ", and nobody does for what is newer than {since}",
    "none": "Anchored      by nobody outside that could be checked: the times are what the hub says",
}
_ZH = {
    TimeSource.AUTHORITY: "时间戳机构",
    TimeSource.WITNESS: "见证方",
    "anchored": "外部锚定    前 {size} 条记录不晚于 {by} 已存在（{source} {name}；{count} 个锚定有效）",
    "rest": "未锚定      其后 {count} 条记录仅有中枢自身时钟",
    "window": "未锚定      录制后至外部锚定最长 {seconds:.0f} 秒",
    "since": "，{since} 之后尚无外部锚定",
    "none": "外部锚定    无可验证的外部见证，时间仅为中枢自述",
}


def time_lines(verdict: Verdict, lang: str) -> list[str]:
    """Below the axis: what is anchored until when, and how long the unanchored window was."""
    words = _ZH if lang == "zh" else _EN
    if verdict.time is TimeSource.NONE:
        return []
    if not verdict.anchored:
        return [words["none"]]
    lines = [
        words["anchored"].format(
            size=one.size, by=rfc3339(one.by_us), source=words[one.source], name=one.authority, count=one.count
        )
        for one in verdict.anchored
    ]
    if unanchored_entries(verdict):
        lines.append(words["rest"].format(count=unanchored_entries(verdict)))
    if verdict.longest_unanchored_us is not None:
        line = words["window"].format(seconds=verdict.longest_unanchored_us / 1e6)
        since_us = verdict.unanchored_since_us
        lines.append(line + (words["since"].format(since=rfc3339(since_us)) if since_us is not None else ""))
    return lines


def time_json(verdict: Verdict) -> dict[str, Any]:
    """``from`` and ``until`` by the hub's clock; ``anchored``: what existed by when, as others attest it."""
    longest_us, since_us = verdict.longest_unanchored_us, verdict.unanchored_since_us
    return {
        "source": verdict.time.value,
        "from": None if verdict.from_us is None else rfc3339(verdict.from_us),
        "until": None if verdict.until_us is None else rfc3339(verdict.until_us),
        "anchored": [
            {
                "source": one.source.value,
                "authority": one.authority,
                "size": one.size,
                "by": rfc3339(one.by_us),
                "count": one.count,
            }
            for one in verdict.anchored
        ],
        "unanchored_entries": unanchored_entries(verdict) if verdict.anchored else None,
        "longest_unanchored_s": None if longest_us is None else longest_us / 1e6,
        "unanchored_since": None if since_us is None else rfc3339(since_us),
    }


def unanchored_entries(verdict: Verdict) -> int:
    """Entries of the newest log behind its newest anchor. A package's anchors cover all that is in it."""
    if verdict.package:
        return 0
    size = max((one.size for one in verdict.anchored), default=0)
    return max(0, verdict.size + verdict.counts.unsigned_entries - size)
