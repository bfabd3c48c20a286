"""Signatures, and answers of a store that are not what they should be."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.archive.pace import Pace
from hub.archive.pending import piece_of
from hub.archive.s3 import _moment_us, _text, _tree, _why
from hub.archive.signature import Keys, encoded_path, encoded_query, signed_headers
from hub.clock import ManualClock
from hub.errors import SettingsError
from hub.settings import load_settings


def test_the_signature_of_amazons_example() -> None:
    """Amazon S3 API Reference, "Signature Calculations for the Authorization Header", example GET Object."""
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    headers = {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"}
    signed = signed_headers(keys, "GET", "/test.txt", {}, headers, b"", datetime(2013, 5, 24, tzinfo=UTC))
    assert signed["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_paths_and_queries_are_encoded_once() -> None:
    assert encoded_path("/a b/ä+~.mp4") == "/a%20b/%C3%A4%2B~.mp4"
    assert encoded_query({"versionId": "a/b", "retention": ""}) == "retention=&versionId=a%2Fb"


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"<a><b>{text}</b></a>".encode()))
def test_whatever_a_store_answers_is_an_answer_or_an_oserror(body: bytes) -> None:
    with suppress(OSError):
        for one in _tree(body):
            _text(one, "Key")
    assert len(_why(body)) < 400


@given(st.text(max_size=40))
def test_dates_and_names_of_pieces(text: str) -> None:
    with suppress(OSError):
        _moment_us(text)
    with suppress(ValueError):
        first, end = piece_of(text)
        assert 0 <= first < end


def test_a_document_type_is_refused() -> None:
    with pytest.raises(OSError, match="document type"):
        _tree(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')


def test_uploads_share_their_rate() -> None:
    clock = ManualClock()
    pace = Pace(1000, clock)
    assert [pace.take(500), pace.take(500), pace.take(1000)] == [0.0, 0.5, 1.0]
    clock.advance(10)
    assert pace.take(500) == 0.0


@pytest.mark.parametrize(
    "values",
    [
        {"archive_url": "s3://reels"},
        {"archive_url": "ftp://reels"},
        {"archive_url": "file://host/reels"},
        {"archive_url": "s3://reels", "archive_access_key": "a"},
        {"archive_lock": "sometimes"},
    ],
)
def test_settings_that_lead_nowhere_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        load_settings(None, values, {})
