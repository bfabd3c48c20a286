"""Sessions of the WHIP endpoint without a network: take-over, expiry, bounds, goodbyes, what the pipeline gets."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from hub.clock import Instant, ManualClock
from hub.errors import InvalidRequest, NotFound, Unavailable
from hub.ingest.whip import WhipEndpoint
from hub.ingest.whip import endpoint as endpoint_module
from hub.ingest.whip.answer import LocalTransport, RemoteTransport
from hub.ingest.whip.candidates import RemoteCandidate
from hub.ingest.whip.endpoint import MAX_OFFERS_PER_STREAM, MAX_WAITING_RUNS
from hub.model import AccessUnit, PacketLoss, SenderReport, SessionInfo, TimeLeap
from hub.settings import Settings
from tests.unit import whip_offers as offers

OPUS = offers.offer(offers.audio())
BOTH = offers.offer(offers.video(offers.MAIN), offers.audio())
VIDEO_SSRC, AUDIO_SSRC = 0xAAAA0001, 0xBBBB0002


class StillClock(ManualClock):
    """The endpoint's timer never fires by itself: the tests call tick."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


class FakePeer:
    """A connection that does what the test says."""

    def __init__(
        self,
        remote: RemoteTransport,
        clock: object,
        *,
        media: Callable[[bytes, Instant], None],
        control: Callable[[bytes, Instant], None],
        ended: Callable[[str, bool], None],
        stamped: bool,
        **_: Any,
    ) -> None:
        self.remote, self.media, self.control, self.ended = remote, media, control, ended
        self.stamped = stamped
        self.round_trip_us = 40_000
        self.address = "127.0.0.1:5"
        self.sent: list[bytes] = []
        self.candidates: list[RemoteCandidate] = []
        self.started = self.closed = False

    async def gather(self) -> LocalTransport:
        return LocalTransport("abcd", "x" * 22, (("sha-256", "AA"),), (("127.0.0.1", 40000, 1, "f"),))

    def start(self) -> None:
        self.started = True

    async def add_candidates(self, candidates: Sequence[RemoteCandidate]) -> None:
        self.candidates += candidates

    def send_rtcp(self, packet: bytes) -> None:
        self.sent.append(packet)

    async def close(self) -> None:
        self.closed = True


class Sink:
    """Writes down the order of what it gets."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.sessions: list[SessionInfo] = []
        self.units: list[AccessUnit] = []

    def opened(self, session: SessionInfo) -> None:
        self.sessions.append(session)
        self.events.append("opened")

    def unit(self, unit: AccessUnit) -> None:
        self.units.append(unit)
        self.events.append("unit")

    def loss(self, loss: PacketLoss) -> None:
        self.events.append(f"loss {loss.count}")

    def leap(self, leap: TimeLeap) -> None:
        self.events.append("leap")

    def sender_report(self, report: SenderReport) -> None:
        self.events.append("report")

    def goodbye(self, reason: str) -> None:
        self.events.append(f"goodbye {reason}")

    def complaint(self, code: str, message: str) -> None:
        self.events.append(f"complaint {code}")


class Stage:
    """An endpoint on fake peers and a hand-driven clock."""

    def __init__(self) -> None:
        self.clock = StillClock()
        self.peers: list[FakePeer] = []
        self.endpoint = WhipEndpoint(Settings(), self.clock, peer=self._peer)

    def _peer(self, *args: Any, **kwargs: Any) -> FakePeer:
        self.peers.append(FakePeer(*args, **kwargs))
        return self.peers[-1]

    async def offer(self, sdp: str = OPUS, stream_id: str = "a") -> tuple[str, FakePeer]:
        answer = await self.endpoint.offer(stream_id, sdp, device="test/1")
        return answer.session_id, self.peers[-1]

    def pass_time(self, seconds: float) -> None:
        self.endpoint.tick(self.clock.advance(seconds))

    def sound(self, peer: FakePeer, number: int) -> None:
        packet = struct.pack("!BBHII", 0x80, 111, number & 0xFFFF, number * 960, AUDIO_SSRC) + b"\xfc" + bytes(10)
        now = self.clock.advance(0.02)
        peer.media(packet, now, now.mono_us)

    def picture(self, peer: FakePeer, number: int, *, key: bool = False) -> None:
        header = struct.pack("!BBHII", 0x80, 0x80 | 96, number & 0xFFFF, number * 3600, VIDEO_SSRC)
        now = self.clock.advance(0.04)
        peer.media(header + (b"\x65" if key else b"\x41") + b"\x9a" * 20, now, now.mono_us)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    await stage.endpoint.close()
    assert all(peer.closed for peer in stage.peers)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_media_before_the_pipeline_is_there_is_delivered_in_order(stage: Stage) -> None:
    _, peer = await stage.offer()
    assert peer.started
    for number in range(4):
        stage.sound(peer, number)
    peer.ended("the device closed the connection", True)
    sink = Sink()
    reason = await stage.endpoint.source("a").run_once(sink)
    assert reason == "the device closed the connection"
    assert sink.events == ["opened", *["unit"] * 4, "goodbye the device closed the connection"]
    session = sink.sessions[0]
    assert (session.protocol, session.peer, session.device) == ("whip", "127.0.0.1:5", "test/1")
    assert session.opened == sink.units[0].arrival


async def test_a_post_takes_nothing_over_but_its_first_media_does(stage: Stage) -> None:
    inlet, sinks = stage.endpoint.source("a"), [Sink(), Sink()]
    old_id, old = await stage.offer()
    stage.sound(old, 0)
    run = asyncio.create_task(inlet.run_once(sinks[0]))
    await settle()
    _, new = await stage.offer()
    stage.sound(old, 1)
    assert not run.done()
    stage.sound(new, 100)
    assert await run == "superseded by another publisher"
    assert sinks[0].events == ["opened", "unit", "unit"]
    with pytest.raises(NotFound):
        await stage.endpoint.end("a", old_id)
    stage.sound(old, 2)
    run = asyncio.create_task(inlet.run_once(sinks[1]))
    await settle()
    stage.sound(new, 101)
    new.ended("the connection was lost", False)
    assert await run == "the connection was lost"
    assert sinks[1].events == ["opened", "unit", "unit"]


async def test_the_kernel_is_asked_when_packets_came_for_who_wants_to_know(stage: Stage) -> None:
    _, browser = await stage.offer(offers.CHROMIUM)
    _, encoder = await stage.offer(BOTH)
    assert (browser.stamped, encoder.stamped) == (True, False)


async def test_streams_do_not_take_over_each_other(stage: Stage) -> None:
    session_id, one = await stage.offer(stream_id="a")
    _, two = await stage.offer(stream_id="b")
    stage.sound(one, 0)
    stage.sound(two, 0)
    with pytest.raises(NotFound):
        await stage.endpoint.end("b", session_id)
    await stage.endpoint.end("a", session_id)
    await settle()
    assert (one.closed, two.closed) == (True, False)


async def test_an_offer_without_media_is_forgotten_and_a_silent_publisher_let_go(stage: Stage) -> None:
    idle_id, idle = await stage.offer()
    stage.pass_time(29)
    await stage.endpoint.trickle("a", idle_id, "a=end-of-candidates\r\n")
    stage.pass_time(2)
    with pytest.raises(NotFound):
        await stage.endpoint.trickle("a", idle_id, "a=end-of-candidates\r\n")
    _, talker = await stage.offer()
    stage.sound(talker, 0)
    run = asyncio.create_task(stage.endpoint.source("a").run_once(sink := Sink()))
    await settle()
    stage.pass_time(59)
    assert not run.done()
    stage.pass_time(2)
    assert await run == "the device sent nothing for a minute"
    assert "goodbye" not in " ".join(sink.events)
    assert idle.closed


async def test_sessions_are_bounded_per_stream_and_in_all(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [(await stage.offer())[0] for _ in range(MAX_OFFERS_PER_STREAM + 1)]
    with pytest.raises(NotFound):
        await stage.endpoint.end("a", ids[0])
    await stage.endpoint.end("a", ids[1])
    monkeypatch.setattr(endpoint_module, "MAX_SESSIONS", MAX_OFFERS_PER_STREAM)
    await stage.offer(stream_id="b")
    with pytest.raises(Unavailable) as caught:
        await stage.offer(stream_id="b")
    assert caught.value.code == "too_many_sessions"


async def test_runs_that_nobody_takes_are_bounded(stage: Stage) -> None:
    for start in range(MAX_WAITING_RUNS + 2):
        _, peer = await stage.offer()
        stage.sound(peer, start * 1000)
    inlet, sinks = stage.endpoint.source("a"), [Sink() for _ in range(MAX_WAITING_RUNS)]
    for sink in sinks[:-1]:
        assert await inlet.run_once(sink) == "superseded by another publisher"
    last = asyncio.create_task(inlet.run_once(sinks[-1]))
    await settle()
    assert [len(sink.units) for sink in sinks] == [1] * MAX_WAITING_RUNS
    assert not last.done()
    stage.endpoint.forget("a")
    assert await last == "the stream was retired"


async def test_cancelling_the_run_ends_the_session(stage: Stage) -> None:
    session_id, peer = await stage.offer()
    stage.sound(peer, 0)
    run = asyncio.create_task(stage.endpoint.source("a").run_once(Sink()))
    await settle()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    with pytest.raises(NotFound):
        await stage.endpoint.end("a", session_id)


async def test_a_bye_of_both_tracks_is_a_goodbye_of_one_is_not(stage: Stage) -> None:
    _, peer = await stage.offer(BOTH)
    run = asyncio.create_task(stage.endpoint.source("a").run_once(sink := Sink()))
    stage.picture(peer, 1, key=True)
    stage.sound(peer, 1)
    await settle()
    peer.control(struct.pack("!BBHI", 0x81, 203, 1, AUDIO_SSRC), stage.clock.now())
    await settle()
    assert not run.done()
    peer.control(struct.pack("!BBHI", 0x81, 203, 1, VIDEO_SSRC), stage.clock.now())
    assert await run == "RTCP BYE"
    assert sink.events[-1] == "goodbye RTCP BYE"


async def test_a_report_before_a_tracks_first_media_is_not_taken_for_its_own(stage: Stage) -> None:
    _, peer = await stage.offer(BOTH)
    run = asyncio.create_task(stage.endpoint.source("a").run_once(sink := Sink()))
    stage.sound(peer, 1)
    report = struct.pack("!BBHIIIIII", 0x80, 200, 6, AUDIO_SSRC, 3_900_000_000, 0, 960, 1, 10)
    peer.control(report, stage.clock.now())
    stage.picture(peer, 1, key=True)
    stage.picture(peer, 2)
    stage.sound(peer, 2)
    await settle()
    assert [unit.device_us is not None for unit in sink.units if unit.track_id == 1] == [False] * 2
    assert "report" in sink.events
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_trickle_adds_candidates_and_refuses_an_ice_restart(stage: Stage) -> None:
    session_id, peer = await stage.offer()
    line = "a=candidate:1 1 udp 2122260223 192.0.2.1 61764 typ host\r\n"
    await stage.endpoint.trickle("a", session_id, "a=ice-ufrag:Bm6l\r\na=ice-pwd:jXFFgYGIE6iyIHJXFhZ0zSQy\r\n" + line)
    assert [candidate.port for candidate in peer.candidates] == [61764]
    for changed in ("a=ice-ufrag:EsAw\r\n", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"):
        with pytest.raises(InvalidRequest) as caught:
            await stage.endpoint.trickle("a", session_id, changed + line)
        assert caught.value.code == "ice_restart"
    with pytest.raises(NotFound):
        await stage.endpoint.trickle("a", "x" + session_id, line)


async def test_a_refused_offer_leaves_nothing_behind_but_a_complaint(stage: Stage) -> None:
    sink = Sink()
    run = asyncio.create_task(stage.endpoint.source("a").run_once(sink))
    await settle()
    with pytest.raises(InvalidRequest):
        await stage.offer(offers.offer(offers.video("", codec="VP8")))
    assert stage.peers == []
    assert sink.events == ["complaint no_h264"]
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    with pytest.raises(InvalidRequest):
        await stage.offer("v=0")
    assert sink.events == ["complaint no_h264"]


async def test_an_offer_that_brings_no_media_is_complained_of_unless_the_device_left(stage: Stage) -> None:
    sink = Sink()
    run = asyncio.create_task(stage.endpoint.source("a").run_once(sink))
    await settle()
    session_id, _ = await stage.offer()
    await stage.endpoint.end("a", session_id)
    assert sink.events == []
    _, peer = await stage.offer()
    peer.ended("no ICE candidate pair works", False)
    await stage.offer()
    stage.pass_time(31)
    assert sink.events == ["complaint whip_no_media"] * 2
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


async def test_reports_and_keyframe_requests_go_back(stage: Stage) -> None:
    _, peer = await stage.offer(BOTH)
    stage.picture(peer, 1)
    stage.pass_time(0.02)
    (first,) = peer.sent
    kinds = types(first)
    assert kinds[0] == 201
    assert (206, 1) in fmts(first)
    peer.sent.clear()
    stage.picture(peer, 2, key=True)
    stage.pass_time(0.02)
    assert peer.sent == []
    for number in range(3, 60):
        stage.picture(peer, number)
        stage.pass_time(0)
    requests = [packet for packet in peer.sent if (206, 1) in fmts(packet)]
    assert len(requests) == 1
    assert types(requests[0])[0] == 201, "a compound packet begins with a report where RFC 5506 was not agreed"


async def test_missing_packets_are_asked_for_then_given_up_and_a_keyframe_wanted(stage: Stage) -> None:
    _, peer = await stage.offer(BOTH)
    run = asyncio.create_task(stage.endpoint.source("a").run_once(sink := Sink()))
    stage.picture(peer, 1, key=True)
    stage.pass_time(0.02)
    await settle()
    peer.sent.clear()
    stage.picture(peer, 3)
    for _ in range(25):
        stage.pass_time(0.02)
    nacks = [packet for packet in peer.sent if (205, 1) in fmts(packet)]
    assert 7 <= len(nacks) <= 10, "every round trip of 40 ms until 400 ms"
    assert nacks[0].endswith(struct.pack("!IHH", VIDEO_SSRC, 2, 0))
    assert "loss 1" in sink.events
    given_up = peer.sent.index(nacks[-1])
    assert any((206, 1) in fmts(packet) for packet in peer.sent[given_up:])
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


def parts(compound: bytes) -> list[bytes]:
    found = []
    while compound:
        size = 4 * (int.from_bytes(compound[2:4], "big") + 1)
        found.append(compound[:size])
        compound = compound[size:]
    return found


def types(compound: bytes) -> list[int]:
    return [part[1] for part in parts(compound)]


def fmts(compound: bytes) -> list[tuple[int, int]]:
    return [(part[1], part[0] & 31) for part in parts(compound)]
