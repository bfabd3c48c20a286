"""The simulated cameras against real clients: ffmpeg and GStreamer, every codec, both transports."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hub.clock import SystemClock
from hub.demo.device import ClockRules, Device, track_media
from hub.demo.encode import AudioSpec, VideoSpec, split_annexb, split_lengths
from hub.demo.faults import Fault, FaultKind, FaultScript
from hub.demo.feed import TrackMedia
from hub.demo.frame_code import read_frame_number, split_frame_number
from hub.demo.media import join, load_loop
from hub.demo.payloads import prepare
from hub.demo.rtsp_server import RtspRules, RtspServer
from hub.model import Codec

pytestmark = pytest.mark.real
WIDTH, HEIGHT = 320, 180
VIDEO = VideoSpec(width=WIDTH, height=HEIGHT, bitrate=500_000, gop=5, seconds=1, device=5)
AAC = AudioSpec(Codec.AAC, rate=32_000, seconds=4)
COMBINATIONS = {
    "h264+aac": (VIDEO, AAC),
    "h264b+pcma": (replace(VIDEO, bframes=2, slices=3), AudioSpec(Codec.PCMA, rate=8000, seconds=2)),
    "h265+opus": (replace(VIDEO, codec=Codec.H265), AudioSpec(Codec.OPUS, channels=2, seconds=2)),
    "h265b+pcmu": (replace(VIDEO, codec=Codec.H265, bframes=2), AudioSpec(Codec.PCMU, rate=8000, seconds=2)),
}


@pytest.fixture(scope="session")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loops")


def camera(name: str, folder: Path) -> Device:
    tracks = [track_media(spec, folder=folder) for spec in COMBINATIONS[name]]
    return Device(name, tracks, record=True, clock=ClockRules(first_report_s=0.2))


@asynccontextmanager
async def served(
    *devices: Device, rules: RtspRules | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RtspServer]:
    server = RtspServer(devices, rules=rules, tls=tls)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


async def run(*command: object) -> str:
    """Run to its end; returns what it says. Fails when it does."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(30):
            said = (await process.communicate())[0].decode()
    except BaseException:
        process.kill()
        raise
    assert process.returncode == 0, said
    return said


FFMPEG = ("ffmpeg", "-v", "error", "-y", "-analyzeduration", "500000")


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("name", COMBINATIONS)
async def test_ffmpeg_gets_bit_for_bit_what_is_told_as_sent(
    name: str, transport: str, loops: Path, tmp_path: Path
) -> None:
    device = camera(name, loops)
    pictures, sounds = tmp_path / "v", tmp_path / "a"
    async with served(device) as server:
        video = ("-map", "0:v", "-c", "copy", "-frames:v", 35, "-f", "data", pictures)
        audio = ("-map", "0:a", "-c", "copy", "-frames:a", 30, "-f", "data", sounds)
        await run(*FFMPEG, "-rtsp_transport", transport, "-i", server.url(1), *video, *audio)
    assert device.sent is not None
    video_loop, audio_loop = (load_loop(spec, loops) for spec in COMBINATIONS[name])
    by_number = {unit.number: unit.data for unit in video_loop.units}
    sent = [nal for unit in device.sent if unit.kind == "video" for nal in split_lengths(by_number[unit.number])]
    got = split_annexb(pictures.read_bytes())
    assert len(got) >= 35
    assert got == sent[: len(got)]
    heard = b"".join(audio_loop.units[unit.number].data for unit in device.sent if unit.kind == "audio")
    assert sounds.stat().st_size > 1000
    assert heard.startswith(sounds.read_bytes())


@pytest.mark.parametrize(("name", "transport"), [("h264b+pcma", "tcp"), ("h265+opus", "udp")])
async def test_gstreamer_shows_every_frame_number(name: str, transport: str, loops: Path, tmp_path: Path) -> None:
    device = camera(name, loops)
    grey = tmp_path / "grey"
    depay = "rtph264depay" if "h264" in name else "rtph265depay"
    decode = "avdec_h264" if "h264" in name else "avdec_h265"
    parse = "h264parse" if "h264" in name else "h265parse"
    async with served(device) as server:
        await run(
            *("gst-launch-1.0", "-q", "rtspsrc", f"location={server.url(1)}", f"protocols={transport}", "latency=50"),
            *("!", "application/x-rtp,media=video", "!", depay, "!", parse, "!", decode, "max-threads=1"),
            *("!", "videoconvert", "!", f"video/x-raw,format=GRAY8,width={WIDTH}", "!", "identity", "eos-after=40"),
            *("!", "filesink", f"location={grey}"),
        )
    frames = np.frombuffer(grey.read_bytes(), dtype=np.uint8).reshape(-1, HEIGHT, WIDTH)
    # What a decoder still holds at the end comes out of its turn.
    numbers = [read_frame_number(frame) for frame in frames[:35]]
    assert [split_frame_number(number or 0) for number in numbers] == [(5, n % 25) for n in range(35)]


@pytest.mark.parametrize("challenge", ["basic", "digest-md5"])
async def test_the_password_is_asked_for(challenge: str, loops: Path) -> None:
    device = camera("h264+aac", loops)
    rules = RtspRules(challenge=challenge, user="admin", password="s3cret")  # type: ignore[arg-type]
    probe = ("ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-show_entries", "stream=codec_name", "-of", "csv")
    async with served(device, rules=rules) as server:
        assert "h264" in await run(*probe, server.url(1))
        with pytest.raises(AssertionError, match="401"):
            await run(*probe, server.url(1).replace("s3cret", "wrong"))
        with pytest.raises(AssertionError, match="401"):
            await run(*probe, server.url(1, credentials=False))


async def test_rtsps(loops: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-days", "2", "-newkey", "rsa:2048", "-nodes", "-x509")
    await run("openssl", "req", *subject, "-keyout", key, "-out", certificate)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with served(camera("h264+aac", loops), tls=tls) as server:
        said = await run("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv", server.url(1))
    assert "h264" in said
    assert "aac" in said


async def test_sets_may_be_in_the_sdp_alone_and_change_in_mid_stream(loops: Path, tmp_path: Path) -> None:
    first, second = load_loop(VIDEO, loops), load_loop(replace(VIDEO, width=160, height=90), loops)
    devices = [
        Device("sdp", [TrackMedia(prepare(first, sets="sdp"), {})]),
        Device("changing", [TrackMedia(prepare(join(first, second), sets="inband"), {})]),
    ]
    sizes = ("-show_entries", "frame=width", "-of", "csv=p=0", "-read_intervals", "%+#45")
    async with served(*devices) as server:
        for mount, expected in ((1, {"320"}), (2, {"320", "160"})):
            said = await run("ffprobe", "-v", "error", "-rtsp_transport", "tcp", *sizes, server.url(mount))
            widths = said.replace(",", " ").split()
            assert len(widths) > 40
            assert set(widths) == expected


async def test_faults_as_a_client_sees_them(loops: Path) -> None:
    """A client of a few lines: what comes on the socket, and how it ends."""
    device = camera("h264+aac", loops)

    async def play(server: RtspServer) -> bytes:
        """Everything received until the connection ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        url = server.url(1)
        transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
        writer.write(f"SETUP {url}/trackID=1 RTSP/1.0\r\nCSeq: 1\r\n{transport}\r\n\r\n".encode())
        writer.write(f"PLAY {url}/ RTSP/1.0\r\nCSeq: 2\r\n\r\n".encode())
        received = await reader.read()
        writer.close()
        return received

    async with served(device) as server:
        now = SystemClock().now
        device.play(FaultScript([Fault(FaultKind.CUT, 0.4, 0.4)]), now())
        received = await play(server)
        assert len(received) > 5000
        assert b"device switched off" not in received
        assert len(await play(server)) < 200  # away
        device.play(FaultScript([Fault(FaultKind.GOODBYE, 0.3, 60)]), now())
        received = await play(server)
        assert b"device switched off" in received[-200:]


async def test_a_client_that_says_nothing_is_dropped(loops: Path) -> None:
    device = camera("h264+aac", loops)
    async with served(device, rules=RtspRules(session_timeout_s=1)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        offer = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
        writer.write(f"SETUP {server.url(1)}/trackID=1 RTSP/1.0\r\nCSeq: 1\r\n{offer}\r\n\r\n".encode())
        writer.write(f"PLAY {server.url(1)} RTSP/1.0\r\nCSeq: 2\r\n\r\n".encode())
        async with asyncio.timeout(5):
            assert len(await reader.read()) > 5000
        writer.close()
    assert not device.sessions


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("DESCRIBE {}/cam/99", b"404"),
        ("SETUP {}/cam/1/trackID=7", b"404"),
        ("SETUP {}/cam/1/trackID=1", b"461"),
        ("PLAY {}/cam/1", b"455"),
        ("RECORD {}/cam/1", b"405"),
        ("OPTIONS *", b"200"),
    ],
)
async def test_wrong_calls_get_their_status(request_line: str, status: bytes, loops: Path) -> None:
    async with served(camera("h264+aac", loops)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        line = request_line.format(f"rtsp://127.0.0.1:{server.port}")
        writer.write(f"{line} RTSP/1.0\r\nCSeq: 1\r\n\r\n".encode())
        assert (await reader.readline()).split()[1] == status
        writer.close()
