"""Chinese words for the figures, of the bulletin and of paper. The page has its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from hub.clock import US_PER_S
from hub.inspection.records import Kind

COLUMNS: Mapping[Kind, str] = MappingProxyType(
    {
        "interruptions": "中断",
        "unexplained": "未说明的中断",
        "overdue": "其中超期",
        "activities": "执法活动",
        "full_unexplained": "全程有未说明中断",
        "no_notice": "无告知",
        "no_certificate_shown": "未出示证件",
        "no_officers": "未登记执法人员",
        "only_assistants": "仅有协助人员",
        "storage_overdue": "超期未存储",
        "no_sound": "窗口无声音（窗口·天）",
    }
)
POPULATIONS: Mapping[str, str] = MappingProxyType({"streams": "设备", "activities": "执法活动", "slots": "录像时段"})
OUTCOMES: Mapping[str, str] = MappingProxyType({"pass": "合格", "problem": "问题"})


def local(at_us: int, zone: str) -> str:
    """Date and time of the hub's zone, to the second."""
    return datetime.fromtimestamp(at_us // US_PER_S, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")
