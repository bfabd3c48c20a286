"""Nothing that can be recorded: said in words and codes that an operator understands."""

from __future__ import annotations

import pytest

from hub.errors import SourceError
from tests.failures.rtsp_camera import Camera, client, pictures, reply, running
from tests.unit.ingest_rtp import Sink

HEAD = "v=0\r\ns=x\r\nt=0 0\r\n"


@pytest.mark.parametrize(
    ("sdp", "code", "words"),
    [
        ("", "no_media", "nothing"),
        (HEAD, "no_media", "neither picture nor sound"),
        (HEAD + "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n", "no_media", "neither"),
        (HEAD + "m=video 0 RTP/AVP 26\r\n", "unsupported_codec", "payload type 26"),
        (HEAD + "m=video 0 RTP/AVP 98\r\na=rtpmap:98 VP8/90000\r\n", "unsupported_codec", "VP8"),
        ("<html>not a camera</html>", "protocol", "session description"),
    ],
)
async def test_nothing_to_record(sdp: str, code: str, words: str) -> None:
    sink = Sink()
    async with running(Camera(sdp=sdp)) as camera:
        with pytest.raises(SourceError, match=words) as caught:
            await client(camera, sink).run_once()
    assert caught.value.code == code
    assert sink.sessions == []


async def test_an_unknown_track_is_named_and_the_other_recorded() -> None:
    async def media(writer: object) -> None:
        for part in pictures(3):
            writer.write(part)  # type: ignore[attr-defined]
        writer.write_eof()  # type: ignore[attr-defined]

    sink = Sink()
    sdp = Camera().sdp + "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 G726-32/8000\r\na=control:trackID=2\r\n"
    async with running(Camera(sdp=sdp, media=media)) as camera:
        await client(camera, sink).run_once()
    assert len(sink.units) == 3
    assert camera.methods.count("SETUP") == 1
    assert any(code == "unsupported_codec" and "G726" in message for code, message in sink.complaints)


@pytest.mark.parametrize(
    ("status", "code"),
    [("404 Not Found", "not_found"), ("403 Forbidden", "unauthorized"), ("500 Oops", "protocol")],
)
async def test_refusals_have_codes(status: str, code: str) -> None:
    camera = Camera(answers={"DESCRIBE": reply(status)})
    async with running(camera):
        with pytest.raises(SourceError) as caught:
            await client(camera, Sink()).run_once()
    assert caught.value.code == code


async def test_a_track_that_the_camera_refuses_does_not_cost_the_other() -> None:
    def setup(asked: object) -> str:
        if asked.url.endswith("trackID=2"):  # type: ignore[attr-defined]
            return "RTSP/1.0 500 Internal\r\nCSeq: CSEQ\r\n\r\n"
        return "RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\nSession: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=6-7\r\n\r\n"

    async def media(writer: object) -> None:
        for part in pictures(3):
            writer.write(b"$\6" + part[2:])  # type: ignore[attr-defined]
        writer.write_eof()  # type: ignore[attr-defined]

    sink = Sink()
    sdp = Camera().sdp + "m=audio 0 RTP/AVP 8\r\na=control:trackID=2\r\n"
    async with running(Camera(sdp=sdp, media=media, answers={"SETUP": setup})) as camera:
        await client(camera, sink).run_once()
    assert len(sink.units) == 3, "the camera chose channels 6-7"
    assert "setup" in sink.codes
    assert [track.id for track in sink.sessions[0].tracks] == [1]
