"""A look at all footage: what may go, oldest first, and when the next of it may. Blocking, in a thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hub.ledger.keeping import DAY_US, FOR_EVER_US, Keeping
from hub.ledger.retained import ReelRow, Retained
from hub.retention.rules import Rules

PAGE = 200
REMEMBERED = 500
"""Of one stream; what lies behind them is looked at again when they are gone."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = "\U0010ffff"


@dataclass(slots=True)
class StreamOutlook:
    """``oldest_us``: of what is there. ``next_us``: when footage may go that may not yet (None: there is none, or it
    is kept for ever)."""

    stream_id: str
    class_name: str
    oldest_us: int | None = None
    next_us: int | None = None
    may_go_reels: int = 0
    may_go_bytes: int = 0
    kept_longer_reels: int = 0
    """Past the class's least, and kept by a hold, a case or another class."""


@dataclass(slots=True)
class Survey:
    """``candidates`` by first capture time; ``complete``: there are no others."""

    at_us: int
    streams: list[StreamOutlook] = field(default_factory=list)
    candidates: list[ReelRow] = field(default_factory=list)
    complete: bool = True

    @property
    def may_go_bytes(self) -> int:
        return sum(one.may_go_bytes for one in self.streams)


def survey(retained: Retained, rules: Rules, keepings: Mapping[str, Keeping], now_us: int) -> Survey:
    """Everything older than the least of all classes is looked at; the rest cannot be due."""
    found = Survey(now_us)
    for stream_id in retained.streams():
        if stream_id.startswith("_"):
            continue
        _stream(found, retained, rules, stream_id, keepings.get(stream_id) or Keeping(), now_us)
    found.candidates.sort(key=lambda one: (one.first_us, one.reel))
    return found


def _stream(found: Survey, retained: Retained, rules: Rules, stream_id: str, keeping: Keeping, now_us: int) -> None:
    outlook = StreamOutlook(stream_id, rules.class_of(stream_id).name)
    found.streams.append(outlook)
    cutoff = _path_at(stream_id, now_us - rules.least_days * DAY_US)
    remembered = 0
    for reel in _reels(retained, stream_id, cutoff):
        decision = rules.decide(keeping, stream_id, reel.first_us, reel.end_us)
        outlook.oldest_us = reel.first_us if outlook.oldest_us is None else min(outlook.oldest_us, reel.first_us)
        if not decision.may_go(now_us):
            outlook.kept_longer_reels += 1
            _next(outlook, decision.kept_until_us)
            continue
        outlook.may_go_reels += 1
        outlook.may_go_bytes += reel.size
        if remembered < REMEMBERED:
            found.candidates.append(reel)
            remembered += 1
        else:
            found.complete = False
    for reel in retained.reels(stream_id, f"reels/{stream_id}/{_END}", cutoff, 1):
        outlook.oldest_us = reel.first_us if outlook.oldest_us is None else outlook.oldest_us
        _next(outlook, rules.decide(keeping, stream_id, reel.first_us, reel.end_us).kept_until_us)


def _next(outlook: StreamOutlook, kept_until_us: int) -> None:
    if kept_until_us < FOR_EVER_US:
        outlook.next_us = kept_until_us if outlook.next_us is None else min(outlook.next_us, kept_until_us)


def _reels(retained: Retained, stream_id: str, before: str) -> Iterator[ReelRow]:
    after = ""
    while page := retained.reels(stream_id, before, after, PAGE):
        yield from page
        after = page[-1].reel


def _path_at(stream_id: str, utc_us: int) -> str:
    """Reels that begin before this moment have smaller paths."""
    moment = _EPOCH + timedelta(microseconds=max(0, utc_us))
    return f"reels/{stream_id}/{moment:%Y-%m-%d}/{moment:%H%M%S}"
