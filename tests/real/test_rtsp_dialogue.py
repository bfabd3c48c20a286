"""What cameras do within the rules and beside them, played by a scripted one over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket

import pytest

from hub.clock import SystemClock
from hub.ingest.rtsp.client import RtspClient
from hub.ingest.rtsp.udp import UdpPair
from hub.ingest.sockets import SocketGroup
from hub.model import RtspSource, Transport
from tests.failures.rtsp_camera import SDP, Asked, Camera, client, pictures, reply, running
from tests.unit.ingest_rtp import Sink, idr, packet, slice_nal

pytestmark = pytest.mark.real


async def three(writer: asyncio.StreamWriter) -> None:
    for part in pictures(3):
        writer.write(part)
    await writer.drain()
    writer.write_eof()


async def test_media_before_the_answer_to_play() -> None:
    sink = Sink()

    async def media(writer: asyncio.StreamWriter) -> None:
        writer.write(pictures(1, first=2)[0])
        writer.write_eof()

    camera = Camera(media=media)
    usual = camera.serve

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def early(asked: Asked) -> str:
            for part in pictures(2):
                writer.write(part)
            return "RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\nRTP-Info: url=x;seq=77;rtptime=0\r\n\r\n"

        camera.answers["PLAY"] = early
        await usual(reader, writer)

    camera.serve = serve  # type: ignore[method-assign]
    async with running(camera):
        await client(camera, sink).run_once()
    assert [unit.first_seq for unit in sink.units] == [0, 1, 2]
    assert len(sink.sessions) == 1
    assert sink.units[0].pts_ticks == 0


async def test_a_stale_nonce_is_answered_anew() -> None:
    nonces = iter(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"))
    given: list[str] = []

    def challenge(asked: Asked) -> str | None:
        header = asked.headers.get("authorization", "")
        nonce = re.search(r'nonce="(\w+)"', header)
        if nonce is not None and given and nonce[1] == given[-1] and nonce[1] not in ("one",):
            secret = hashlib.md5(b"hall:cam:sesame").hexdigest()
            request = hashlib.md5(f"{asked.method}:{asked.url}".encode()).hexdigest()
            expected = hashlib.md5(f"{secret}:{nonce[1]}:{request}".encode()).hexdigest()
            assert f'response="{expected}"' in header
            return camera._usual(asked)
        given.append(next(nonces))
        stale = ", stale=true" if nonce is not None else ""
        return (
            "RTSP/1.0 401 Unauthorized\r\nCSeq: CSEQ\r\n"
            f'WWW-Authenticate: Digest realm="cam", nonce="{given[-1]}"{stale}\r\n\r\n'
        )

    camera = Camera(media=three, answers={"DESCRIBE": challenge})
    sink = Sink()
    async with running(camera):
        await client(camera, sink, login="hall:sesame@").run_once()
    assert len(sink.units) == 3
    assert camera.methods.count("DESCRIBE") == 3
    assert all("sesame" not in request.url for request in camera.asked)


async def test_a_wrong_password_is_tried_once() -> None:
    camera = Camera(answers={"DESCRIBE": reply("401 No", 'WWW-Authenticate: Digest realm="c", nonce="n"')})
    async with running(camera):
        with pytest.raises(Exception, match="does not accept") as caught:
            await client(camera, Sink(), login="hall:sesame@").run_once()
    assert caught.value.code == "unauthorized"  # type: ignore[attr-defined]
    assert camera.methods.count("DESCRIBE") == 2


@pytest.mark.parametrize(
    ("headers", "path", "aggregate", "track"),
    [
        ((), "/live", "/live", "/live/trackID=1"),
        ((), "/cam/realmonitor?channel=1", "/cam/realmonitor?channel=1", "/cam/realmonitor?channel=1/trackID=1"),
        (("Content-Base: rtsp://inner:554/x/",), "/live", "rtsp://inner:554/x/", "rtsp://inner:554/x/trackID=1"),
        (("Content-Location: rtsp://inner/y",), "/live", "rtsp://inner/y", "rtsp://inner/y/trackID=1"),
        (("Content-Base: /base/",), "/live", "/base/", "/base/trackID=1"),
    ],
)
async def test_control_urls_of_all_kinds(headers: tuple[str, ...], path: str, aggregate: str, track: str) -> None:
    describe = reply("200 OK", *headers, f"Content-Length: {len(SDP)}", body=SDP)
    camera = Camera(media=three, answers={"DESCRIBE": describe})
    async with running(camera):
        await client(camera, Sink(), path=path).run_once()
    asked = {request.method: request.url for request in camera.asked}
    here = f"rtsp://127.0.0.1:{camera.port}"
    assert asked["SETUP"] == (track if "://" in track else here + track)
    assert asked["PLAY"] == (aggregate if "://" in aggregate else here + aggregate)


@pytest.mark.parametrize(
    ("public", "method"), [("OPTIONS, GET_PARAMETER, PLAY", "GET_PARAMETER"), ("OPTIONS, DESCRIBE, PLAY", "OPTIONS")]
)
async def test_keepalives_come_at_less_than_the_timeout(public: str, method: str) -> None:
    async def media(writer: asyncio.StreamWriter) -> None:
        for part in pictures(32):
            writer.write(part)
            await asyncio.sleep(0.04)
        writer.write_eof()

    setup = reply("200 OK", "Session: abc ; timeout=1", "Transport: RTP/AVP/TCP;interleaved=0-1")
    camera = Camera(media=media, answers={"SETUP": setup, "OPTIONS": reply("200 OK", f"Public: {public}")})
    async with running(camera):
        await client(camera, Sink()).run_once()
    after_play = camera.asked[camera.methods.index("PLAY") + 1 :]
    assert [request.method for request in after_play][:2] == [method, method]
    assert after_play[0].headers["session"] == "abc"


async def test_udp_takes_packets_from_the_camera_alone() -> None:
    ports: list[int] = []

    def setup(asked: Asked) -> str:
        match = re.search(r"client_port=(\d+)-(\d+)", asked.headers["transport"])
        assert match is not None
        ports.extend((int(match[1]), int(match[2])))
        return (
            "RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\nSession: 1\r\n"
            f"Transport: RTP/AVP;unicast;client_port={ports[0]}-{ports[1]};server_port={own}-{own + 1}\r\n\r\n"
        )

    async def media(writer: asyncio.StreamWriter) -> None:
        for seq in (0, 2, 1, 3, 3, 4):
            payload = idr() if seq == 0 else slice_nal()
            sender.sendto(packet(payload, seq, seq * 3600, marker=True), ("127.0.0.1", ports[0]))
            stranger.sendto(packet(idr(), seq, seq * 3600, marker=True, ssrc=1), ("127.0.0.1", ports[0]))
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        writer.write_eof()

    with socket.socket(type=socket.SOCK_DGRAM) as sender, socket.socket(type=socket.SOCK_DGRAM) as stranger:
        sender.bind(("127.0.0.1", 0))
        stranger.bind(("127.0.0.1", 0))
        own = sender.getsockname()[1]
        sink = Sink()
        camera = Camera(media=media, answers={"SETUP": setup})
        async with running(camera):
            source = RtspSource(f"rtsp://127.0.0.1:{camera.port}/live", Transport.UDP)
            await RtspClient(source, sink, SystemClock(), timeout_s=1, silence_s=1).run_once()
        sender.settimeout(1)
        assert sender.recv(100)[:1] == b"\x80", "the way was opened from our side"
    assert ports[0] % 2 == 0
    assert ports[1] == ports[0] + 1
    assert [unit.first_seq & 0xFFFF for unit in sink.units] == [0, 1, 2, 3, 4]
    assert sink.losses == []
    assert "foreign_sender" in sink.codes


async def test_datagrams_dropped_by_the_kernel_are_counted() -> None:
    complaints: list[str] = []
    pair = UdpPair(SocketGroup(SystemClock()), lambda code, message: complaints.append(code), "127.0.0.1")
    try:
        pair._rtp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            for _ in range(100):
                sender.sendto(bytes(1000), ("127.0.0.1", pair.ports[0]))
        assert pair.dropped() > 50
        assert pair.dropped() == 0
    finally:
        pair.close()
