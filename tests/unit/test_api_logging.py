"""Logs: one line an event, no secret in it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.logging import Repetition, configure_logging, redact
from hub.settings import Settings


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def configured(**values: str) -> io.StringIO:
    out = io.StringIO()
    configure_logging(Settings.model_validate(values), out)
    return out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open rtsp://admin:s3cret@10.0.0.9:554/1", "open rtsp://admin:***@10.0.0.9:554/1"),
        ("rtsp://admin:p@ss@w0rd@cam/1 failed", "rtsp://admin:***@cam/1 failed"),
        ("rtsp://a:p/w#x@cam/1", "rtsp://a:***@cam/1"),
        ("rtsp://cam:554/user@stream", "rtsp://cam:554/user@stream"),
        ("http://127.0.0.1:8080 is up, ask a@b", "http://127.0.0.1:8080 is up, ask a@b"),
        ("Authorization: Digest username=\"a\", response=\"e1\"", "Authorization: ***"),
        ("Authorization: Basic YWRtaW46cHc=", "Authorization: ***"),
        ("Bearer abcdefgh.ijkl", "Bearer ***"),
        ("bearer token expected", "bearer token expected"),
        ("GET /x?token=abc&y=1", "GET /x?token=***&y=1"),
        ('{"password": "abc", "x": 1}', '{"password": "***", "x": 1}'),
    ],
)  # fmt: skip
def test_secrets_in_text(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_json_lines_and_no_secret_in_any_field() -> None:
    out = configured(log_format="json", log_level="info")
    structlog.get_logger("t").info(
        "camera failed",
        url="rtsp://admin:s3cret@cam/1",
        password="s3cret",
        nested={"device_token": "s3cret", "list": ["Bearer s3cret-s3cret"], "deep": {"Authorization": "s3cret"}},
        error=ValueError("rtsp://a:s3cret@x"),
        count=3,
    )
    line = json.loads(out.getvalue())
    assert "s3cret" not in out.getvalue()
    assert line["event"] == "camera failed"
    assert (line["level"], line["logger"], line["count"]) == ("info", "t", 3)
    assert line["nested"]["list"] == ["Bearer ***"]
    assert line["timestamp"].endswith("Z")


def test_the_standard_library_logs_through_the_same_way() -> None:
    out = configured(log_format="json")
    logging.getLogger("aiohttp.server").warning("bad %s", "rtsp://admin:s3cret@cam/1", extra={"token": "s3cret"})
    line = json.loads(out.getvalue())
    assert line["event"] == "bad rtsp://admin:***@cam/1"
    assert "s3cret" not in out.getvalue()


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_tracebacks_are_text_without_secrets(log_format: str) -> None:
    out = configured(log_format=log_format)
    try:
        raise RuntimeError("cannot open rtsp://admin:s3cret@cam/1")
    except RuntimeError:
        structlog.get_logger("t").exception("failed")
        logging.getLogger("lib").exception("failed too")
    assert out.getvalue().count("RuntimeError: cannot open rtsp://admin:***@cam/1") == 2
    assert "s3cret" not in out.getvalue()


def test_text_for_people_and_the_level() -> None:
    out = configured(log_format="auto", log_level="warning")
    structlog.get_logger("t").info("hidden")
    logging.getLogger("lib").info("hidden")
    structlog.get_logger("t").warning("shown", stream="窗口")
    assert "hidden" not in out.getvalue()
    assert "窗口" in out.getvalue()


def test_a_repeated_complaint_is_logged_once_a_period_and_counted() -> None:
    clock = ManualClock()
    repetition = Repetition(clock, every_s=10, keys=2)
    assert [repetition.due("a") for _ in range(4)] == [0, None, None, None]
    assert repetition.due("b") == 0
    clock.advance(10)
    assert repetition.due("a") == 3
    assert repetition.due("c") == 0  # b is forgotten
    assert repetition.due("b") == 0
    assert len(repetition._seen) == 2


@hypothesis_settings(max_examples=100, deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="rtsp:/@ab1 .token=BearerAuthorization'\"", max_size=80))
def test_any_text_is_redacted_without_an_error_and_twice_is_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.text(alphabet="abcXYZ0189%!$&*+,;=-._~@", min_size=6, max_size=20).filter(lambda p: not p.isdigit()))
def test_no_password_in_a_url_is_left(password: str) -> None:
    assert f":{password}@" not in redact(f"x rtsp://user:{password}@camera.example/1 y")
