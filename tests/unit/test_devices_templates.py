"""Vendors' addresses: what is in them, and that no word of the user can leave its place."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.devices.templates import TEMPLATES, Camera, addresses, find_template
from hub.errors import InvalidRequest
from hub.ingest.rtsp.url import parse_url
from hub.registry import check_url, shown_url

VECTORS = json.loads((Path(__file__).parents[2] / "web" / "tests" / "addresses.json").read_text(encoding="utf-8"))
"""The page's tests read the same file."""


@pytest.mark.parametrize("one", VECTORS, ids=lambda one: one["main"])
def test_addresses_are_as_the_vendors_write_them(one: dict[str, object]) -> None:
    template = find_template(str(one["template"]))
    assert template is not None
    made = addresses(template, Camera(**one["camera"]))  # type: ignore[arg-type]
    assert (made.main, made.sub) == (one["main"], one["sub"])


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(template=st.sampled_from(TEMPLATES), user=WORDS, password=WORDS, channel=st.integers(1, 1024))
def test_any_user_and_password_come_back_as_they_were_said(
    template: object, user: str, password: str, channel: int
) -> None:
    assert template in TEMPLATES
    made = addresses(template, Camera("10.0.0.9", 8554, channel, user, password))  # type: ignore[arg-type]
    for url in (made.main, made.sub):
        parts = urlsplit(url)
        assert (parts.hostname, parts.port) == ("10.0.0.9", 8554)
        assert unquote(parts.username or "") == user
        assert unquote(parts.password or "") == (password if user else "")
        read = parse_url(url)
        assert read.request.startswith("rtsp://10.0.0.9:8554/")
        if 3 * (len(user.encode()) + len(password.encode())) < 1500:
            check_url(url)
        if user and password:
            assert "***@" in shown_url(url)
    assert made.main != made.sub


@pytest.mark.parametrize("host", ["", "a b", "rtsp://10.0.0.1", "10.0.0.1/x", "u@10.0.0.1", "[::1", "::g", "-a", "a\n"])
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        addresses(TEMPLATES[0], Camera(host if host != "a\n" else "a\nb"))
    assert refused.value.code == "bad_host"


@pytest.mark.parametrize(("camera", "code"), [(Camera("a", 0), "bad_port"), (Camera("a", 554, 0), "bad_channel")])
def test_what_is_out_of_range_is_refused(camera: Camera, code: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        addresses(TEMPLATES[0], camera)
    assert refused.value.code == code
