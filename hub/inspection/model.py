"""The inspection ledger (检查台账) as its entries tell it. Pure: nothing here is remembered that is in no entry.

Entries ``inspection`` lie in the hub's own chain. ``action`` and what it adds to ``id``, ``by``, ``unit``:

sample   kind, from_us, to_us, filter, population, population_sha256, file, size, seed, seed_origin, items
result   item (from 1), outcome pass|problem, code, note
rectify  sample, item, what, code, until_us
done     note            what the unit says it did
back     note            not enough: the order goes on
close    note            by the inspector
check    streams, from_us, to_us, started_us, verdict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

Outcome = Literal["pass", "problem"]


class Action(StrEnum):
    SAMPLE = "sample"
    RESULT = "result"
    RECTIFY = "rectify"
    DONE = "done"
    BACK = "back"
    CLOSE = "close"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Said:
    """An entry: ``seq`` in the hub's chain, hub UTC (µs) and body."""

    seq: int
    leaf: str
    at_us: int
    body: Mapping[str, Any]

    @property
    def action(self) -> str:
        return str(self.body.get("action", ""))


@dataclass(frozen=True, slots=True)
class Item:
    """What was drawn: ``at_us`` is where playback begins."""

    id: str
    stream_id: str
    at_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class Result:
    outcome: Outcome
    code: str
    note: str
    by: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Sample:
    id: str
    unit: str
    by: str
    at_us: int
    leaf: str
    kind: str
    from_us: int
    to_us: int
    filter: Mapping[str, Any]
    population: int
    population_sha256: str
    file: str
    size: int
    seed: str
    seed_origin: str
    items: tuple[Item, ...]
    results: Mapping[int, Result] = field(default_factory=dict)
    """By number, from 1; the newest of each."""

    @property
    def done(self) -> bool:
        return len(self.results) == len(self.items)


OrderState = Literal["open", "done", "closed"]


@dataclass(frozen=True, slots=True)
class Step:
    action: str
    by: str
    at_us: int
    note: str


@dataclass(frozen=True, slots=True)
class Order:
    """责令改正. ``done``: the unit has answered, the inspector has not closed it."""

    id: str
    unit: str
    by: str
    at_us: int
    leaf: str
    sample: str
    item: int
    what: str
    code: str
    until_us: int
    steps: tuple[Step, ...] = ()
    state: OrderState = "open"

    def overdue(self, now_us: int) -> bool:
        """Not answered in time, or answered late and not closed yet."""
        answered = next((one.at_us for one in reversed(self.steps) if one.action == Action.DONE), None)
        if self.state == "done" and answered is not None:
            return answered > self.until_us
        return self.state == "open" and now_us > self.until_us


@dataclass(frozen=True, slots=True)
class Check:
    """哈希链校验: what a verification found. ``verdict`` as in ``hub verify --json``, bounded."""

    id: str
    unit: str
    by: str
    at_us: int
    leaf: str
    streams: tuple[str, ...]
    from_us: int | None
    to_us: int | None
    started_us: int
    verdict: Mapping[str, Any]


@dataclass(slots=True)
class Book:
    """All of it, by id, oldest first."""

    samples: dict[str, Sample] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    checks: dict[str, Check] = field(default_factory=dict)

    def take(self, said: Said) -> None:
        """One more entry. What fits nothing, as of a later hub, is passed over."""
        try:
            self._take(said)
        except (KeyError, TypeError, ValueError):
            return

    def _take(self, said: Said) -> None:
        body, ident = said.body, str(said.body["id"])
        if said.action == Action.SAMPLE:
            self.samples.setdefault(ident, _sample(ident, said))
        elif said.action == Action.RESULT:
            sample, number = self.samples[ident], int(body["item"])
            if 1 <= number <= len(sample.items) and body["outcome"] in ("pass", "problem"):
                result = Result(body["outcome"], body["code"], body["note"], body["by"], said.at_us)
                self.samples[ident] = replace(sample, results={**sample.results, number: result})
        elif said.action == Action.RECTIFY:
            self.orders.setdefault(ident, _order(ident, said))
        elif said.action == Action.CHECK:
            self.checks.setdefault(ident, _check(ident, said))
        elif said.action in _STATES:
            order = self.orders[ident]
            step = Step(said.action, body["by"], said.at_us, body["note"])
            self.orders[ident] = replace(order, steps=(*order.steps, step), state=_STATES[said.action])


_STATES: dict[str, OrderState] = {Action.DONE: "done", Action.BACK: "open", Action.CLOSE: "closed"}


def _sample(ident: str, said: Said) -> Sample:
    body = said.body
    items = tuple(Item(one["id"], one["stream"], int(one["at_us"]), int(one["to_us"])) for one in body["items"])
    return Sample(
        ident, body["unit"], body["by"], said.at_us, said.leaf, body["kind"], body["from_us"], body["to_us"],
        body["filter"], body["population"], body["population_sha256"], body["file"], body["size"], body["seed"],
        body["seed_origin"], items,
    )  # fmt: skip


def _order(ident: str, said: Said) -> Order:
    body = said.body
    return Order(
        ident, body["unit"], body["by"], said.at_us, said.leaf, body["sample"], body["item"], body["what"],
        body["code"], body["until_us"],
    )  # fmt: skip


def _check(ident: str, said: Said) -> Check:
    body = said.body
    return Check(
        ident, body["unit"], body["by"], said.at_us, said.leaf, tuple(body["streams"]), body["from_us"],
        body["to_us"], body["started_us"], body["verdict"],
    )  # fmt: skip
