"""Step 7 of a verification: footage that a device recorded by itself and brought later, and what it fills. Pure.

A run of the protocol ``upload`` lies in time where its footage belongs, beside the runs that were recorded as they
came: it opens no gap and closes none. A ``backfill`` entry says which interruption it fills, from when to when, and in
which run the footage is; all three are looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from hub.ledger.bodies import INTERRUPTION_TYPES, UPLOAD
from hub.ledger.entries import Entry, EntryType, is_footage
from hub.ledger.verdict import Finding, Harm, Step
from hub.model import InterruptionKind

EDGE_SLACK_US = 500_000
"""What may be missing at an edge or between two pieces: edges are true within this."""
US_PER_S = 1_000_000
Interval = tuple[int, int]
_LOSSLESS = frozenset(kind.value for kind in InterruptionKind if not kind.loses_media)


@dataclass(slots=True)
class _Cut:
    """An interruption as of its newest entry."""

    started_us: int
    ended_us: int | None
    edge_error_us: int
    count: int
    loses: bool


@dataclass(frozen=True, slots=True)
class _Fill:
    interruption: str
    from_us: int
    to_us: int
    whole: bool
    run: int
    edge_error_us: int
    place: str


@dataclass(slots=True)
class Fills:
    """One stream's uploads, fed in the order of the chain. ``whole``: all of the chain is."""

    stream: str
    whole: bool
    uploading: set[int] = field(default_factory=set)
    _runs: dict[int, list[Interval]] = field(default_factory=dict)
    """Recorded time of each uploaded run."""
    _cuts: dict[str, _Cut] = field(default_factory=dict)
    _opened: dict[str, str] = field(default_factory=dict)
    """Leaf hashes of the entries that opened interruptions, with their ids."""
    _fills: list[_Fill] = field(default_factory=list)
    _wrong: list[Finding] = field(default_factory=list)

    def entry(self, entry: Entry, place: object) -> bool:
        """Takes an entry, which stands at ``str(place)``; whether it is of an uploaded run alone, and says nothing of
        what was recorded as it came."""
        kind, body = entry.type, entry.body
        if kind is EntryType.OPEN and body["protocol"] == UPLOAD:
            self._runs[body["run"]] = []
            self.uploading.add(body["run"])
            return True
        if kind is EntryType.CLOSE and body.get("run") in self._runs:
            self.uploading.discard(body["run"])
            return True
        if is_footage(kind, body) and self.chunk(body):
            return True
        if kind in INTERRUPTION_TYPES:
            if kind is EntryType.INTERRUPTION_OPEN:
                self._opened[entry.leaf] = body["id"]
            self._cuts[body["id"]] = _Cut(
                body["started_us"],
                body.get("ended_us"),
                body["edge_error_us"],
                body["count"],
                body["kind"] not in _LOSSLESS,
            )
        elif kind is EntryType.BACKFILL:
            self._backfill(entry, str(place))
        return False

    def chunk(self, body: Mapping[str, Any]) -> bool:
        """Takes what a footage entry says; whether it is of an uploaded run."""
        return bool(self._runs) and self.chunks(body["run"], [(body["first_us"], body["end_us"])])

    def chunks(self, run: int, spans: Iterable[Interval]) -> bool:
        """The same of several footage entries of a run."""
        known = self._runs.get(run)
        if known is None:
            return False
        known.extend(spans)
        return True

    def _backfill(self, entry: Entry, place: str) -> None:
        body = entry.body
        opened = self._opened.get(body["fills"])
        if opened is None:
            if self.whole:
                self._find(place, "an earlier entry that opened the interruption it fills", f"none {body['fills']}")
            return
        if opened != body["interruption"]:
            self._find(place, f"the interruption {opened}, whose entry it names", str(body["interruption"]))
            return
        fill = (body["interruption"], body["from_us"], body["to_us"], body["whole"], body["run"])
        self._fills.append(_Fill(*fill, body["edge_error_us"], place))

    def _find(self, place: str, expected: str, found: str) -> None:
        self._wrong.append(Finding(Step.COMPLETENESS, Harm.ALTERED, self.stream, place, expected, found))

    def findings(self) -> Iterator[Finding]:
        """Entries that say that something is filled where it is not."""
        yield from self._wrong
        for fill in self._fills:
            there = self._runs.get(fill.run)
            if there is None and not self.whole:
                continue  # the run lies outside of the part of the chain that is here
            bare = uncovered_us(fill.from_us, fill.to_us, there or [])
            if bare > EDGE_SLACK_US + fill.edge_error_us:
                expected = f"footage of run {fill.run} for the time that it says is filled"
                found = f"{bare / US_PER_S:.3f} s without"
                yield Finding(Step.COMPLETENESS, Harm.ALTERED, self.stream, fill.place, expected, found)

    def unfilled(self, standing: Set[str]) -> int:
        """How many of these interruptions lost footage that was not brought, or not all of it."""
        return sum(
            cut.loses and not self._is_filled(ident, cut) for ident, cut in self._cuts.items() if ident in standing
        )

    def _is_filled(self, ident: str, cut: _Cut) -> bool:
        own = [fill for fill in self._fills if fill.interruption == ident]
        if cut.ended_us is None or not any(fill.whole for fill in own):
            return False
        if cut.count > 1:
            return True  # of several breaks, what lies between them was recorded as it came
        brought = [span for fill in own for span in self._runs.get(fill.run, [])]
        slack = EDGE_SLACK_US + max(cut.edge_error_us, *(fill.edge_error_us for fill in own))
        return uncovered_us(cut.started_us, cut.ended_us, brought) <= slack


def uncovered_us(start: int, end: int, spans: list[Interval]) -> int:
    """The longest stretch of start … end outside of all spans."""
    longest, at = 0, start
    for low, high in sorted(spans):
        if high <= at:
            continue
        if low >= end:
            break
        longest = max(longest, low - at)
        at = max(at, high)
    return max(longest, end - at)
