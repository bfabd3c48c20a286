"""``hub bench county``: how often is a watcher rung, and how many explanations are demanded, in a county's month?

200 windows in 20 halls and 60 recorders on 4G, one month. Faults are drawn from stated rates (``RATES``), and go
through what decides in the hub: merging and thresholds (``Docket``, ``Case``, ``DetectorRules``), the duty hours, and
the incidents. Frames are not simulated: a month of 260 streams has 10^10 of them. That the detector finds each fault
with its edges is what ``hub bench interruptions`` is for.
"""

from __future__ import annotations

import argparse
import random
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hub.bench.report import Report, Result
from hub.clock import US_PER_S, Instant
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.case import Fault
from hub.monitor.docket import Docket
from hub.monitor.incidents import Incidents, groups_by
from hub.monitor.rules import DetectorRules

_EPOCH_US = 1_767_225_600 * US_PER_S
_DAY_S = 86_400
_OPEN_S, _CLOSE_S = 9 * 3600, 17.5 * 3600
_SHIFT_S = 8 * 3600
_HALL = 10
_PATIENCE_S = 5.0
"""A stall is confirmed after this; what was late is there before."""

K = InterruptionKind


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_hour`` of the time that is due; the duration is log-normal around ``median_s``, within ``most_s``."""

    kind: InterruptionKind
    per_hour: float
    median_s: float
    spread: float
    most_s: float
    least_s: float = 0.1
    what: str = ""


WINDOWS = (
    Rate(K.STALL, 1 / 30, 2.5, 0.9, 60, 1.0, "link flap"),
    Rate(K.LOSS, 1 / 16, 0.6, 0.7, 10, 0.2, "damaged pictures"),
    Rate(K.NO_SIGNAL, 1 / 85, 45, 0.3, 120, 10, "the camera restarts by itself"),
    Rate(K.NO_SIGNAL, 1 / 170, 600, 0.8, 7200, 60, "unplugged or broken"),
    Rate(K.STEP, 1 / 85, 0.1, 0.1, 1, 0.1, "the device's clock is set"),
)
RECORDERS = (
    Rate(K.STALL, 4.0, 2.5, 0.9, 120, 0.5, "4G shadow; bursts up to 3 s come late and lose nothing"),
    Rate(K.NO_SIGNAL, 0.1, 45, 0.6, 300, 10, "tunnel, lift, cellar"),
    Rate(K.LOSS, 3.0, 0.4, 0.6, 5, 0.1, "hand-over of the cell"),
    Rate(K.STOPPED, 0.02, 60, 0.5, 600, 20, "battery changed within an activity"),
    Rate(K.NO_SIGNAL, 0.01, 60, 0.4, 300, 20, "the recorder restarts"),
)
"""Of an hour within activities."""
RATES = {"window": WINDOWS, "recorder": RECORDERS}
LATE_OPENING = 0.005
"""Of the windows of a day: switched on 5 to 25 minutes too late."""
HALL_POWER_PER_DAY = 1 / 60
HALL_SWITCH_PER_DAY = 1 / 22
CORE_PER_DAY = 1 / 30
ACTIVITIES_A_DAY = 5
ACTIVITY_S = 45 * 60
FILLED = 0.9
"""Of the breaks of recorders: the recorder had gone on by itself, and its footage closes them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--windows", type=int, default=200, help="how many windows (default 200)")
    parser.add_argument("--recorders", type=int, default=60, help="how many recorders (default 60)")
    parser.add_argument("--days", type=int, default=30, help="how many days (default 30)")
    parser.add_argument("--seed", type=int, default=1, help="another seed: another month")


def run(options: argparse.Namespace) -> Report:
    month = simulate(options.windows, options.recorders, options.days, options.seed)
    return Report("county", month.results(), 0, month.notes())


# ------------------------------------------------------------------------------------- the faults


@dataclass(frozen=True, slots=True, order=True)
class Trouble:
    """A stream delivers nothing, or damaged pictures. Seconds since the beginning of the month."""

    at_s: float
    for_s: float
    kind: InterruptionKind


@dataclass(slots=True)
class Source:
    id: str
    kind: str
    hall: str
    due: list[tuple[float, float]] = field(default_factory=list)
    """When recording is due: hours, activities."""
    troubles: list[Trouble] = field(default_factory=list)


def county(windows: int, recorders: int, days: int, rng: random.Random) -> list[Source]:
    """The sources of a month with what happens to them."""
    workdays = [day for day in range(days) if day % 7 < 5]
    sources = [Source(f"window-{n:03d}", "window", f"hall-{n // _HALL:02d}") for n in range(windows)]
    for one in sources:
        one.due = [(day * _DAY_S + _OPEN_S, day * _DAY_S + _CLOSE_S) for day in workdays]
        for begin_s, _ in one.due:
            if rng.random() < LATE_OPENING:
                one.troubles.append(Trouble(begin_s, rng.uniform(300, 1500), K.NOT_STARTED))
    for n in range(recorders):
        one = Source(f"recorder-{n:03d}", "recorder", "")
        for day in range(days):
            if day % 7 < 6:
                starts = sorted(rng.uniform(_OPEN_S, 21 * 3600) for _ in range(ACTIVITIES_A_DAY))
                one.due += _apart([day * _DAY_S + start for start in starts])
        sources.append(one)
    for one in sources:
        one.troubles += _drawn(one, rng)
    _together(sources, workdays, rng)
    for one in sources:
        one.troubles.sort()
    return sources


def _apart(starts: list[float]) -> Iterator[tuple[float, float]]:
    end = 0.0
    for start in starts:
        begin, end = max(start, end + 60), max(start, end + 60) + ACTIVITY_S
        yield begin, end


def _drawn(one: Source, rng: random.Random) -> Iterator[Trouble]:
    for begin_s, end_s in one.due:
        for rate in RATES[one.kind]:
            at_s = begin_s + rng.expovariate(rate.per_hour / 3600)
            while at_s < end_s:
                for_s = min(rate.most_s, max(rate.least_s, rng.lognormvariate(0, rate.spread) * rate.median_s))
                if not (rate.kind is K.STALL and one.kind == "recorder" and for_s <= 3.0):
                    yield Trouble(at_s, for_s, rate.kind)
                at_s += for_s + rng.expovariate(rate.per_hour / 3600)


def _together(sources: list[Source], workdays: list[int], rng: random.Random) -> None:
    """Halls lose their power or their switch, the whole county its core switch."""
    halls: dict[str, list[Source]] = {}
    for one in sources:
        halls.setdefault(one.hall, []).append(one)
    for day in workdays:
        everywhere = [one for one in sources if one.hall]
        causes = [(everywhere, CORE_PER_DAY, 8.0, 20.0)]
        for hall, members in halls.items():
            if hall:
                causes += [(members, HALL_POWER_PER_DAY, 300.0, 2400.0), (members, HALL_SWITCH_PER_DAY, 40.0, 120.0)]
        for members, per_day, least_s, most_s in causes:
            if rng.random() < per_day:
                at_s, for_s = day * _DAY_S + rng.uniform(_OPEN_S + 60, _CLOSE_S - 3000), rng.uniform(least_s, most_s)
                for one in members:
                    one.troubles.append(Trouble(at_s + rng.uniform(0, 0.8), for_s + rng.uniform(0, 20), K.NO_SIGNAL))


# ----------------------------------------------------------------------- through the hub's own logic


@dataclass(slots=True)
class Month:
    """What it came to."""

    sources: list[Source]
    days: int
    rings: list[tuple[float, str]] = field(default_factory=list)
    """When, and of what."""
    recorded: Counter[str] = field(default_factory=Counter)
    demanded: list[Interruption] = field(default_factory=list)
    incidents: int = 0

    def results(self) -> list[Result]:
        shifts = self.per_shift()
        weeks = self.days / 7
        recorders = sum(one.kind == "recorder" for one in self.sources)
        asked = Counter("recorder" if one.stream_id.startswith("rec") else "window" for one in self.demanded)
        signed = asked["recorder"] * (1 - FILLED)
        return [
            Result("interruptions recorded", sum(self.recorded.values()) / weeks, "a week"),
            Result("incidents of many streams", self.incidents, f"in {self.days} days"),
            Result("rung per shift, median", statistics.median(shifts), "of a watcher"),
            Result("rung per shift, p95", _p95(shifts), "of a watcher"),
            Result("rung per shift, most", max(shifts), "of a watcher"),
            Result("explanations demanded, windows", asked["window"] / weeks, "a week"),
            Result("explanations demanded, recorders", asked["recorder"] / weeks, "a week"),
            Result("the same, a recorder", asked["recorder"] / weeks / max(1, recorders), "a week"),
            Result("left when footage was filled in", signed / weeks, "a week, all recorders"),
            Result("signatures, if none of those is spoken", 2 * signed / weeks, "a week"),
        ]

    def per_shift(self) -> list[int]:
        """Of working days from 8 to 16 and 16 to 24; nobody is rung at night."""
        counts = Counter((int(at_s // _DAY_S), at_s % _DAY_S >= 16 * 3600) for at_s, _ in self.rings)
        return [counts[day, late] for day in range(self.days) if day % 7 < 5 for late in (False, True)]

    def notes(self) -> list[str]:
        kinds = Counter(what for _, what in self.rings)
        of = Counter(f"{one.kind}" for one in self.demanded)
        return [
            "recorded by kind: " + _counts(self.recorded),
            "rung by kind: " + _counts(kinds),
            "explanations by kind: " + _counts(of),
        ]


def simulate(windows: int, recorders: int, days: int, seed: int, rules: DetectorRules | None = None) -> Month:
    """A month, from its faults to its rings."""
    rng = random.Random(seed)  # noqa: S311 - which fault comes when is no secret
    sources = county(windows, recorders, days, rng)
    rules = rules or DetectorRules()
    changes: list[tuple[int, Interruption]] = []
    for one in sources:
        changes += _judged(one, rules)
    changes.sort(key=lambda change: (change[0], change[1].id))
    return _told(sources, days, changes)


def _told(sources: list[Source], days: int, changes: Iterable[tuple[int, Interruption]]) -> Month:
    """Incidents first, as in the hub; then what rings by itself."""
    groups = groups_by({one.id: (one.hall, ("root",)) for one in sources if one.hall})
    incidents = Incidents(groups)
    month = Month(sources, days)
    rung: set[str] = set()
    asked: set[str] = set()
    known: set[str] = set()
    for at_us, change in changes:
        for news in incidents.take(change, at_us):
            month.incidents += news.word == "opened"
            if news.incident.rings and news.incident.id not in rung:
                rung.add(news.incident.id)
                month.rings.append(((at_us - _EPOCH_US) / US_PER_S, "incident"))
        incident = incidents.of(change.id)
        if change.recorded and change.state is InterruptionState.CONFIRMED and change.id not in known:
            known.add(change.id)
            month.recorded[str(change.kind)] += 1
        if change.rings and change.id not in rung:
            rung.add(change.id)
            if incident is None:
                month.rings.append(((at_us - _EPOCH_US) / US_PER_S, str(change.kind)))
        if change.state is InterruptionState.CLOSED and change.needs_explanation and change.id not in asked:
            asked.add(change.id)
            month.demanded.append(change)
    return month


def _judged(one: Source, rules: DetectorRules) -> list[tuple[int, Interruption]]:
    """What the docket of a stream says of its troubles, and when. What is not due was never asked for."""
    docket = Docket(one.id, rules)
    out: list[tuple[int, Interruption]] = []
    until_s = 0.0
    for trouble in one.troubles:
        due = next((span for span in one.due if span[0] <= trouble.at_s < span[1]), None)
        if due is None or trouble.at_s < until_s:
            continue  # nothing is due, or it is broken already
        _settle(docket, until_s, trouble.at_s, out)
        until_s = min(trouble.at_s + trouble.for_s, due[1])
        if trouble.kind is K.STEP:
            continue  # lives beside the docket, and neither rings nor asks
        _play(docket, trouble, until_s, rules, out)
    _settle(docket, until_s, until_s + 60, out)
    return out


def _play(
    docket: Docket, trouble: Trouble, until_s: float, rules: DetectorRules, out: list[tuple[int, Interruption]]
) -> None:
    begin = _at(trouble.at_s)
    waits_s = {K.LOSS: 0.0, K.NO_SIGNAL: 0.9, K.STOPPED: 0.9, K.NOT_STARTED: rules.opening_grace_us / US_PER_S}
    wait_s = min(waits_s.get(trouble.kind, _PATIENCE_S), until_s - trouble.at_s)
    fault = Fault(begin.utc_us, begin.mono_us, _at(trouble.at_s + wait_s).mono_us, 1, missing=True)
    _say(docket.add(1, fault, trouble.kind, _at(trouble.at_s + wait_s)), trouble.at_s + wait_s, out)
    _say(docket.confirm(_at(trouble.at_s + wait_s)), trouble.at_s + wait_s, out)
    rule = rules.of(trouble.kind)
    for threshold_us in sorted({rule.record_from_us, rule.ring_from_us or 0, rule.explain_from_us or 0}):
        at_s = trouble.at_s + threshold_us / US_PER_S + 0.05
        if trouble.at_s + wait_s < at_s < until_s:
            changes: list[Interruption] = []
            docket.tick(_at(at_s), changes, may_confirm=True)
            _say(changes, at_s, out)
    fault.ended_us, fault.fixed = _at(until_s).utc_us, True
    _say(docket.settle(_at(until_s)), until_s, out)


def _settle(docket: Docket, from_s: float, to_s: float, out: list[tuple[int, Interruption]]) -> None:
    """The ticks that matter between two troubles: pictures are whole again, the edge is known, it is long ago."""
    for after_s in (1.1, 6.2, 31.0):
        if from_s + after_s < to_s:
            changes: list[Interruption] = []
            docket.tick(_at(from_s + after_s), changes, may_confirm=True)
            _say(changes, from_s + after_s, out)


def _say(changes: Iterable[Interruption], at_s: float, out: list[tuple[int, Interruption]]) -> None:
    out += [(_at(at_s).utc_us, change) for change in changes]


def _at(seconds: float) -> Instant:
    us = round(seconds * US_PER_S)
    return Instant(_EPOCH_US + us, us)


def _p95(values: list[int]) -> float:
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common()) or "none"
