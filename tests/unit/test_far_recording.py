"""What an office makes of what nodes tell: each change once, and from the entries what no change announced."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hub.app.far import FarRecording
from hub.app.ingest import CUT, GONE, HEARD, REFUSED
from hub.app.recording import Asked
from hub.clock import ManualClock
from hub.cluster.messages import BadMessage, Message
from hub.cluster.standing import interruption_body
from hub.ledger.bodies import interruption_body as entry_body
from hub.ledger.entries import EntryType
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.events import EventBus
from hub.settings import Settings

CUT_ONE = Interruption("cam-1", "cam", InterruptionKind.NO_SIGNAL, InterruptionState.CONFIRMED, 1_000, 2_000)


class Office:
    """A far recording with nobody around it, and what it told."""

    def __init__(self) -> None:
        self.bus, self.grouped, self.words = EventBus(), cast(list[Interruption], []), cast(list[Any], [])
        self.listener = self.bus.subscribe()
        clock = ManualClock()
        nobody: Any = SimpleNamespace(standing=lambda _: None, owner=lambda _: None)
        self.far = FarRecording(Settings(), clock, nobody, nobody, nobody, nobody, lambda _: None)

        def incident(change: Interruption, _now: object) -> str:
            self.grouped.append(change)
            return "incident-1"

        self.far._asked = cast(Asked, SimpleNamespace(incident=incident, events=self.bus))
        self.nudged: list[str] = []
        self.far._issuing = cast(Any, SimpleNamespace(nudge=lambda one="": self.nudged.append(one)))
        self.far.whip.on_message("telemetry", lambda stream, data, _answer: self.words.append((stream, data)))

    async def told(self, kind: str, **body: Any) -> None:
        await self.far._hear(Message("m", kind, "node", 1, body))

    async def change(self, one: Interruption) -> None:
        await self.told(CUT, stream=one.stream_id, interruption=interruption_body(one))

    def entry(self, kind: EntryType, one: Interruption) -> None:
        entry: Any = SimpleNamespace(type=kind, stream_id=one.stream_id, body=entry_body(one))
        self.far._committed([entry])

    def events(self) -> list[tuple[str, Any]]:
        found = [(one.type, one.data.get("incident")) for one in self.listener._waiting]
        self.listener._waiting.clear()
        return found


async def test_a_change_is_grouped_and_told_once() -> None:
    office = Office()
    await office.change(CUT_ONE)
    await office.change(CUT_ONE)
    office.entry(EntryType.INTERRUPTION_OPEN, CUT_ONE)
    assert office.events() == [("interruption.confirmed", "incident-1")]
    assert office.grouped == [CUT_ONE]
    await office.change(replace(CUT_ONE, kind=InterruptionKind.STALL))
    await office.change(replace(CUT_ONE, state=InterruptionState.RESUMED, ended_us=3_000))
    assert [kind for kind, _ in office.events()] == ["interruption.confirmed", "interruption.resumed"]


async def test_what_no_change_announced_is_announced_from_the_entries() -> None:
    office = Office()
    office.entry(EntryType.INTERRUPTION_OPEN, CUT_ONE)
    office.entry(EntryType.INTERRUPTION_OPEN, CUT_ONE)
    assert [kind for kind, _ in office.events()] == ["interruption.confirmed"]
    over = replace(CUT_ONE, state=InterruptionState.CLOSED, ended_us=5_000)
    office.entry(EntryType.INTERRUPTION_CLOSE, over)
    assert [kind for kind, _ in office.events()] == ["interruption.closed"]
    # entries that come again after the close, as to an office that has just begun, ring nobody
    office.entry(EntryType.INTERRUPTION_OPEN, CUT_ONE)
    assert office.events() == []


@pytest.mark.parametrize("known", [False, True])
async def test_what_was_told_and_came_too_late_is_withdrawn_if_no_entry_bears_it(known: bool) -> None:
    office = Office()
    await office.change(CUT_ONE)
    reader = SimpleNamespace(interruption=lambda ident: CUT_ONE if known and ident == CUT_ONE.id else None)
    office.far._ledger = cast(Any, SimpleNamespace(reader=reader))
    none = replace(CUT_ONE, state=InterruptionState.WITHDRAWN)
    await office.told(REFUSED, stream="cam", interruption=interruption_body(none))
    last = ["interruption.confirmed"] if known else ["interruption.confirmed", "interruption.withdrawn"]
    assert [kind for kind, _ in office.events()] == last


async def test_suspicions_words_and_decisions() -> None:
    office = Office()
    await office.told(GONE, stream="cam", data={"stream": "cam", "id": "x"})
    await office.told(GONE, stream="cam", data={"stream": "another", "id": "x"})
    assert [kind for kind, _ in office.events()] == ["interruption.withdrawn"]
    await office.told(HEARD, stream="cam", text="{}")
    await office.told(HEARD, stream="cam", hex="0102")
    assert office.words == [("cam", "{}"), ("cam", b"\x01\x02")]
    entry: Any = SimpleNamespace(type=EntryType.ACTIVITY, stream_id="cam", body={})
    office.far._committed([entry])
    assert office.nudged == [""]
    for body in ({}, {"interruption": 1}, {"interruption": {"id": "x"}}):
        with pytest.raises(BadMessage):
            await office.told(CUT, stream="cam", **body)
