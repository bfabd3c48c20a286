"""The inspection ledger at work: each word is an entry first, durable before it is answered. For the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from hub.clock import US_PER_S, Clock
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.inspection.checks import Checks, Job
from hub.inspection.codes import VIOLATIONS
from hub.inspection.model import Action, Book, Check, Item, Order, Said, Sample
from hub.inspection.population import Wanted, items_json
from hub.inspection.sampling import MAX_SAMPLE, check_seed, draw, new_seed, population_text
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue
from hub.ledger.seam import EntryMade
from hub.settings import Settings
from hub.shelf import LocalShelf, Shelf, read_blocks

FOLDER = "inspections"
MAX_TEXT = 1000
MAX_AHEAD_US = 366 * 86_400 * US_PER_S
_T = TypeVar("_T")
Tell = Callable[[str, Mapping[str, Any]], None]


class Ledger(Protocol):
    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade: ...  # noqa: A002
    async def committed(self) -> None: ...


class Written(Protocol):
    """The ledger's read side. Blocks."""

    def inspections(self) -> list[tuple[int, str, int, dict[str, Any]]]: ...


class Inspections:
    """Who may do what is asked before it is called. ``tell`` publishes an event."""

    def __init__(
        self, settings: Settings, clock: Clock, ledger: Ledger, tell: Tell, shelf: Shelf | None = None
    ) -> None:
        self.book = Book()
        self.checks = Checks(settings, clock, self._checked, self._told_of_check)
        self._folder = settings.data / FOLDER
        self._shelf = shelf or LocalShelf(settings.data)
        self._clock = clock
        self._ledger = ledger
        self._tell = tell
        self._changing = asyncio.Lock()

    @classmethod
    async def open(
        cls, settings: Settings, clock: Clock, ledger: Ledger, written: Written, tell: Tell = lambda _t, _d: None,
        shelf: Shelf | None = None,
    ) -> Inspections:  # fmt: skip
        """Everything that the ledger tells. ``shelf``: where that is which samples were drawn from."""
        self = cls(settings, clock, ledger, tell, shelf)
        for seq, leaf, at_us, body in await asyncio.to_thread(written.inspections):
            self.book.take(Said(seq, leaf, at_us, body))
        return self

    # ------------------------------------------------------------------------------------ reading

    def sample(self, ident: str) -> Sample:
        """Raises NotFound."""
        return _known(self.book.samples, ident, "sample")

    def order(self, ident: str) -> Order:
        """Raises NotFound."""
        return _known(self.book.orders, ident, "order")

    def check(self, ident: str) -> Check:
        """Raises NotFound."""
        return _known(self.book.checks, ident, "check")

    def population_of(self, sample: Sample) -> bytes:
        """What it was drawn from, as it was written. Blocks. Raises NotFound where the file is gone or another."""
        try:
            data = b"".join(read_blocks(self._shelf, f"{FOLDER}/{Path(sample.file).name}"))
        except OSError as error:
            why = error.strerror or error
            raise NotFound(f"what sample {sample.id} was drawn from is not there: {why}") from error
        if hashlib.sha256(data).hexdigest() != sample.population_sha256:
            raise NotFound(f"what sample {sample.id} was drawn from was altered", code="population_altered")
        return data

    # ------------------------------------------------------------------------------------ samples

    async def draw(
        self, population: Mapping[str, Item], wanted: Wanted, *, unit: str, from_us: int, to_us: int, size: int,
        seed: str | None, by: str,
    ) -> Sample:  # fmt: skip
        """``seed`` None: of the system's randomness. Raises InvalidRequest."""
        if not 1 <= size <= MAX_SAMPLE:
            raise InvalidRequest(f"size: expected 1 to {MAX_SAMPLE}", code="bad_size")
        chosen = new_seed() if seed is None else check_seed(seed)
        text = population_text(population)
        ident = f"sample-{secrets.token_hex(6)}"
        drawn = draw(list(population), chosen, size)
        await asyncio.to_thread(_keep, self._folder, f"{ident}.txt", text)
        body: dict[str, JsonValue] = {
            "kind": wanted.kind, "from_us": from_us, "to_us": to_us, "filter": wanted.json(),
            "population": len(population), "population_sha256": hashlib.sha256(text).hexdigest(),
            "file": f"{FOLDER}/{ident}.txt", "size": size, "seed": chosen,
            "seed_origin": "drawn" if seed is None else "given",
            "items": items_json(population[one] for one in drawn),
        }  # fmt: skip
        async with self._changing:
            await self._say(Action.SAMPLE, ident, unit, by, body)
        return self.sample(ident)

    async def result(self, ident: str, number: int, *, outcome: str, code: str, note: str, by: str) -> Sample:
        """The newest of an item holds; the ones before stay in the ledger. Raises NotFound, InvalidRequest."""
        sample = self.sample(ident)
        if not 1 <= number <= len(sample.items):
            raise NotFound(f"sample {ident} has no item {number}", code="unknown_item")
        if outcome == "problem" and code not in VIOLATIONS:
            raise InvalidRequest("code: expected one of the list of violations", code="code_missing")
        if outcome == "pass" and code:
            raise InvalidRequest("code: of a problem alone", code="code_missing")
        body: dict[str, JsonValue] = {"item": number, "outcome": outcome, "code": code, "note": _text(note)}
        async with self._changing:
            await self._say(Action.RESULT, ident, sample.unit, by, body)
        return self.sample(ident)

    # ------------------------------------------------------------------------------------- orders

    async def rectify(
        self, *, unit: str, what: str, until_us: int, by: str, code: str = "", sample: str = "", item: int = 0
    ) -> Order:
        """Raises InvalidRequest, NotFound."""
        now_us = self._clock.now().utc_us
        if not now_us < until_us <= now_us + MAX_AHEAD_US:
            raise InvalidRequest("until: expected a time to come, within a year", code="bad_until")
        if not what.strip():
            raise InvalidRequest("what: expected what is to be put right", code="what_missing")
        if code and code not in VIOLATIONS:
            raise InvalidRequest("code: expected one of the list of violations", code="code_missing")
        if sample and not 1 <= item <= len(self.sample(sample).items):
            raise NotFound(f"sample {sample} has no item {item}", code="unknown_item")
        ident = f"order-{secrets.token_hex(6)}"
        body: dict[str, JsonValue] = {
            "sample": sample, "item": item, "what": _text(what), "code": code, "until_us": until_us,
        }  # fmt: skip
        async with self._changing:
            await self._say(Action.RECTIFY, ident, unit, by, body)
        return self.order(ident)

    async def step(self, ident: str, action: Action, *, note: str, by: str) -> Order:
        """``done`` by the unit, ``back`` or ``close`` by the inspector. Raises NotFound, Conflict, InvalidRequest."""
        async with self._changing:
            order = self.order(ident)
            fits = {Action.DONE: ("open",), Action.BACK: ("done",), Action.CLOSE: ("open", "done")}[action]
            if order.state not in fits:
                raise Conflict(f"the order is {order.state}: {action.value} does not fit", code="order_state")
            if not note.strip() and not (action is Action.CLOSE and order.state == "done"):
                raise InvalidRequest("note: expected what was done, or why", code="note_missing")
            await self._say(action, ident, order.unit, by, {"note": _text(note)})
        return self.order(ident)

    # ------------------------------------------------------------------------------------- checks

    def start_check(self, streams: Sequence[str], from_us: int | None, to_us: int | None, *, unit: str, by: str) -> Job:
        """Raises Conflict while another runs."""
        now_us = self._clock.now().utc_us
        ident = f"check-{secrets.token_hex(6)}"
        return self.checks.start(Job(ident, unit, by, tuple(streams), from_us, to_us, now_us))

    async def _checked(self, job: Job, verdict: Mapping[str, Any]) -> None:
        body: dict[str, JsonValue] = {
            "streams": list(job.streams), "from_us": job.from_us, "to_us": job.to_us,
            "started_us": job.started_us, "verdict": dict(verdict),
        }  # fmt: skip
        async with self._changing:
            await self._say(Action.CHECK, job.id, job.unit, job.by, body)

    def _told_of_check(self, job: Job) -> None:
        self._tell("inspection.check", {"id": job.id, "unit": job.unit, "action": job.state})

    # ------------------------------------------------------------------------------------ writing

    async def _say(self, action: Action, ident: str, unit: str, by: str, facts: Mapping[str, JsonValue]) -> None:
        body: dict[str, JsonValue] = {"id": ident, "action": action.value, "by": by, "unit": unit, **facts}
        entry = self._ledger.append(HUB_STREAM, EntryType.INSPECTION, body)
        await self._ledger.committed()
        self.book.take(Said(entry.seq, entry.leaf, entry.t_hub_us, entry.body))
        noun = {Action.SAMPLE: "sample", Action.RESULT: "sample", Action.CHECK: "check"}.get(action, "order")
        self._tell(f"inspection.{noun}", {"id": ident, "unit": unit, "action": action.value})


def _known(found: Mapping[str, _T], ident: str, noun: str) -> _T:
    one = found.get(ident)
    if one is None:
        raise NotFound(f"no {noun} {ident[:63]!r} is known", code=f"unknown_{noun}")
    return one


def _text(text: str) -> str:
    """Raises InvalidRequest."""
    text = text.strip()
    if len(text) > MAX_TEXT:
        raise InvalidRequest(f"expected at most {MAX_TEXT} characters", code="text_too_long")
    return text


def _keep(folder: Path, name: str, data: bytes) -> None:
    """Durable before its entry. Blocks."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
