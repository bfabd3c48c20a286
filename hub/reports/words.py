"""What the report says of itself: words, formats, and how each figure is counted."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from hub.clock import US_PER_S
from hub.reports.month import Month

TITLE = "录像完整率月报"
NOTHING = "—"

COUNTED = (
    ("应录", "值勤日历规定的时间，按当时有效的日历判定，事后修改不改判；没有日历的窗口自登记之日起全天应录；"
             "执法活动期间一律应录。"),
    ("已录", "应录时间内有录像的时间，含事后补传；损坏的画面视为缺失。最近 15 秒尚未封存，不计。"),
    ("已说明／未说明", "缺失时间中，被已说明的中断覆盖的部分与其余部分，两者之和等于应录减已录。说明不增加已录时间。"),
    ("完整率", "已录 ÷ 应录，向下取整：不完整的不会显示为 100%。"),
    ("有效率", "已录时间中扣除黑屏、画面冻结、镜头被遮挡之后的部分 ÷ 应录。"),
    ("中断", "本月内开始并经确认的中断；疑似和撤回的不计。时长为各次时长之和，不论是否在应录时间内。"),
    ("无声音天数", "应录且在线而没有声音轨道的天数；有轨道而静音的计入“没有声音信号”的中断。"),
    ("上月", "上个自然月全月，同一口径，同一批窗口。"),
)  # fmt: skip
"""Name and meaning of each column."""


def traced(month: Month) -> str:
    """Where each figure can be checked."""
    origin, size, root = month.drawn.head
    text = (
        f"各数由存证台账计算，可用 GET /api/completeness/month?unit={month.unit}&month={month.month[:7]} 复核；"
        "中断以 GET /api/interruptions 按编号逐条列出。"
    )
    return text if not origin else f"{text}制表时台账 {origin} 共 {size} 条，根 {root}。"


def scope(month: Month) -> str:
    """In one sentence what the report holds and how far."""
    windows = f"{len(month.windows)} 个窗口和场所"
    reach = "全月" if month.over else f"截至 {local(month.until_us, month.zone)}，本月尚未结束"
    return f"{month.unit_name}及其下级，{windows}，{reach}。"


def local(at_us: int, zone: str) -> str:
    return datetime.fromtimestamp(at_us // US_PER_S, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def hours(us: int) -> str:
    """``176:00:00``; anything that is not nothing is a second at least."""
    seconds = us // US_PER_S if us >= US_PER_S or us <= 0 else 1
    return f"{seconds // 3600}:{seconds % 3600 // 60:02}:{seconds % 60:02}"


def percent(share: float | None) -> str:
    """Rounded down to a hundredth of a percent, as it is in the share itself."""
    if share is None:
        return NOTHING
    return "100%" if share >= 1 else f"{int(share * 10_000 + 1e-6) / 100:.2f}%"


def points(change: float | None) -> str:
    """A change in percentage points, with its sign."""
    return NOTHING if change is None else "±0.00" if abs(change) < 0.000_05 else f"{change * 100:+.2f}"
