"""A hub's face with real accounts and registry, and small honest parts behind it, for the tests of the API."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from argon2 import PasswordHasher
from sqlalchemy import Engine
from yarl import URL

from hub.api.access_entries import write_access
from hub.api.routes import Route
from hub.api.server import build_app, serve
from hub.api.services import Services, StreamStatus
from hub.api.throttle import Throttle
from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.ledger.declared import Declared
from hub.ledger.reader import PastSpans
from hub.looks.live import LiveNotes
from hub.looks.looks import Looks
from hub.looks.store import LookStore
from hub.model import Chunk, Interruption, InterruptionState, Span, Stream
from hub.monitor.events import EventBus
from hub.monitor.live import LiveFeeds
from hub.people.accounts import Accounts
from hub.registry import Registry
from hub.settings import Settings
from tests.database_support import hurry

ADMIN_TOKEN = "the-admin-token-of-the-tests"
PASSWORD = "correct horse battery"
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


class TestClock(ManualClock):
    """Stands still; who sleeps wakes when the clock is moved past the end of the sleep."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.mono_us + round(seconds * 1e6), future))
        await future

    def pass_s(self, seconds: float) -> None:
        self.advance(seconds)
        due = [one for one in self._sleepers if one[0] <= self.mono_us]
        self._sleepers = [one for one in self._sleepers if one[0] > self.mono_us]
        for _, future in due:
            if not future.done():
                future.set_result(None)


@dataclass
class FakeLog:
    """A log of fixed words."""

    text: str = "hub.test\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— hub.test c2ln\n"
    waiting_bytes: int = 0

    def checkpoint(self) -> str:
        return self.text

    def vkey(self) -> str:
        return "hub.test+00000000+AAAA"


@dataclass
class FakeAnswer:
    session_id: str
    sdp: str


@dataclass
class FakeWhip:
    """Remembers what it was asked, raises what it is told to."""

    asked: list[tuple[str, ...]] = field(default_factory=list)
    error: Exception | None = None

    async def offer(self, stream_id: str, sdp: str, *, device: str = "") -> FakeAnswer:
        self._asked("offer", stream_id, sdp)
        return FakeAnswer("session-1", "v=0\r\nanswer\r\n")

    async def trickle(self, stream_id: str, session_id: str, fragment: str) -> None:
        self._asked("trickle", stream_id, session_id, fragment)

    async def end(self, stream_id: str, session_id: str) -> None:
        self._asked("end", stream_id, session_id)

    def _asked(self, *call: str) -> None:
        self.asked.append(call)
        if self.error is not None:
            raise self.error


class FakeReader:
    """The ledger's read side over plain lists, by its documented conditions."""

    def __init__(self) -> None:
        self.rows: list[Interruption] = []
        self.recorded: list[Span] = []
        self.sealed: list[Chunk] = []
        self.filled: list[Span] = []
        self.deleted: list[Span] = []
        self.deleted_reels: set[str] = set()

    def chunks(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Chunk]:
        found = [
            one for one in self.sealed if one.stream_id == stream_id and one.first_us < to_us and one.end_us > from_us
        ]
        return found[:limit]

    def declared(self, stream_id: str, from_us: int, to_us: int, limit: int) -> list[Declared]:
        found = self.chunks(stream_id, from_us, to_us, limit)
        return [Declared(one, number, "00" * 32, number, b"{}") for number, one in enumerate(found, 1)]

    def spans(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        return [one for one in self.recorded if one.from_us < to_us and one.to_us > from_us]

    def backfilled(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        return [one for one in self.filled if one.from_us < to_us and one.to_us > from_us]

    def spans_of_many(self, streams: Collection[str], from_us: int, to_us: int) -> dict[str, PastSpans]:
        times = (from_us, to_us)
        return {
            one: PastSpans(self.spans(one, *times), self.backfilled(one, *times), self.gone(one, *times))
            for one in streams
        }

    def recorded_spans(self, streams: Collection[str], from_us: int, to_us: int) -> list[tuple[str, int, int]]:
        found = [one for one in self.recorded if one.from_us < to_us and one.to_us > from_us]
        return [(stream, max(one.from_us, from_us), min(one.to_us, to_us)) for stream in streams for one in found]

    def gone(self, stream_id: str, from_us: int, to_us: int) -> list[Span]:
        return [one for one in self.deleted if one.from_us < to_us and one.to_us > from_us]

    def is_gone(self, reel: str) -> bool:
        return reel in self.deleted_reels

    def chunks_of(self, reel: str) -> list[Chunk]:
        return [one for one in self.sealed if one.reel == reel]

    def interruption(self, ident: str) -> Interruption | None:
        return next((one for one in self.rows if one.id == ident), None)

    def interruptions(
        self,
        *,
        stream: str | None = None,
        state: InterruptionState | None = None,
        from_us: int | None = None,
        to_us: int | None = None,
        limit: int = 100,
        after: str | None = None,
        streams: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
    ) -> list[Interruption]:
        rows = sorted(self.rows, key=lambda one: (one.started_us, one.id), reverse=True)
        if after is not None:
            ids = [one.id for one in rows]
            rows = rows[ids.index(after) + 1 :] if after in ids else []
        found = [
            one
            for one in rows
            if stream in (None, one.stream_id)
            and (streams is None or one.stream_id in streams)
            and (kinds is None or one.kind in kinds)
            and state in (None, one.state)
            and (from_us is None or one.ended_us is None or one.ended_us > from_us)
            and (to_us is None or one.started_us < to_us)
        ]
        return found[:limit]


class Hub:
    """The face under test, listening on a free port of loopback."""

    def __init__(self, services: Services, whip: FakeWhip, clock: TestClock, base: URL, app: web.Application) -> None:
        self.app = app
        self.services = services
        self.whip = whip
        self.clock = clock
        self.base = base
        self.program = aiohttp.ClientSession(base, headers=BEARER)
        """Calls with the admin token."""
        self.person = aiohttp.ClientSession(
            base, headers={"Origin": str(base.origin())}, cookie_jar=aiohttp.CookieJar(unsafe=True)
        )
        """Calls as our own page would: with Origin, and with the cookie after sign_in."""
        self.stranger = aiohttp.ClientSession(base, cookie_jar=aiohttp.DummyCookieJar())

    async def sign_in(self) -> None:
        async with self.person.post("/api/session", json={"username": "admin", "password": PASSWORD}) as response:
            assert response.status == 200, await response.text()

    async def close(self) -> None:
        for client in (self.program, self.person, self.stranger):
            await client.close()


def status_of(stream: Stream) -> StreamStatus:
    return StreamStatus("retired" if stream.retired else "waiting")


async def add_looks(services: Services, engine: Engine) -> None:
    """Looks as a hub has them, noted by whatever the test puts into ``services.write_access``."""
    clock = services.clock

    def note(by: str, what: str, reason: str = "", *, stream: str, **facts: Any) -> None:
        write_access(services.write_access, by, what, reason, stream=stream, **facts)

    async def committed() -> None:
        """Durable at once."""

    def tell(kind: str, data: Mapping[str, Any]) -> None:
        services.events.publish(kind, data, clock.now())

    services.looks = await Looks.open(LookStore(engine), clock, note, committed, tell)
    services.live_notes = LiveNotes(clock, note)


IDS = {"id": "x", "username": "someone", "day": "2026-11-20", "file": "080000.000Z-1.mp4"}
_PARAMETER = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})*))?\}")
CANDIDATES = ("x", "1", "0" * 64, "1/2", "a.b")
"""For a parameter with a pattern: the first that fits."""


def path_of(route: Route, ident: str = "a") -> str:
    """An address that the route answers at."""
    values = IDS | {"id": ident, "username": f"of-{ident}"}

    def value(match: re.Match[str]) -> str:
        name, pattern = match[1], match[2] or ".*"
        found = [one for one in (values.get(name, "x"), *CANDIDATES) if re.fullmatch(pattern, one)]
        assert found, f"{route.path}: add to CANDIDATES what fits {pattern}"
        return found[0]

    return _PARAMETER.sub(value, route.path)


@asynccontextmanager
async def running_hub(tmp_path: Path, **values: Any) -> AsyncIterator[Hub]:
    """A hub whose settings are ``values``, with user admin and ADMIN_TOKEN."""
    given = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(given | {"admin_token": ADMIN_TOKEN, "admin_password": PASSWORD} | values)
    clock = TestClock()
    engine = open_engine(Database(tmp_path / "hub.db"))
    hurry(engine)
    create_tables(engine)
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    accounts, _ = await Accounts.open(engine, settings, clock, cheap)
    whip = FakeWhip()
    services = Services(
        settings=settings,
        clock=clock,
        registry=await Registry.open(engine, clock),
        accounts=accounts,
        status=status_of,
        present=list,
        reader=FakeReader(),
        log=FakeLog(),
        events=EventBus(),
        live=LiveFeeds(),
        whip=whip,
        throttle=Throttle(clock),
    )
    await add_looks(services, engine)
    page = tmp_path / "page"
    app = build_app(services, settings, page=page)
    runner = await serve(app, settings)
    host, port = runner.addresses[0][:2]
    scheme = "http" if settings.tls_cert is None else "https"
    hub = Hub(services, whip, clock, URL.build(scheme=scheme, host=host, port=port), app)
    try:
        yield hub
    finally:
        await hub.close()
        await runner.cleanup()
        engine.dispose()
