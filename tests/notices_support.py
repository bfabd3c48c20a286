"""Alarms over simulated time: real tables, units and people; receivers on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from sqlalchemy import Engine

from hub.clock import rfc3339
from hub.database import Database, create_tables, open_engine
from hub.errors import NotFound
from hub.ledger.entries import EntryType, canonical, check_body
from hub.model import Interruption, InterruptionKind, InterruptionState, Stream, StreamKind, WhipSource
from hub.monitor.events import Event, EventBus, interruption_json
from hub.notices.channels import Channel, ChannelKind
from hub.notices.kept import Notice
from hub.notices.notices import Notices, Outside
from hub.people.changes import HUB
from hub.people.people import People
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from hub.people.units import Units
from hub.settings import Settings
from tests.api_support import TestClock
from tests.database_support import hurry

NOON_US = 1_767_240_000_000_000
"""2026-01-01 12:00 in Shanghai."""


class NoonClock(TestClock):
    """At noon; time passes only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.utc_us = NOON_US


def fault(
    ident: str,
    stream: str = "win-1",
    *,
    kind: InterruptionKind = InterruptionKind.NO_SIGNAL,
    state: InterruptionState = InterruptionState.CONFIRMED,
    at_us: int = NOON_US,
    **more: Any,
) -> Interruption:
    return Interruption(ident, stream, kind, state, at_us, at_us + 1_000_000, **more)


@dataclass
class Desk:
    """One hub's alarms, with what it wrote, told and sent."""

    root: Path
    clock: NoonClock = field(default_factory=NoonClock)
    bus: EventBus = field(default_factory=EventBus)
    entries: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    sent: list[Notice] = field(default_factory=list)
    streams: dict[str, Stream] = field(default_factory=dict)
    held: list[Interruption] = field(default_factory=list)
    rows: dict[str, Interruption] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    met: set[str] = field(default_factory=set)
    """Causes whose deadline is missed no more."""
    stands: list[Event] = field(default_factory=list)
    settings: Settings = field(init=False)
    engine: Engine = field(init=False)
    units: Units = field(init=False)
    people: People = field(init=False)
    notices: Notices = field(init=False)

    def append(self, stream: str, kind: EntryType, body: Mapping[str, Any]) -> None:
        check_body(stream, kind, body)
        canonical(dict(body))
        self.entries.append((stream, body))

    async def late(self, cause: str) -> bool:
        if cause.endswith("unknown"):
            raise NotFound(cause)
        return cause not in self.met

    async def standing(self) -> list[Event]:
        return self.stands

    def actions(self) -> list[tuple[str, str, str]]:
        return [(str(body["of"]), str(body["action"]), str(body["by"])) for _, body in self.entries]

    async def begin(self, **values: Any) -> None:
        given = {"data": self.root / "data", "keys_dir": self.root / "keys", "public_url": "https://hub.example"}
        self.settings = Settings.model_validate(given | values)
        self.engine = open_engine(Database(self.root / "hub.db"))
        hurry(self.engine)
        create_tables(self.engine)
        self.units = await Units.open(self.engine, self.clock)
        self.people = await People.open(self.engine, self.clock, self.units)
        outside = Outside(
            self.append,
            self.streams.get,
            lambda: self.held,
            self.rows.get,
            lambda: self.problems,
            self.late,
            self.standing,
        )
        self.notices = await Notices.open(self.settings, self.clock, self.engine, self.bus, self.people, outside)

    async def organise(self) -> None:
        """root > county > hall; win-1 … win-40 in the hall, rec-1 at the county; zhang and li watch the hall."""
        await self.units.patch(ROOT, by=HUB, name="市局")
        await self.units.add("county", "县局", ROOT, UnitKind.BUREAU, by=HUB)
        await self.units.add("hall", "办事大厅", "county", UnitKind.HALL, by=HUB)
        for number in range(1, 41):
            name = f"win-{number}"
            self.streams[name] = Stream(name, f"{number}号窗口", StreamKind.WINDOW, WhipSource(), 0, unit="hall")
        self.streams["rec-1"] = Stream("rec-1", "记录仪一", StreamKind.RECORDER, WhipSource(), 0, unit="county")
        for name, unit in (("zhang", "hall"), ("li", "hall"), ("wang", "county"), ("zhao", ROOT)):
            person = await self.people.add(name, name, "x", by=HUB, unit=unit, roles=frozenset({Role.WATCHER}))
            await self.people.password_given(person.username, "y", one_time=False)

    async def rules(self, unit: str, *lines: Mapping[str, Any]) -> None:
        await self.units.patch(unit, by=HUB, rules={"notices": list(lines)})

    async def channel(self, name: str, unit: str = ROOT, url: str = "json://127.0.0.1:9/", **kind: Any) -> Channel:
        return await self.notices.channels.add(name, kind.get("kind", ChannelKind.APPRISE), url, unit, "test")

    def take(self) -> None:
        """Notices are taken here, instead of being sent."""

        async def deliver(_: Channel, notice: Notice) -> None:
            self.sent.append(notice)

        self.notices.outbox._deliver = deliver

    async def hears(self, one: Interruption, word: str = "") -> None:
        name = f"interruption.{word or one.state.value}"
        await self.notices.hear(Event(name, self.clock.utc_us, interruption_json(one)))

    async def says(self, type_: str, /, **data: Any) -> None:
        await self.notices.hear(Event(type_, self.clock.utc_us, data))

    async def pass_s(self, seconds: float, step_s: float = 1.0) -> list[Notice]:
        """Let time pass as the loop of the hub would see it; what was sent meanwhile."""
        before = len(self.sent)
        left = seconds
        while left > 0:
            self.clock.pass_s(min(step_s, left))
            left -= step_s
            await self.notices.tick()
            await self.notices.outbox.drain_all()
        return self.sent[before:]

    async def again(self, **values: Any) -> None:
        """The hub is started anew on the same tables."""
        await self.end()
        self.bus = EventBus()
        await self.begin(**values)
        self.take()

    async def end(self) -> None:
        await self.notices.close()
        self.engine.dispose()


@asynccontextmanager
async def desk(root: Path, *, take: bool = True, **values: Any) -> AsyncIterator[Desk]:
    made = Desk(root)
    await made.begin(**values)
    await made.organise()
    if take:
        made.take()
    try:
        yield made
    finally:
        await made.end()


@dataclass
class Receiver:
    """A program that takes POSTs over HTTP, and remembers each."""

    url: str = ""
    got: list[tuple[str, Any]] = field(default_factory=list)
    status: int = 200
    answer: str = ""
    hold: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((request.path, json.loads(await request.read())))
        if self.hold is not None:
            await self.hold.wait()
        return web.Response(status=self.status, text=self.answer)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{tail:.*}", made.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield made
    finally:
        if made.hold is not None:
            made.hold.set()
        await runner.cleanup()


__all__ = ["NOON_US", "Desk", "Receiver", "desk", "fault", "receiver", "rfc3339"]
