"""What a sample is drawn from: streams, activities or pieces of time, of a unit and a period. Blocking."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from sqlalchemy import Engine

from hub.activities.findings import Finding
from hub.clock import US_PER_S
from hub.errors import InvalidRequest
from hub.inspection.model import Item
from hub.inspection.records import Asked, activities_in
from hub.inspection.sampling import MAX_POPULATION
from hub.model import StreamKind

PopulationKind = Literal["streams", "activities", "slots"]
SLOTS_MIN = (5, 10, 15, 30, 60)
LEAST_US = 10 * US_PER_S
"""A slot with less recorded than this shows nothing."""
LONGEST_US = 366 * 86_400 * US_PER_S


class Spans(Protocol):
    """The ledger's read side. Blocks."""

    def recorded_spans(self, streams: Collection[str], from_us: int, to_us: int) -> list[tuple[str, int, int]]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """``stream_kind`` and ``finding`` narrow it; ``slot_min`` is the length of a piece of time."""

    kind: PopulationKind
    stream_kind: StreamKind | None = None
    finding: Finding | None = None
    slot_min: int = 15

    def __post_init__(self) -> None:
        if self.slot_min not in SLOTS_MIN:
            raise InvalidRequest(f"slot_min: expected one of {', '.join(map(str, SLOTS_MIN))}", code="bad_population")
        if self.finding is not None and self.kind != "activities":
            raise InvalidRequest("finding: narrows activities alone", code="bad_population")

    def json(self) -> dict[str, str | int | None]:
        found: dict[str, str | int | None] = {"stream_kind": self.stream_kind and self.stream_kind.value}
        if self.kind == "activities":
            found["finding"] = self.finding and self.finding.value
        if self.kind == "slots":
            found["slot_min"] = self.slot_min
        return found


def population(wanted: Wanted, asked: Asked, engine: Engine, spans: Spans) -> dict[str, Item]:
    """Everything that may be drawn, by id. Raises InvalidRequest: nothing, or more than one can look through."""
    if wanted.kind == "activities":
        found = _activities(wanted, asked, engine)
    else:
        streams = [one for one in asked.within() if wanted.stream_kind in (None, asked.streams[one].kind)]
        recorded = spans.recorded_spans(streams, asked.from_us, asked.to_us)
        found = _streams(recorded) if wanted.kind == "streams" else _slots(recorded, wanted.slot_min)
    if not found:
        raise InvalidRequest(
            "nothing was recorded there in that time: choose another unit or a longer time", code="population_empty"
        )
    if len(found) > MAX_POPULATION:
        raise InvalidRequest(
            f"expected at most {MAX_POPULATION} to draw from, found more: choose a shorter time or longer pieces",
            code="population_too_large",
        )
    return found


def _activities(wanted: Wanted, asked: Asked, engine: Engine) -> dict[str, Item]:
    found = {}
    for one in activities_in(engine, asked, wanted.finding, MAX_POPULATION + 1):
        stream = asked.streams.get(one.stream_id)
        if wanted.stream_kind is None or (stream is not None and stream.kind is wanted.stream_kind):
            found[one.id] = Item(one.id, one.stream_id, one.at_us, one.to_us or asked.to_us)
    return found


def _streams(recorded: Iterable[tuple[str, int, int]]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    for stream, from_us, to_us in recorded:
        before = found.get(stream)
        found[stream] = Item(stream, stream, before.at_us if before else from_us, to_us)
    return found


def _slots(recorded: Iterable[tuple[str, int, int]], slot_min: int) -> dict[str, Item]:
    """Pieces on round times (UTC) in which something was recorded."""
    length_us = slot_min * 60 * US_PER_S
    had: dict[tuple[str, int], tuple[int, int]] = {}
    for stream, from_us, to_us in recorded:
        for slot in range(from_us // length_us, -(-to_us // length_us)):
            begin, end = max(from_us, slot * length_us), min(to_us, (slot + 1) * length_us)
            first, amount = had.get((stream, slot), (begin, 0))
            had[stream, slot] = first, amount + end - begin
            if len(had) > 2 * MAX_POPULATION:
                break
    return {
        (ident := f"{stream}/{_text(slot * length_us)}"): Item(ident, stream, first, (slot + 1) * length_us)
        for (stream, slot), (first, amount) in had.items()
        if amount >= LEAST_US
    }


def _text(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // US_PER_S, UTC).strftime("%Y-%m-%dT%H:%MZ")


def items_json(items: Iterable[Item]) -> list[Mapping[str, str | int]]:
    """As the entry has them."""
    return [{"id": one.id, "stream": one.stream_id, "at_us": one.at_us, "to_us": one.to_us} for one in items]
