"""A recorder that comes to a node which does not record its stream: when the stream follows it, and how."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from hub.app import recorders as module
from hub.app.arrivals import Arrivals
from hub.app.calls import Calls
from hub.app.recorders import Recorders
from hub.clock import SystemClock
from hub.cluster.leases import Member
from hub.cluster.owners import Owner
from hub.errors import Unavailable
from hub.ingest.whip.endpoint import WhipAnswer, WhipEndpoint
from hub.ledger.standing import RecoveredStream
from hub.model import MediaSink, SessionInfo, Stream, StreamKind, WhipSource
from hub.pipeline import Source
from tests.unit.test_ingest_gate import TRACKS, Line, Recorded

WORN = Stream("worn", "w", StreamKind.RECORDER, WhipSource(), 0)


class Whip:
    """A recorder that was answered; its pictures come when the test says so."""

    def __init__(self, pictures: bool = True) -> None:
        self.sends = asyncio.Event()
        self.pictures = pictures
        self.known = False
        self.ended = ""

    async def offer(self, _stream_id: str, _sdp: str, *, device: str = "") -> WhipAnswer:
        self.known = True
        return WhipAnswer("session", device)

    def knows(self, _stream_id: str) -> bool:
        return self.known

    def forget(self, _stream_id: str, reason: str) -> None:
        self.known, self.ended = False, reason

    def source(self, _stream_id: str) -> Whip:
        return self

    async def run_once(self, sink: MediaSink) -> str:
        await self.sends.wait()
        sink.opened(SessionInfo("whip", "recorder", "", TRACKS if self.pictures else TRACKS[1:], SystemClock().now()))
        for _, unit in Line((0,), 0).units(2, 25, 1 << 30, False):
            if self.pictures or unit.track_id != 1:
                sink.unit(unit)
        await asyncio.Event().wait()
        return ""


@dataclass
class Nodes:
    """This one is ``b``."""

    names: tuple[str, ...] = ("a", "b")
    me = Member("b", "http://b", frozenset())

    def living(self) -> Mapping[str, Member] | None:
        return self.seen()

    def seen(self) -> Mapping[str, Member]:
        return {name: Member(name, f"http://{name}", frozenset()) for name in self.names}


@dataclass
class Site:
    """The node ``a`` owns the stream by the table and answers that it ``gives`` it, or not at all (None). ``away``: so
    often PostgreSQL takes no claim."""

    whip: Whip = field(default_factory=Whip)
    nodes: Nodes = field(default_factory=Nodes)
    gives: bool | None = False
    refusal: str = ""
    away: int = 0
    held: bool = False
    asked: list[str] = field(default_factory=list)
    missing_since_us: int | None = -1

    def __post_init__(self) -> None:
        async def given(stream_id: str, _epoch: int) -> bool:
            return await self.take(stream_id)

        self.arrivals = Arrivals(SystemClock(), lambda _: WORN, cast(Any, None), lambda _: "", given)
        self.recorders = Recorders(
            SystemClock(), cast(Calls, self), cast(WhipEndpoint, self.whip), self.arrivals, self, self.nodes,
            lambda _: WORN,
        )  # fmt: skip

    def epoch(self, _stream_id: str) -> int | None:
        return 2 if self.held else None

    async def may_come(self, _stream_id: str) -> None:
        if self.refusal:
            raise Unavailable(self.refusal, code="draining")

    async def owner(self, _stream_id: str) -> Owner | None:
        return Owner("a", 1)

    async def take(self, _stream_id: str) -> bool:
        if self.away:
            self.away -= 1
            raise Unavailable("PostgreSQL is away", code="database_away")
        was = RecoveredStream("worn", 1, True, 1_500_000, None)
        self.missing_since_us = self.arrivals.arrived(WORN, was).recorded_until_us
        await asyncio.sleep(0)  # the pipeline that was here is ended
        self.held = True
        self.source = self.arrivals.movable(WORN, cast(Source, self.whip))
        return True

    async def json(self, method: str, url: str, body: Any, *, timeout_s: float) -> Any:
        self.asked.append(f"{method} {url} {body['node']}")
        if self.gives is None:
            raise Unavailable(f"no answer within {timeout_s}", code="node_unreachable")
        return {"gives": self.gives}

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not so():  # noqa: ASYNC110  states, not events
                await asyncio.sleep(0.005)

    async def settled(self) -> None:
        await self.until(lambda: not self.recorders._bringing)

    async def recorded(self) -> Recorded:
        """What a pipeline that begins now is given."""
        sink = Recorded()
        task = asyncio.create_task(self.source.run_once(sink))
        await self.until(lambda: bool(sink.units))
        task.cancel()
        await asyncio.wait([task])
        return sink


@asynccontextmanager
async def site(monkeypatch: pytest.MonkeyPatch, **how: Any) -> AsyncIterator[Site]:
    monkeypatch.setattr(module, "AGAIN_S", 0.01)
    made = Site(**how)
    try:
        yield made
    finally:
        await made.recorders.close()
        await made.arrivals.close()


async def test_an_offer_moves_nothing_and_the_first_keyframe_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(monkeypatch) as it:
        await it.recorders.offer("worn", "offer")
        await asyncio.sleep(0.05)
        assert (it.held, it.asked) == (False, [])
        it.whip.sends.set()
        await it.settled()
        assert it.held
        assert it.asked == ["POST http://a/node/handover/worn/wanted b"]
        assert it.missing_since_us is None, "what waited here begins before the other recording ends"
        assert (await it.recorded()).numbers(1)[0] == 25


@pytest.mark.parametrize(
    "how", [{"gives": None}, {"nodes": Nodes(("b",))}, {"away": 3}], ids=["silent", "gone", "postgresql"]
)
async def test_a_stream_that_nobody_gives_is_taken(how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(monkeypatch, **how) as it:
        it.whip.sends.set()
        await it.recorders.offer("worn", "offer")
        await it.settled()
        assert it.held


async def test_one_that_is_being_given_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(monkeypatch, gives=True) as it:
        it.whip.sends.set()
        await it.recorders.offer("worn", "offer")
        await it.until(lambda: bool(it.asked))
        await asyncio.sleep(0.05)
        assert not it.held
        assert len(await it.arrivals.prepare("worn", 2)) == 2, "who gives it asks what has come"
        assert await it.arrivals.given("worn", 2)
        await it.settled()
        assert it.held


@pytest.mark.parametrize("how", ["it is refused after all", "who gives it dies"])
async def test_a_gift_that_comes_to_nothing_is_taken(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(monkeypatch, gives=True) as it:
        it.whip.sends.set()
        await it.recorders.offer("worn", "offer")
        await it.until(lambda: bool(it.asked))
        if how == "who gives it dies":
            it.nodes.names = ("b",)
        else:
            await it.arrivals.forget("worn")
        await it.settled()
        assert it.held


async def test_sound_alone_has_no_keyframe_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(monkeypatch, whip=Whip(pictures=False)) as it:
        it.whip.sends.set()
        await it.recorders.offer("worn", "offer")
        await it.settled()
        assert it.held
        assert it.missing_since_us == 1_500_000
        assert (await it.recorded()).numbers(2)


async def test_an_offer_that_comes_to_nothing_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(monkeypatch) as it:
        await it.recorders.offer("worn", "offer")
        await asyncio.sleep(0.03)
        it.whip.known = False
        await it.settled()
        assert (it.held, it.arrivals._coming) == (False, {})


async def test_a_stream_that_cannot_be_had_ends_its_recorder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_S", 0.05)
    async with site(monkeypatch, away=10**9) as it:
        it.whip.sends.set()
        await it.recorders.offer("worn", "offer")
        await it.settled()
        assert not it.held
        assert it.whip.ended, "it may offer again"


async def test_a_node_that_takes_nothing_answers_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with site(monkeypatch, refusal="this node drains") as it:
        with pytest.raises(Unavailable, match="drains"):
            await it.recorders.offer("worn", "offer")
        assert not it.whip.known
