"""RTSP as text: nothing that a client sends does more than raise MediaError."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.demo.rtsp_text import Request, authorized, challenge, take_request
from hub.errors import MediaError

WHOLE = b"SETUP rtsp://h/cam/1/trackID=1 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP\r\n\r\n"


def test_messages_come_apart_at_any_cut() -> None:
    stream = WHOLE + b"$\x01\x00\x04abcd" + b"OPTIONS * RTSP/1.0\r\nContent-Length: 2\r\n\r\nxyPLAY"
    buffer, messages = bytearray(), []
    for byte in stream:
        buffer.append(byte)
        while (message := take_request(buffer)) is not None:
            messages.append(message)
    assert messages == [
        Request("SETUP", "rtsp://h/cam/1/trackID=1", {"cseq": "3", "transport": "RTP/AVP/TCP"}),
        b"abcd",
        Request("OPTIONS", "*", {"content-length": "2"}),
    ]
    assert buffer == b"PLAY"


@pytest.mark.parametrize(
    "wrong",
    [
        b"hello\r\n\r\n",
        b"PLAY x HTTP/1.1\r\n\r\n",
        b"PLAY x RTSP/1.0\r\nno colon\r\n\r\n",
        b"PLAY x RTSP/1.0\r\nContent-Length: 2000000000\r\n\r\n",
        b"PLAY x RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"x" * 20_000,
    ],
)
def test_what_is_no_request_is_refused(wrong: bytes) -> None:
    with pytest.raises(MediaError):
        take_request(bytearray(wrong))


@settings(max_examples=100)
@given(st.one_of(st.binary(max_size=200), st.builds(lambda a, b: WHOLE[:a] + b, st.integers(0, 80), st.binary())))
def test_any_bytes_end_in_a_message_a_wait_or_a_media_error(data: bytes) -> None:
    buffer = bytearray(data)
    try:
        while take_request(buffer) is not None:
            pass
    except MediaError:
        pass


def test_the_digest_of_the_standard_is_accepted() -> None:
    """RFC 2617's way without qop, computed by hand with md5sum for realm simulator."""
    header = 'Digest username="admin", realm="simulator", nonce="abc", uri="rtsp://h/cam/1", response="{}"'
    import hashlib

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    good = md5(f"{md5('admin:simulator:camera')}:abc:{md5('DESCRIBE:rtsp://h/cam/1')}")
    request = Request("DESCRIBE", "rtsp://h/cam/1", {"authorization": header.format(good)})
    assert authorized("digest-md5", request, "abc", "admin", "camera")
    assert not authorized("digest-md5", request, "other", "admin", "camera")
    assert not authorized("digest-md5", request, "abc", "admin", "wrong")
    assert not authorized("digest-sha256", request, "abc", "admin", "camera")
    assert not authorized("basic", request, "abc", "admin", "camera")
    assert authorized("none", Request("PLAY", "x"), "abc", "admin", "camera")
    assert "SHA-256" in challenge("digest-sha256", "abc")
