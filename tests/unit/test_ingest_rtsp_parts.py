"""The parsers of the RTSP client, one by one."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import SourceError
from hub.ingest.rtsp.auth import Authenticator, parse_challenges
from hub.ingest.rtsp.message import header_parameters, number_pair, parse_message, write_request
from hub.ingest.rtsp.url import parse_url, redact_url

FUZZ = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rtsp://10.0.0.5/live", "rtsp://10.0.0.5/live"),
        ("rtsp://admin:12345@10.0.0.5:554/a", "rtsp://admin:***@10.0.0.5:554/a"),
        ("rtsp://admin:p@ss@cam/a@b", "rtsp://admin:***@b"),
        ("rtsp://admin:pa/ss@cam/a", "rtsp://admin:***@cam/a"),
        ("rtsp://cam:554/a", "rtsp://cam:554/a"),
        ("rtsp://admin@cam/a", "rtsp://admin@cam/a"),
        ("rtsp://cam/s?user=a&password=sesame&channel=1", "rtsp://cam/s?user=a&password=***&channel=1"),
        (
            "rtsp://cam/user=admin_password=tlJwpbo6_channel=1_stream=0.sdp",
            "rtsp://cam/user=admin_password=***_channel=1_stream=0.sdp",
        ),
    ],
)
def test_urls_without_secrets(url: str, expected: str) -> None:
    assert redact_url(url) == expected


@FUZZ
@given(st.text(alphabet="abc:@/?#%[]=&", max_size=12), st.text(max_size=12))
def test_a_password_never_survives(garnish: str, tail: str) -> None:
    redacted = redact_url(f"rtsp://user:{garnish}S3SAME{garnish}@host/{tail}")
    assert "S3SAME" not in redacted.partition("@host/")[0]


@FUZZ
@given(st.text(max_size=60))
def test_any_text_is_an_url_or_a_source_error(text: str) -> None:
    try:
        parsed = parse_url("rtsp://" + text)
    except SourceError:
        return
    assert parsed.host
    assert 0 < parsed.port < 65536


def test_url_parts() -> None:
    parsed = parse_url("rtsps://hall%40x:p%3Aw%2F1@[::1]:8322/live?x=1")
    assert (parsed.username, parsed.password) == ("hall@x", "p:w/1")
    assert (parsed.tls, parsed.host, parsed.port) == (True, "::1", 8322)
    assert parsed.request == "rtsps://[::1]:8322/live?x=1"
    with pytest.raises(SourceError, match="expected rtsp"):
        parse_url("http://admin:sesame@cam/")


def test_a_message_in_pieces_and_two_in_a_row() -> None:
    raw = b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nWWW-Authenticate: a\r\nwww-authenticate: b\r\nContent-Length: 4\r\n\r\nbody"
    for cut in range(len(raw)):
        assert parse_message(raw, 0, cut) is None
    message, end = parse_message(raw + raw, 0, 2 * len(raw)) or pytest.fail("incomplete")
    assert end == len(raw)
    assert (message.status, message.cseq, message.body) == (200, 3, b"body")
    assert message.headers["www-authenticate"] == ["a", "b"]


@FUZZ
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_a_message_or_a_source_error(data: bytes, headed: bool) -> None:
    raw = (b"RTSP/1.0 200 OK\r\n" if headed else b"") + data + b"\r\n\r\n"
    try:
        parsed = parse_message(raw, 0, len(raw))
    except SourceError:
        return
    assert parsed is None or 0 < parsed[1] <= len(raw)


@FUZZ
@given(st.text(max_size=80))
def test_any_header_has_parameters_or_none(text: str) -> None:
    header_parameters(text)
    number_pair(text)
    parse_challenges(["Digest " + text, text])


def digest(*parts: str, name: str = "md5") -> str:
    return hashlib.new(name, ":".join(parts).encode()).hexdigest()


def test_digest_of_the_standard() -> None:
    """The example of RFC 2617 §3.5, with its client nonce put in."""
    (challenge,) = parse_challenges(
        [
            'Digest realm="testrealm@host.com", qop="auth,auth-int",'
            ' nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        ]
    )
    answer = Authenticator(challenge, "Mufasa", "Circle Of Life")
    answer._cnonce = "0a4f113b"
    header = answer.header("GET", "/dir/index.html")
    assert 'response="6629fae49393a05397450978507c4ef1"' in header
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in header
    assert "nc=00000001" in header
    assert "nc=00000002" in answer.header("GET", "/dir/index.html")


def test_the_strongest_digest_is_chosen() -> None:
    found = parse_challenges(
        ['Digest realm="c", nonce="1", algorithm=MD5', 'Digest realm="c", nonce="2", algorithm=SHA-256, qop="auth"']
    )
    assert [challenge.algorithm for challenge in found] == ["SHA-256", "MD5"]
    answer = Authenticator(found[0], "u", "p")
    answer._cnonce = "x"
    parts = (digest("u", "c", "p", name="sha256"), "2", "00000001", "x", "auth")
    response = digest(*parts, digest("PLAY", "rtsp://c/", name="sha256"), name="sha256")
    assert f'response="{response}"' in answer.header("PLAY", "rtsp://c/")


def test_digest_without_qop_as_most_cameras_have_it() -> None:
    (challenge,) = parse_challenges(['Digest realm="cam", nonce="abc", stale="FALSE"'])
    header = Authenticator(challenge, "u", "p").header("DESCRIBE", "rtsp://c/1")
    response = digest(digest("u", "cam", "p"), "abc", digest("DESCRIBE", "rtsp://c/1"))
    assert f'response="{response}"' in header
    assert "qop" not in header
    assert "algorithm" not in header


def test_digest_is_preferred_to_basic_and_unknown_algorithms_are_passed_over() -> None:
    found = parse_challenges(
        ['Basic realm="c", Digest realm="c", nonce="1"', 'Digest realm="c", nonce="2", algorithm=X']
    )
    assert [(challenge.scheme, challenge.nonce) for challenge in found] == [("digest", "1"), ("basic", "")]


def test_basic() -> None:
    (challenge,) = parse_challenges(['Basic realm="c"'])
    assert Authenticator(challenge, "Aladdin", "open sesame").header("X", "y") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_requests() -> None:
    assert write_request("PLAY", "rtsp://c/", 7, {"Session": "1"}) == (
        b"PLAY rtsp://c/ RTSP/1.0\r\nCSeq: 7\r\nUser-Agent: recorder-hub\r\nSession: 1\r\n\r\n"
    )
