"""Cameras of all kinds at one hub: TLS and passwords, redirects, short sessions, UDP out of order and with losses,
and parameter sets that change in mid-stream. What was sent is on the disk, none missing, none twice."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hub.bench.processes import HubProcess
from hub.database import Database
from hub.demo.device import Device, track_media
from hub.demo.encode import VideoSpec
from hub.demo.faults import Fault, FaultKind, FaultScript
from hub.demo.feed import Sent, TrackMedia
from hub.demo.media import join, load_loop
from hub.demo.payloads import prepare
from hub.demo.rtsp_server import RtspRules, RtspServer
from hub.ledger.reader import Reader
from hub.ledger.verify import verify_path
from hub.model import Chunk, Codec
from tests.failures.rtsp_camera import Camera, reply, running
from tests.hub_line import (
    SMALL,
    SOUND,
    add_camera,
    assert_unbroken,
    recorded,
    reels_of,
    sent_digests,
    until_live,
)
from tests.real.rtsp_peers import self_signed

pytestmark = pytest.mark.real

SECONDS = 10.0
SHORT = replace(SMALL, seconds=2)
LARGER = replace(SHORT, width=480, height=270, profile="high")
ALL_THE_TIME_S = 60.0
LOSS = Fault(FaultKind.LOSS, 1.0, 5.0, share=0.06)


def changing(first: VideoSpec, second: VideoSpec) -> list[TrackMedia]:
    """Two sizes in turn, two seconds each, under the same set ids; the SDP knows the first alone."""
    return [TrackMedia(prepare(join(load_loop(first), load_loop(second)), sets="both"), {}), track_media(SOUND)]


def devices() -> dict[str, Device]:
    usual = [track_media(SMALL), track_media(SOUND)]
    tracks = {
        "moved": usual,
        "out-of-order": [track_media(replace(SMALL, slices=3)), track_media(SOUND)],
        "lossy": usual,
        "changing-h264": changing(SHORT, LARGER),
        "changing-h265": changing(replace(SHORT, codec=Codec.H265), replace(LARGER, codec=Codec.H265)),
    }
    return {name: Device(name, media, record=True) for name, media in tracks.items()}


@asynccontextmanager
async def serving(server: RtspServer) -> AsyncIterator[RtspServer]:
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def tls_of_its_own(folder: Path) -> ssl.SSLContext:
    (folder / "camera.pem").write_text(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "camera.pem")
    return context


async def test_nothing_is_missing_whatever_the_camera_is_like(tmp_path: Path) -> None:
    plain = await asyncio.to_thread(devices)
    guarded = Device("guarded", [track_media(SMALL), track_media(SOUND)], record=True)
    rules = RtspRules(challenge="digest-sha256", password="p@ss/wörd", session_timeout_s=2)
    data = tmp_path / "data"
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(RtspServer(list(plain.values()))))
        tls = await stack.enter_async_context(serving(RtspServer([guarded], rules=rules, tls=tls_of_its_own(tmp_path))))
        moved = Camera(answers={"DESCRIBE": reply("302 Moved", f"Location: {server.url(1)}")})
        await stack.enter_async_context(running(moved))
        hub = await stack.enter_async_context(HubProcess(data))
        now = server.clock.now()
        plain["out-of-order"].play(FaultScript([Fault(FaultKind.REORDER, 0, ALL_THE_TIME_S, share=0.3)]), now)
        urls = {name: server.url(mount) for mount, name in enumerate(plain, 1)}
        urls["moved"] = f"rtsp://127.0.0.1:{moved.port}/old"
        urls["guarded"] = tls.url(1).replace(rules.password, "p%40ss%2Fw%C3%B6rd")
        for name, url in urls.items():
            await add_camera(hub, name, url, "udp" if name in ("out-of-order", "lossy") else "tcp")
        await until_live(hub, len(urls))
        plain["lossy"].play(FaultScript([LOSS], seed=5), server.clock.now())
        await asyncio.sleep(SECONDS)
        streams = {stream["id"]: stream["status"] for stream in await hub.call("GET", "/api/streams")}
        interruptions = await hub.call("GET", "/api/interruptions")
        assert await hub.stop() == 0

    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    assert {status["attempts"] for status in streams.values()} == {1}, "nobody was connected to twice"
    for name, device in {**plain, "guarded": guarded}.items():
        sent = list(device.sent or ())
        chunks = chunks_of(data, name)
        if name == "lossy":
            _assert_only_the_lost_is_missing(data, sent, chunks)
            continue
        for kind in ("video", "audio"):
            truth = sent_digests(sent, kind)
            assert_unbroken(recorded(data, name, kind), truth, may_miss_at_end=50, may_miss_at_start=0)
        assert sum(track.lost + track.damaged for chunk in chunks for track in chunk.tracks) == 0, name
        assert not [each for each in interruptions if each["stream"] == name], name
    for name in ("changing-h264", "changing-h265"):
        assert len(reels_of(data, name)) >= 4, "each change begins a reel"
    assert {each["kind"] for each in interruptions} == {"loss"}


def chunks_of(data: Path, stream_id: str) -> list[Chunk]:
    reader = Reader(Database.in_folder(data), data)
    try:
        return reader.chunks(stream_id, 0, 1 << 52, 10_000)
    finally:
        reader.close()


def _assert_only_the_lost_is_missing(data: Path, sent: Sequence[Sent], chunks: Sequence[Chunk]) -> None:
    """Every unit of which all packets came is there, in its order; every lost packet is in the books.

    A keyframe of which nothing but its parameter sets came leaves these to the next picture: what came is kept.
    """
    lost = sum(unit.missing for unit in sent)
    assert lost > 5
    assert sum(track.lost for chunk in chunks for track in chunk.tracks) == lost
    for kind in ("video", "audio"):
        units = [unit for unit in sent if unit.kind == kind]
        known = {unit.sha256 for unit in units if not unit.missing}
        found = [digest for digest in recorded(data, "lossy", kind) if digest in known]
        taken = 0
        sets_left = False
        for unit in units:
            if taken == len(found):
                break
            if unit.missing:
                sets_left = sets_left or (unit.keyframe and kind == "video")
                continue
            if found[taken] == unit.sha256:
                taken += 1
            else:
                assert sets_left, unit
            sets_left = False
        assert taken == len(found) > len(units) - 80
