"""Against GStreamer's RTSP server: what arrives is bit for bit what was encoded, none missing, none twice."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest

from hub.clock import SystemClock
from hub.errors import SourceError
from hub.ingest.rtsp.client import RtspClient
from hub.model import Codec, RtspSource, Transport
from tests.real.rtsp_peers import Coded, encode, gst_server, nal_units, read_back, self_signed
from tests.unit.ingest_rtp import Sink

pytestmark = pytest.mark.real

SECONDS = "2"
PICTURE = ("-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=25:duration={SECONDS}")
SOUND = ("-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={SECONDS}")
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-pix_fmt", "yuv420p")


async def pull(port: int, transport: Transport = Transport.TCP, url: str = "") -> tuple[Sink, str]:
    """Everything until the server says goodbye."""
    sink = Sink()
    source = RtspSource(url or f"rtsp://127.0.0.1:{port}/live", transport)
    async with asyncio.timeout(20):
        why = await RtspClient(source, sink, SystemClock(), silence_s=5).run_once()
    return sink, why


def launch(path: Path, *branches: str) -> str:
    joined = "  ".join(f"d. ! queue ! {branch} name=pay{index}" for index, branch in enumerate(branches))
    return f"( filesrc location={path} ! qtdemux name=d  {joined} )"


def kept(parser: str, copy: Path, payloader: str) -> str:
    """A branch that also writes to ``copy`` what enters the payloader: what the server had to send.

    (The file itself is no measure for sound: its edit list cuts frames off at both ends.)
    """
    sink = f"filesink location={copy} async=false sync=false buffer-mode=unbuffered"
    return f"{parser} ! tee name={copy.stem}  {copy.stem}. ! queue ! {sink}  {copy.stem}. ! queue ! {payloader}"


def check_pictures(sink: Sink, expected: list[Coded], is_slice: set[int], codec: Codec) -> None:
    """Every slice NAL unit as encoded and in order; times as encoded up to a common shift."""
    units = [unit for unit in sink.units if unit.track_id == 1]
    kind = (lambda nal: nal[0] & 0x1F) if codec is Codec.H264 else (lambda nal: nal[0] >> 1 & 0x3F)
    got = [[nal for nal in nal_units(unit.data) if kind(nal) in is_slice] for unit in units]
    wanted = [[nal for nal in nal_units(picture.data) if kind(nal) in is_slice] for picture in expected]
    assert len(got) == len(wanted)
    assert got == wanted
    assert [unit.keyframe for unit in units] == [picture.keyframe for picture in expected]
    assert not any(unit.damaged or unit.lost for unit in units)
    shift = units[0].pts_ticks - round(expected[0].pts_s * 90_000)
    assert [unit.pts_ticks - shift for unit in units] == pytest.approx(
        [picture.pts_s * 90_000 for picture in expected], abs=2
    )
    assert all(later.dts_ticks > earlier.dts_ticks for earlier, later in itertools.pairwise(units))
    assert all(unit.dts_ticks <= unit.pts_ticks for unit in units)


H264_SLICES = {1, 5}
H265_SLICES = set(range(32))


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
async def test_h264_with_b_frames_and_aac(tmp_path: Path, transport: Transport) -> None:
    clip = encode(
        tmp_path / "clip.mp4",
        *PICTURE, *SOUND, *X264, "-bf", "3", "-x264-params", "b-pyramid=normal", "-c:a", "aac", "-b:a", "96k",
    )  # fmt: skip
    line = launch(clip, "h264parse ! rtph264pay pt=96", kept("aacparse", tmp_path / "sound.raw", "rtpmp4gpay pt=97"))
    async with gst_server(line) as port:
        sink, why = await pull(port, transport)
    assert "goodbye" in why
    expected = read_back(clip, "video")
    check_pictures(sink, expected, H264_SLICES, Codec.H264)
    video = [unit for unit in sink.units if unit.track_id == 1]
    shift = video[0].dts_ticks - round(expected[0].dts_s * 90_000)
    assert [unit.dts_ticks - shift for unit in video] == pytest.approx(
        [picture.dts_s * 90_000 for picture in expected], abs=2
    )
    sound = [unit for unit in sink.units if unit.track_id == 2]
    assert len(sound) > 90
    assert b"".join(unit.data for unit in sound) == (tmp_path / "sound.raw").read_bytes()
    assert {unit.duration_ticks for unit in sound} == {1024}
    assert sink.losses == []
    assert sink.leaps == []
    assert sink.reports
    assert sink.sessions[0].protocol == f"rtsp/{transport}"
    first = {report.track_id: report.arrival.mono_us for report in reversed(sink.reports)}
    for unit in sink.units:
        since_us = unit.arrival.mono_us - first.get(unit.track_id, 1 << 62)
        if since_us:  # what is read in one turn has one time of arrival, on either side of the report
            assert (unit.device_us is not None) == (since_us > 0)


async def test_h265_with_b_frames(tmp_path: Path) -> None:
    clip = encode(
        tmp_path / "clip.mp4",
        *PICTURE, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=25:bframes=3:log-level=error",
        "-pix_fmt", "yuv420p", "-tag:v", "hvc1",
    )  # fmt: skip
    async with gst_server(launch(clip, "h265parse ! rtph265pay pt=96")) as port:
        sink, _ = await pull(port)
    expected = read_back(clip, "video")
    check_pictures(sink, expected, H265_SLICES, Codec.H265)
    assert all(unit.parameter_sets is not None and unit.parameter_sets.vps for unit in sink.units if unit.keyframe)


@pytest.mark.parametrize(
    ("codec", "encoder", "parser"),
    [
        (Codec.PCMA, ("-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"), "rtppcmapay"),
        (Codec.PCMU, ("-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"), "rtppcmupay"),
    ],
)
async def test_g711_alone(tmp_path: Path, codec: Codec, encoder: tuple[str, ...], parser: str) -> None:
    clip = encode(tmp_path / "clip.mov", *SOUND, *encoder)
    async with gst_server(launch(clip, kept("identity", tmp_path / "sound.raw", parser))) as port:
        sink, _ = await pull(port)
    assert sink.sessions[0].tracks[0].codec is codec
    assert len(sink.units) > 10
    assert b"".join(unit.data for unit in sink.units) == (tmp_path / "sound.raw").read_bytes()
    ends = [unit.pts_ticks + unit.duration_ticks for unit in sink.units]
    assert [unit.pts_ticks for unit in sink.units[1:]] == ends[:-1]


async def test_opus_alone(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.mp4", *SOUND, "-c:a", "libopus", "-ac", "2")
    async with gst_server(launch(clip, kept("opusparse", tmp_path / "sound.raw", "rtpopuspay pt=97"))) as port:
        sink, _ = await pull(port)
    assert len(sink.units) > 90
    assert b"".join(unit.data for unit in sink.units) == (tmp_path / "sound.raw").read_bytes()
    assert {unit.duration_ticks for unit in sink.units} == {960}


async def test_digest_and_basic_authentication(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.mov", *SOUND, "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1")
    for scheme in ("digest", "basic"):
        async with gst_server(launch(clip, "rtppcmapay"), auth=scheme, user="hall", password="p@ss/w") as port:
            sink, _ = await pull(port, url=f"rtsp://hall:p%40ss%2Fw@127.0.0.1:{port}/live")
            assert sink.units
            for login in ("hall:wrong-one@", ""):
                with pytest.raises(SourceError) as caught:
                    await pull(port, url=f"rtsp://{login}127.0.0.1:{port}/live")
                assert caught.value.code == "unauthorized"
                assert "wrong-one" not in str(caught.value)


async def test_tls_with_a_certificate_of_the_cameras_own(tmp_path: Path) -> None:
    clip = encode(tmp_path / "clip.mov", *SOUND, "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1")
    async with gst_server(launch(clip, "rtppcmapay"), tls_pem=self_signed()) as port:
        url = f"rtsps://127.0.0.1:{port}/live"
        sink, _ = await pull(port, url=url)
        assert len(sink.units) > 10
        assert sink.sessions[0].protocol == "rtsps/tcp"
        with pytest.raises(SourceError) as caught:
            await RtspClient(RtspSource(url), Sink(), SystemClock(), verify_tls=True).run_once()
        assert caught.value.code == "tls"
        with pytest.raises(SourceError) as caught:
            await RtspClient(RtspSource(f"rtsps://127.0.0.1:{port}/other"), Sink(), SystemClock()).run_once()
        assert caught.value.code == "not_found"
