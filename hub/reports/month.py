"""The month's completeness of a unit: every figure that the screen, the paper and the table show. Pure, in µs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from hub.duty.amounts import Amounts, covered
from hub.duty.completeness import DayOf, Detail, total
from hub.duty.intervals import common, length
from hub.model import Interruption, InterruptionKind, InterruptionState, Stream

_MERE = (InterruptionState.SUSPECTED, InterruptionState.WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one window, one day or all together. ``explained_us`` is the part of what is missing that an explanation
    covers; it is missing all the same."""

    amounts: Amounts = field(default_factory=Amounts)
    explained_us: int = 0
    unknown_days: int = 0
    """Days whose year's holidays were not known: their weekday alone has judged them."""

    def __add__(self, other: Figures) -> Figures:
        explained_us = self.explained_us + other.explained_us
        return Figures(self.amounts + other.amounts, explained_us, self.unknown_days + other.unknown_days)

    @property
    def unexplained_us(self) -> int:
        return self.amounts.missing_us - self.explained_us


@dataclass(frozen=True, slots=True)
class Cuts:
    """Interruptions of one kind that began in the month: how many, and how long together."""

    count: int = 0
    lasted_us: int = 0

    def __add__(self, other: Cuts) -> Cuts:
        return Cuts(self.count + other.count, self.lasted_us + other.lasted_us)


@dataclass(frozen=True, slots=True)
class Window:
    """One row of the report. ``before``: the whole month before. ``cuts``: by kind, in the order of the kinds."""

    stream: Stream
    unit: str
    figures: Figures
    before: Figures
    days: Mapping[date, Amounts]
    cuts: Mapping[InterruptionKind, Cuts]
    no_sound: Sequence[str] = ()
    """Days on which it was live without a sound track."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Who drew the report, when, and how far the ledger had come then (origin, size, root)."""

    by: str
    name: str
    at_us: int
    head: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True, slots=True)
class Month:
    """A report. ``until_us`` is what it reaches to: the month's end, or when it was drawn."""

    month: str
    unit: str
    unit_name: str
    zone: str
    from_us: int
    until_us: int
    over: bool
    drawn: Drawn
    windows: Sequence[Window]
    calendar: bool
    """Whether any hours were ever given: without them windows are due at all hours."""
    days: Mapping[date, Figures] = field(default_factory=dict)
    total: Figures = Figures()
    before: Figures = Figures()
    cuts: Mapping[InterruptionKind, Cuts] = field(default_factory=dict)

    @property
    def change(self) -> float | None:
        """Of the completeness against the month before, as a share; None where either is not there."""
        return change(self.total, self.before)


@dataclass(frozen=True, slots=True)
class Given:
    """What a window's row is made of."""

    stream: Stream
    unit: str
    days: Sequence[DayOf]
    detail: Detail | None
    """None: nothing is missing and nothing broke."""
    before: Sequence[DayOf]
    no_sound: Sequence[str] = ()


def change(now: Figures, before: Figures) -> float | None:
    one, other = now.amounts.completeness, before.amounts.completeness
    return None if one is None or other is None else round(one - other, 6)


def belongs(stream: Stream, days: Iterable[DayOf]) -> bool:
    """Windows and rooms, and what else was due: a recorder without activities has no rate and no row."""
    due = any(one.amounts.due_us for one in days)
    return due or (stream.kind.always_expected and not stream.retired)


def month(blank: Month, given: Sequence[Given], explained: Collection[str]) -> Month:
    """The report. ``blank`` says whose and when; ``explained``: ids of interruptions that were explained."""
    rows: list[Window] = []
    days: dict[date, Figures] = {}
    for one in given:
        lost = {} if one.detail is None else _explained(one, explained)
        figures = Figures()
        for day in one.days:
            found = Figures(day.amounts, min(lost.get(day.day, 0), day.amounts.missing_us), int(day.year_missing))
            figures += found
            known = days.get(day.day, Figures())
            # of several windows a day without a known year is one day
            days[day.day] = replace(known + found, unknown_days=max(known.unknown_days, found.unknown_days))
        before, unknown = total(one.before)
        rows.append(
            Window(
                one.stream, one.unit, figures, Figures(before, 0, unknown), {day.day: day.amounts for day in one.days},
                _cuts(one.detail, blank) if one.detail else {}, one.no_sound,
            )
        )  # fmt: skip
    whole = sum(days.values(), Figures())
    cuts = {kind: sum((row.cuts.get(kind, Cuts()) for row in rows), Cuts()) for kind in InterruptionKind}
    return replace(
        blank,
        windows=rows,
        days=dict(sorted(days.items())),
        total=whole,
        before=sum((row.before for row in rows), Figures()),
        cuts={kind: found for kind, found in cuts.items() if found.count},
    )


def _explained(one: Given, explained: Collection[str]) -> dict[date, int]:
    """How much of what is missing an explanation covers, by day."""
    assert one.detail is not None
    missing = one.detail.sorted.missing
    told = [each for each in one.detail.interruptions if each.id in explained and each.state not in _MERE]
    if not missing or not told:
        return {}
    end_us = max(day.to_us for day in one.days)
    found = common(missing, covered(told, one.detail.sorted.had, end_us))
    return {day.day: length(common(found, [(day.from_us, day.to_us)])) for day in one.days}


def _cuts(detail: Detail, blank: Month) -> dict[InterruptionKind, Cuts]:
    found: dict[InterruptionKind, Cuts] = {}
    for one in sorted(detail.interruptions, key=lambda each: list(InterruptionKind).index(each.kind)):
        if one.state not in _MERE and blank.from_us <= one.started_us < blank.until_us:
            found[one.kind] = found.get(one.kind, Cuts()) + Cuts(1, _lasted_us(one, blank.until_us))
    return found


def _lasted_us(one: Interruption, until_us: int) -> int:
    end_us = until_us if one.ended_us is None else min(one.ended_us, until_us)
    return max(end_us - one.started_us, 0)


def hardest(month: Month, most: int = 5) -> list[Window]:
    """The windows with the most that nobody has explained."""
    found = [one for one in month.windows if one.figures.unexplained_us > 0]
    return sorted(found, key=lambda one: (-one.figures.unexplained_us, one.stream.id))[:most]
