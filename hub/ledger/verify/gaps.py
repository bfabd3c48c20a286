"""Step 7 of a verification: recorded time that is missing, and whether an entry says so, or footage that was brought
later fills it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import sub
from typing import Any

from hub.ledger import shapes
from hub.ledger.bodies import INTERRUPTION_TYPES, WITHOUT_A_WORD_US
from hub.ledger.entries import Entry, EntryType, is_footage
from hub.ledger.verdict import Finding, Harm, Step
from hub.ledger.verify.fills import Fills, uncovered_us
from hub.ledger.verify.lines import Stretch

EDGE_SLACK_US = 500_000
"""Edges of interruptions are true within ``edge_error_us``, which is at most this."""
US_PER_S = 1_000_000
_CHUNK = EntryType.CHUNK
_WITHDRAWN = (-1, -1)


@dataclass(slots=True)
class Gaps:
    """One stream's footage and interruptions, fed in the order of the chain."""

    stream: str
    whole: bool = True
    """All of the chain is fed: what an entry refers to must have come before it."""
    _fills: Fills = field(init=False)
    _last: Mapping[str, Any] | None = None
    _last_recovered: bool = False
    _ended: bool = False
    _candidates: list[tuple[int, int, str]] = field(default_factory=list)
    _declared: dict[str, tuple[int, int]] = field(default_factory=dict)
    _late: list[tuple[int, int]] = field(default_factory=list)
    """Footage of runs that were followed by others before anybody told of it."""
    chunks: int = 0

    def __post_init__(self) -> None:
        self._fills = Fills(self.stream, self.whole)

    @property
    def unfilled(self) -> int:
        """Interruptions that lost footage of which not all was brought later."""
        standing = {ident for ident, edges in self._declared.items() if edges != _WITHDRAWN}
        return self._fills.unfilled(standing)

    @property
    def uploading(self) -> set[int]:
        """Runs in which footage is brought at this moment."""
        return self._fills.uploading

    @property
    def interruptions(self) -> int:
        """How many interruptions stand."""
        return sum(edges != _WITHDRAWN for edges in self._declared.values())

    def entry(self, entry: Entry, place: object) -> None:
        """The next entry; ``str(place)`` says where it stands."""
        kind, body = entry.type, entry.body
        if kind is _CHUNK:
            if self._fills.chunk(body):
                self.chunks += 1
            else:
                self._footage(body, False, place)
        elif self._fills.entry(entry, place):
            self.chunks += is_footage(kind, body)
        elif is_footage(kind, body):
            self._footage(body, kind is EntryType.RECOVERY, place)
        elif kind is EntryType.CLOSE:
            self._ended = True
        elif kind in INTERRUPTION_TYPES:
            slack = EDGE_SLACK_US + body["edge_error_us"]
            ended = body.get("ended_us")
            self._declared[body["id"]] = (
                _WITHDRAWN
                if kind is EntryType.INTERRUPTION_WITHDRAWN
                else (body["started_us"] - slack, 1 << 62 if ended is None else ended + slack)
            )

    def stretch(self, chunks: Stretch) -> None:
        """What :meth:`entry` does for each of these chunks."""
        first, final = chunks.first.entry.body, chunks.final.entry.body
        if self._fills.chunks(first["run"], zip(chunks.first_us, chunks.end_us, strict=True)):
            self.chunks += len(chunks)
        elif _is_unbroken(chunks.tracks):
            self._footage(first, False, chunks.first)
            self._last = final
            self.chunks += len(chunks) - 1
        else:
            for line in chunks.lines():
                self._footage(line.entry.body, False, line)

    def _footage(self, body: Mapping[str, Any], recovered: bool, place: object) -> None:
        before = self._last
        self.chunks += 1
        if before is not None and recovered and body["run"] < before["run"]:
            # A node that had lost the stream found it when it woke up: beside what came meanwhile, not behind it.
            self._late.append((body["first_us"], body["end_us"]))
            return
        if before is not None:
            loose = recovered or self._last_recovered or before["run"] != body["run"]
            missing = self._between_runs(before, body) if loose else _within_run(before, body)
            if missing:
                self._candidates.append((before["end_us"], max(body["first_us"], before["end_us"]), str(place)))
        self._last, self._last_recovered, self._ended = body, recovered, False

    def _between_runs(self, before: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
        return bool(body["first_us"] - before["end_us"] > WITHOUT_A_WORD_US) and not self._ended

    def findings(self) -> Iterator[Finding]:
        """Gaps that no interruption covers, and fills that are none."""
        yield from self._fills.findings()
        declared = sorted([*(edges for edges in self._declared.values() if edges != _WITHDRAWN), *self._late])
        for start, end, place in self._candidates:
            bare = uncovered_us(start, end, declared)
            if bare > WITHOUT_A_WORD_US or (start == end and not any(low <= start <= high for low, high in declared)):
                yield Finding(
                    Step.COMPLETENESS,
                    Harm.BREAK,
                    self.stream,
                    f"before {place}",
                    "footage, or an interruption that says why there is none",
                    f"{max(bare, end - start) / US_PER_S:.3f} s of neither",
                )


def _within_run(before: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether more than a second is missing between two chunks of a run, by the run's own axis, which no
    step of a calendar moves. Unbroken packet numbers prove that the source itself sent nothing."""
    earlier = {track["id"]: track for track in before["tracks"]}
    video = lost_video = lost_other = False
    for new in body["tracks"]:
        old = earlier.get(new["id"])
        if old is None:
            continue
        gap = new["first_ticks"] - old["end_ticks"]
        lost = (
            gap > 0
            and gap * US_PER_S // max(1, new["timescale"]) > WITHOUT_A_WORD_US
            and new["first_seq"] != old["last_seq"] + 1
        )
        if new["kind"] == "video":
            video, lost_video = True, lost_video or lost
        else:
            lost_other = lost_other or lost
    return lost_video if video else lost_other


def _is_unbroken(tracks: Sequence[str]) -> bool:
    """Whether each of these chunks of a run, of which this is what is written of their tracks, has the same tracks, and
    none of them more than a second after it ended in the chunk before: :func:`_within_run` finds nothing then."""
    begins, ends, firsts, idents, scales = shapes.track_times(tracks)
    count, each = len(tracks), len(idents) // len(tracks)
    if each == 0 or idents != idents[:each] * count or len(set(idents[:each])) != each:
        return False
    if begins != ("[", *[","] * (each - 1)) * count:
        return False
    most: int = max(map(sub, map(int, firsts[each:]), map(int, ends)))
    return most * US_PER_S <= WITHOUT_A_WORD_US * min(map(int, scales))
