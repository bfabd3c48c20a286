"""The words of a notice: Chinese, short, and harmless whatever names are in them. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final
from urllib.parse import quote

from hub import words
from hub.clock import US_PER_S
from hub.notices.alarm import Alarm

MAX_NAME = 40
MAX_WORDS = 200
LISTED = 5
"""Alarms of a digest that are named one by one."""

LEVELS: Final = {1: "一级", 2: "二级", 3: "三级", 4: "四级"}
KINDS: Final[Mapping[str, str]] = {
    **words.KINDS,
    "incident": "多路同时中断",
    "sos": "执法人员求助",
    "device_battery_low": "设备电量低",
    "device_storage_low": "设备存储空间不足",
    "device_signal_weak": "设备信号弱",
    "device_silent": "设备不再报告状态",
    "fault": "设备故障",
    "duty": "值勤日历需要处理",
    "interruption_overdue": "中断超期未说明",
    "activity_overdue": "执法活动超期未归档",
    "storage_low": "存储空间不足",
    "disk": "磁盘空间不足",
    "ledger": "账本无法写入",
    "anchoring": "外部存证中断",
    "archive": "归档存储不可用",
    "channel": "通知渠道不通",
    "test": "测试",
}
REASONS: Final[Mapping[str, str]] = {
    "raised": "",
    "repeat": "再次提醒",
    "escalated": "无人确认，升级",
    "over": "已恢复",
}

# What chat services and mail readers make something of: mentions, links, markup.
_HARMLESS = str.maketrans(
    {
        "@": "＠",
        "<": "＜",
        ">": "＞",
        "[": "［",
        "]": "］",
        "`": "｀",
        "*": "＊",
        "#": "＃",
        "&": "＆",
        "|": "｜",
        "\\": "＼",
    }
)


def plain(text: str, most: int = MAX_NAME) -> str:
    """One harmless line: no control or direction characters, no mention, link or markup; cut at ``most``."""
    kept = "".join(
        " " if one.isspace() else one for one in text if unicodedata.category(one)[0] != "C" or one.isspace()
    )
    line = " ".join(kept.translate(_HARMLESS).replace("://", "：//").split())
    return line if len(line) <= most else line[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alarm is: the names of its unit and stream as they are now."""

    unit: str
    stream: str = ""

    @property
    def words(self) -> str:
        return " / ".join(name for name in (plain(self.unit), plain(self.stream)) if name)


@dataclass(frozen=True, slots=True)
class Words:
    """What is sent."""

    title: str
    body: str


def kind_words(kind: str) -> str:
    return KINDS.get(kind) or plain(kind)


def zone_words(zone: tzinfo) -> str:
    return "北京时间" if str(zone) in ("Asia/Shanghai", "PRC") else str(zone)


def local(at_us: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at_us // US_PER_S, zone).strftime("%Y-%m-%d %H:%M:%S")


def link(public_url: str, alarm: Alarm) -> str:
    return f"{public_url.rstrip('/')}/?alarm={quote(alarm.id, safe='')}" if public_url else ""


def words_of(alarm: Alarm, place: Place, reason: str, zone: tzinfo, public_url: str, *, now_us: int) -> Words:
    """``reason``: raised, repeat, escalated or over."""
    kind = kind_words(alarm.kind)
    name = place.words.rpartition(" / ")[2]
    again = REASONS.get(reason, "")
    title = f"【{LEVELS[alarm.level]}告警】{name} {kind}" + (f"（{again}）" if again else "")
    lines = [
        f"地点：{place.words}",
        f"情况：{kind}" + (f"，共 {alarm.count} 次" if alarm.count > 1 and alarm.kind != "incident" else ""),
        f"开始：{local(alarm.since_us, zone)}（{zone_words(zone)}）",
    ]
    if alarm.kind == "incident" and alarm.count > 1:
        lines[1] += f"，涉及 {alarm.count} 路"
    if alarm.text:
        lines.append(f"说明：{plain(alarm.text, MAX_WORDS)}")
    if alarm.over_us is not None:
        lines.append(f"恢复：{local(alarm.over_us, zone)}" + ("" if alarm.state.settled else "，仍需处理"))
    elif reason in ("repeat", "escalated"):
        minutes = max(0, now_us - alarm.raised_us) // (60 * US_PER_S)
        lines.append(f"已 {minutes} 分钟无人确认")
    address = link(public_url, alarm)
    if address:
        lines.append(f"查看：{address}")
    return Words(title, "\n".join(lines))


def digest_of(titles: Sequence[str], count: int, zone: tzinfo, public_url: str, *, from_us: int, to_us: int) -> Words:
    """One text in place of ``count`` notices, of which ``titles`` are the gravest or first."""
    lines = [f"{local(from_us, zone)} 至 {local(to_us, zone)[11:]} 共 {count} 条告警，合并为一条："]
    lines += [f"· {title}" for title in titles[:LISTED]]
    if count > len(titles[:LISTED]):
        lines.append(f"……另有 {count - len(titles[:LISTED])} 条")
    if public_url:
        lines.append(f"查看：{public_url.rstrip('/')}/")
    return Words(f"【告警汇总】{count} 条", "\n".join(lines))
