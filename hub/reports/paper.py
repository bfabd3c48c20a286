"""The month's completeness on paper: A4, Chinese, with a line to sign (hub/typesetting.py)."""

from __future__ import annotations

from importlib import resources
from typing import Any

from hub.reports.month import Cuts, Figures, Month, Window, change, hardest
from hub.reports.words import COUNTED, NOTHING, TITLE, hours, local, percent, points, scope, traced
from hub.typesetting import typeset
from hub.words import KINDS

_WEEKDAYS = "一二三四五六日"
MAX_SILENT_DAYS = 31


def pdf(month: Month) -> bytes:
    """The report as PDF. Raises Unavailable when the fonts are not there. Blocks for some tenths of a second."""
    template = resources.files("hub.reports") / "templates" / "month.typ"
    what = f"the report of {month.unit} {month.month}"
    return typeset(template, view(month), {}, at_us=month.drawn.at_us, what=what)


def view(month: Month) -> dict[str, Any]:
    """What the template shows: texts, and the bars' heights as parts of 1000."""
    drawn = month.drawn
    return {
        "title": TITLE,
        "unit": month.unit_name,
        "month": f"{month.month[:4]} 年 {int(month.month[5:7])} 月",
        "drawn_at": local(drawn.at_us, month.zone),
        "drawn_by": drawn.name if drawn.name == drawn.by else f"{drawn.name}（{drawn.by}）",
        "zone": month.zone,
        "scope": scope(month),
        "over": month.over,
        "calendar": month.calendar,
        "tiles": _tiles(month),
        "days": [_day(day.day, day.weekday(), figures) for day, figures in month.days.items()],
        "windows": [_window(one) for one in month.windows],
        "total": _figures(month.total, month.before, sum(month.cuts.values(), Cuts()), _silent(month)),
        "hardest": [
            {"name": one.stream.name, "text": f"未说明 {hours(one.figures.unexplained_us)}"} for one in hardest(month)
        ],
        "cuts": [
            {"kind": KINDS[kind], "count": str(cuts.count), "lasted": hours(cuts.lasted_us)}
            for kind, cuts in month.cuts.items()
        ],
        "silent": [
            {"name": one.stream.name, "count": str(len(one.no_sound)), "days": _short(one)}
            for one in month.windows
            if one.no_sound
        ],
        "unknown_days": str(month.total.unknown_days),
        "counted": [{"name": name, "text": text} for name, text in COUNTED],
        "traced": traced(month),
    }


def _silent(month: Month) -> int:
    return sum(len(one.no_sound) for one in month.windows)


def _short(one: Window) -> str:
    return "、".join(f"{int(day[8:])} 日" for day in one.no_sound[:MAX_SILENT_DAYS])


def _tiles(month: Month) -> list[dict[str, str]]:
    total, amounts = month.total, month.total.amounts
    return [
        {"name": "完整率", "value": percent(amounts.completeness), "more": f"上月 {percent(_before(month))}"},
        {"name": "应录", "value": hours(amounts.due_us), "more": f"已录 {hours(amounts.had_us)}"},
        {"name": "缺失", "value": hours(amounts.missing_us), "more": f"未说明 {hours(total.unexplained_us)}"},
        {"name": "有效率", "value": percent(amounts.usable_rate), "more": f"比上月 {points(month.change)} 个百分点"},
    ]


def _before(month: Month) -> float | None:
    return month.before.amounts.completeness


def _day(number: int, weekday: int, figures: Figures) -> dict[str, Any]:
    share = figures.amounts.completeness
    return {
        "day": str(number),
        "weekday": _WEEKDAYS[weekday],
        "due": share is not None,
        "height": 0 if share is None else int(share * 1000),
        "whole": share is not None and share >= 1,
        "figure": "" if share is None else "100" if share >= 1 else f"{int(share * 1000 + 1e-6) / 10:.1f}",
        "rate": percent(share),
        "length": hours(figures.amounts.due_us) if share is not None else NOTHING,
        "missing": hours(figures.amounts.missing_us) if share is not None else NOTHING,
    }


def _window(one: Window) -> dict[str, str]:
    cuts = sum(one.cuts.values(), Cuts())
    found = {"id": one.stream.id, "name": one.stream.name, "unit": one.unit}
    return found | _figures(one.figures, one.before, cuts, len(one.no_sound))


def _figures(now: Figures, before: Figures, cuts: Cuts, silent_days: int) -> dict[str, str]:
    amounts = now.amounts
    return {
        "due": hours(amounts.due_us),
        "had": hours(amounts.had_us),
        "backfilled": hours(amounts.backfilled_us) if amounts.backfilled_us else NOTHING,
        "explained": hours(now.explained_us) if now.explained_us else NOTHING,
        "unexplained": hours(now.unexplained_us) if now.unexplained_us else NOTHING,
        "rate": percent(amounts.completeness),
        "before": percent(before.amounts.completeness),
        "change": points(change(now, before)),
        "cuts": str(cuts.count) if cuts.count else NOTHING,
        "silent": str(silent_days) if silent_days else NOTHING,
    }
