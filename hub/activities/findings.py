"""What is wrong with an activity. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from hub.activities.model import Activity, MarkKind, Mode
from hub.activities.rules import ActivityRules
from hub.clock import US_PER_S

SEALED_WITHIN_US = 60 * US_PER_S
"""What was recorded is sealed, and known here, some seconds late."""


class Finding(StrEnum):
    NO_OFFICERS = "no_officers"
    ONLY_ASSISTANTS = "only_assistants"
    NO_RECORDER = "no_recorder"
    """谁执法、谁记录 (003§7–8): it was not said which of the officers records."""
    RECORDER_IS_ASSISTANT = "recorder_is_assistant"
    NO_CERTIFICATE_SHOWN = "no_certificate_shown"
    NO_NOTICE = "no_notice"
    UNEXPLAINED = "unexplained"
    STORAGE_OVERDUE = "storage_overdue"
    NO_FOOTAGE = "no_footage"
    """It has ended, and nothing at all was recorded of it: words without footage (A§19)."""


WORDS: dict[Finding, str] = {
    Finding.NO_OFFICERS: "未登记执法人员",
    Finding.ONLY_ASSISTANTS: "仅有协助人员",
    Finding.NO_RECORDER: "未登记记录人员（谁执法、谁记录）",
    Finding.RECORDER_IS_ASSISTANT: "记录人员为协助人员",
    Finding.NO_CERTIFICATE_SHOWN: "无出示证件标记",
    Finding.NO_NOTICE: "当事人在场而无告知标记",
    Finding.UNEXPLAINED: "全程记录有未说明的中断",
    Finding.STORAGE_OVERDUE: "超期未存储",
    Finding.NO_FOOTAGE: "有文字登记而无音像记录",
}
CLAUSES: dict[Finding, str] = {
    Finding.NO_OFFICERS: "A§9(1)",
    Finding.ONLY_ASSISTANTS: "002§5",
    Finding.NO_RECORDER: "003§7–8",
    Finding.RECORDER_IS_ASSISTANT: "003§7–8",
    Finding.NO_CERTIFICATE_SHOWN: "A§9(1)",
    Finding.NO_NOTICE: "004§6, 003§19",
    Finding.UNEXPLAINED: "001§20, 003§18, A§23",
    Finding.STORAGE_OVERDUE: "A§24, 002§23, 003§11, 004§34",
    Finding.NO_FOOTAGE: "A§19",
}


def findings(
    activity: Activity,
    rules: ActivityRules,
    now_us: int,
    *,
    unexplained: bool = False,
    overdue: bool = False,
    footage: bool = True,
) -> tuple[Finding, ...]:
    """In the order of :class:`Finding`. ``unexplained``: an interruption within it is neither filled nor explained.
    ``footage``: something of it was recorded."""
    found: list[Finding] = []
    if not activity.officers:
        found.append(Finding.NO_OFFICERS)
    else:
        found += _of_officers(activity)
    late = not activity.open or now_us - activity.began_us >= rules.marks_within_s * US_PER_S
    if late and not activity.marked(MarkKind.CERTIFICATE_SHOWN):
        found.append(Finding.NO_CERTIFICATE_SHOWN)
    if late and activity.party_present and not activity.marked(MarkKind.NOTICE):
        found.append(Finding.NO_NOTICE)
    if unexplained and activity.mode is Mode.FULL:
        found.append(Finding.UNEXPLAINED)
    if overdue:
        found.append(Finding.STORAGE_OVERDUE)
    if not footage and activity.ended_us is not None and now_us - activity.ended_us >= SEALED_WITHIN_US:
        found.append(Finding.NO_FOOTAGE)
    return tuple(found)


def _of_officers(activity: Activity) -> list[Finding]:
    if all(one.assistant for one in activity.officers):
        return [Finding.ONLY_ASSISTANTS]
    if not activity.recorder:
        return [Finding.NO_RECORDER]
    recorder = next((one for one in activity.officers if activity.recorder in (one.certificate, one.name)), None)
    return [Finding.RECORDER_IS_ASSISTANT] if recorder is not None and recorder.assistant else []


def uncovered(
    from_us: int, to_us: int, spans: Sequence[tuple[int, int]], tolerance_us: int = 0
) -> list[tuple[int, int]]:
    """The parts of ``from_us … to_us`` that no span covers, longer than ``tolerance_us``."""
    gaps, at = [], from_us
    for begin, end in sorted(spans):
        if begin > at:
            gaps.append((at, min(begin, to_us)))
        at = max(at, end)
        if at >= to_us:
            break
    if at < to_us:
        gaps.append((at, to_us))
    return [(begin, end) for begin, end in gaps if end - begin > tolerance_us]
