"""The registry: what is accepted, what is kept secret, what stays for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.fleet import _same_source
from hub.model import RtspSource, Stream, StreamKind, Transport, WhipSource
from hub.registry import Registry, RtspDraft, check_id, check_url, shown_url

URL = "rtsp://admin:s3cret@10.0.0.9:8554/Streaming/101?x=1"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(Database(tmp_path / "hub.db"))
    create_tables(engine)
    yield engine
    engine.dispose()


@pytest.fixture
async def registry(engine: Engine) -> Registry:
    return await Registry.open(engine, ManualClock())


async def test_a_stream_survives_a_restart(registry: Registry, engine: Engine) -> None:
    made = await registry.add("window-01", " 1号窗口 ", StreamKind.WINDOW, RtspDraft(URL, Transport.UDP))
    assert made.stream.name == "1号窗口"
    assert made.token is None
    again = await Registry.open(engine, ManualClock())
    assert again.list() == (made.stream,)
    assert again.get("window-01").source == RtspSource(URL, Transport.UDP)


async def test_a_device_token_is_given_once_and_kept_as_a_digest(registry: Registry, engine: Engine) -> None:
    made = await registry.add("rec-1", "王警官", StreamKind.RECORDER, "whip")
    assert made.token is not None
    assert made.stream.source == WhipSource(hashlib.sha256(made.token.encode()).hexdigest())
    assert registry.token_opens("rec-1", made.token)
    assert not registry.token_opens("rec-1", made.token + "x")
    assert not registry.token_opens("rec-1", "")
    assert not registry.token_opens("rec-2", made.token)
    with engine.connect() as connection:
        stored = str(connection.exec_driver_sql("select * from streams").all())
    assert made.token not in stored


async def test_a_token_of_one_device_does_not_open_another(registry: Registry) -> None:
    one = await registry.add("rec-1", "a", StreamKind.RECORDER, "whip")
    await registry.add("rec-2", "b", StreamKind.RECORDER, "whip")
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
    assert one.token is not None
    assert not registry.token_opens("rec-2", one.token)
    assert not registry.token_opens("cam", "-")
    assert not registry.token_opens("cam", "")


async def test_rotating_voids_the_old_token(registry: Registry) -> None:
    old = (await registry.add("rec-1", "a", StreamKind.RECORDER, "whip")).token
    new = (await registry.patch("rec-1", rotate_token=True)).token
    assert old is not None
    assert new is not None
    assert registry.token_opens("rec-1", new)
    assert not registry.token_opens("rec-1", old)


async def test_a_camera_has_no_token_to_rotate(registry: Registry) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
    with pytest.raises(InvalidRequest, match="rotate_token"):
        await registry.patch("cam", rotate_token=True)


async def test_a_retired_stream_stays_and_its_id_is_never_given_again(registry: Registry) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
    assert (await registry.retire("cam")).retired
    assert (await registry.retire("cam")).retired
    assert registry.list() == ()
    assert [one.id for one in registry.list(retired=True)] == ["cam"]
    with pytest.raises(Conflict, match="retired"):
        await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
    with pytest.raises(Conflict, match="retired"):
        await registry.patch("cam", name="d")


async def test_an_id_is_given_once(registry: Registry) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
    with pytest.raises(Conflict, match="taken"):
        await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft("rtsp://h/"))


async def test_listeners_hear_of_each_change_once(registry: Registry) -> None:
    heard: list[tuple[Stream | None, Stream]] = []
    registry.on_change(lambda before, after: heard.append((before, after)))
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
    await registry.patch("cam", name="c")  # nothing changed
    await registry.patch("cam", name="d")
    await registry.retire("cam")
    await registry.retire("cam")
    assert [(before and before.name, after.name, after.retired) for before, after in heard] == [
        (None, "c", False),
        ("c", "d", False),
        ("d", "d", True),
    ]


async def test_unknown_streams_are_not_found(registry: Registry) -> None:
    for call in (registry.patch("nope", name="x"), registry.retire("nope")):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(NotFound):
        registry.get("../../etc/passwd")


@pytest.mark.parametrize("bad", ["", "A", "-a", "a" * 64, "a_b", "../a", "a/b", "a\n", "窗口", "_hub", "a."])
async def test_ids_that_could_climb_or_confuse_are_refused(registry: Registry, bad: str) -> None:
    with pytest.raises(InvalidRequest, match="id"):
        await registry.add(bad, "x", StreamKind.ROOM, "whip")


@pytest.mark.parametrize("bad", ["", "  ", "x" * 101, "a\x00b", "a\nb"])
async def test_names_are_printable_and_short(registry: Registry, bad: str) -> None:
    with pytest.raises(InvalidRequest, match="name"):
        await registry.add("a", bad, StreamKind.ROOM, "whip")


@pytest.mark.parametrize(
    "bad",
    ["", "http://h/", "rtsp://", "rtsp:///x", "rtsp://h:99999/", "rtsp://a:p/w@h/", "rtsp://h /", "file:///etc/passwd",
     "rtsp://[::1/", "rtsp://u:p@", "rtsp://h/\x00", "rtsp://h/" + "x" * 2000],
)  # fmt: skip
async def test_urls_without_a_host_to_reach_are_refused(registry: Registry, bad: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        await registry.add("a", "x", StreamKind.ROOM, RtspDraft(bad))
    assert error.value.code == "bad_url"
    assert "p/w" not in str(error.value)


# ---------------------------------------------------------------------------------- masked passwords


def test_passwords_are_masked_wherever_cameras_want_them() -> None:
    assert shown_url(URL) == "rtsp://admin:***@10.0.0.9:8554/Streaming/101?x=1"
    assert shown_url("rtsp://h/a?user=u&password=p&c=1") == "rtsp://h/a?user=u&password=***&c=1"
    assert shown_url("rtsp://h/user=admin_password=tlJwpbo6_channel=1").count("tlJwpbo6") == 0
    assert shown_url("rtsp://h:554/x") == "rtsp://h:554/x"


async def test_a_masked_url_sent_back_keeps_the_stored_password(registry: Registry) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(URL))
    await registry.patch("cam", source=RtspDraft(shown_url(URL), Transport.UDP))
    assert registry.get("cam").source == RtspSource(URL, Transport.UDP)
    await registry.patch("cam", source=RtspDraft("rtsp://admin:***@10.0.0.9:8554/other"))
    assert registry.get("cam").source == RtspSource("rtsp://admin:s3cret@10.0.0.9:8554/other", Transport.UDP)


@pytest.mark.parametrize(
    "elsewhere", ["rtsp://admin:***@evil:8554/", "rtsp://admin:***@10.0.0.9:99/", "rtsp://u:***@10.0.0.9:8554/"]
)
async def test_the_stored_password_is_not_sent_elsewhere(registry: Registry, elsewhere: str) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(URL))
    with pytest.raises(InvalidRequest, match="password again"):
        await registry.patch("cam", source=RtspDraft(elsewhere))
    assert registry.get("cam").source == RtspSource(URL)


async def test_a_source_changes_from_camera_to_recorder_and_back(registry: Registry) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(URL))
    made = await registry.patch("cam", source="whip")
    assert made.token is not None
    assert registry.token_opens("cam", made.token)
    assert (await registry.patch("cam", source="whip")).token is None  # it is one already
    with pytest.raises(InvalidRequest, match="needs its url"):
        await registry.patch("cam", source=RtspDraft())
    await registry.patch("cam", source=RtspDraft(URL))
    assert not registry.token_opens("cam", made.token)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="rtsp:/@[]%?#ab1.*\x00 ", max_size=40).map("rtsp://".__add__))
def test_any_text_is_a_url_or_refused_in_words(text: str) -> None:
    try:
        parts = check_url(text)
    except InvalidRequest:
        return
    assert parts.hostname
    shown_url(text)


@settings(max_examples=60, deadline=None)
@given(
    st.text(
        alphabet=st.characters(exclude_characters="/?#@[]:", categories=["L", "N", "P", "S"]), min_size=4, max_size=20
    )
)
def test_no_password_is_shown(password: str) -> None:
    url = f"rtsp://user:{password}@camera.example/1"
    try:
        check_url(url)
    except InvalidRequest:  # as U+FE55, which Unicode takes for a colon
        return
    assert urlsplit(shown_url(url)).password == "***"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=70))
def test_any_text_is_an_id_or_refused(text: str) -> None:
    try:
        check_id(text)
    except InvalidRequest:
        return
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


# -------------------------------------------------------------------------------- whose device it is


async def test_unit_number_and_custodian_survive_a_restart(registry: Registry, engine: Engine) -> None:
    await registry.add(
        "rec-1", "a", StreamKind.RECORDER, "whip", unit="hall", device_number=" DSJ-7 ", custodian="wang"
    )
    await registry.patch("rec-1", custodian="li")
    stream = (await Registry.open(engine, ManualClock())).get("rec-1")
    assert (stream.unit, stream.device_number, stream.custodian) == ("hall", "DSJ-7", "li")
    cleared = await registry.patch("rec-1", unit="", device_number="", custodian="")
    assert (cleared.stream.unit, cleared.stream.device_number, cleared.stream.custodian) == ("", "", "")


async def test_a_device_number_is_one_streams_until_it_is_retired(registry: Registry) -> None:
    await registry.add("rec-1", "a", StreamKind.RECORDER, "whip", device_number="DSJ-7")
    await registry.patch("rec-1", device_number="DSJ-7")
    with pytest.raises(Conflict, match="'rec-1'"):
        await registry.add("rec-2", "b", StreamKind.RECORDER, "whip", device_number="DSJ-7")
    await registry.add("rec-2", "b", StreamKind.RECORDER, "whip")
    with pytest.raises(Conflict, match="'rec-1'"):
        await registry.patch("rec-2", device_number="DSJ-7")
    await registry.retire("rec-1")
    await registry.patch("rec-2", device_number="DSJ-7")
    for bad in ("x" * 65, "a\x00b"):
        with pytest.raises(InvalidRequest):
            await registry.patch("rec-2", device_number=bad)


async def test_what_says_whose_a_device_is_leaves_its_recording_alone(registry: Registry) -> None:
    before = (await registry.add("rec-1", "a", StreamKind.RECORDER, "whip")).stream
    after = (await registry.patch("rec-1", name="b", unit="hall", device_number="1", custodian="wang")).stream
    assert _same_source(before, after)
    assert not _same_source(before, (await registry.patch("rec-1", kind=StreamKind.VEHICLE)).stream)
    assert not _same_source(before, (await registry.patch("rec-1", rotate_token=True)).stream)


# ------------------------------------------------------------------------------------- the sub-stream

MAIN = "rtsp://admin:s3cret@10.0.0.9/Streaming/Channels/101"
SUB = "rtsp://admin:s3cret@10.0.0.9/Streaming/Channels/102"


async def test_a_sub_stream_is_kept_changed_and_taken_away(registry: Registry, engine: Engine) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(MAIN), preview=RtspDraft(SUB, Transport.UDP))
    stored = (await Registry.open(engine, ManualClock())).get("cam").preview
    assert stored == RtspSource(SUB, Transport.UDP)
    named = await registry.patch("cam", name="d")
    assert named.stream.preview == stored
    tcp = await registry.patch("cam", preview=RtspDraft(transport=Transport.TCP))
    assert tcp.stream.preview == RtspSource(SUB, Transport.TCP)
    assert (await registry.patch("cam", preview="none")).stream.preview is None
    assert (await Registry.open(engine, ManualClock())).get("cam").preview is None


async def test_a_masked_password_of_the_sub_stream_is_the_cameras(registry: Registry) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(MAIN), preview=RtspDraft(shown_url(SUB)))
    assert registry.get("cam").preview == RtspSource(SUB)
    await registry.patch("cam", preview=RtspDraft(shown_url(SUB)))
    assert registry.get("cam").preview == RtspSource(SUB)
    with pytest.raises(InvalidRequest, match=r"^preview\.url: .* same user, host and port"):
        await registry.patch("cam", preview=RtspDraft("rtsp://admin:***@10.0.0.10/102"))


@pytest.mark.parametrize("url", [None, "http://h/", "rtsp://a b/", MAIN])
async def test_what_is_no_sub_stream(registry: Registry, url: str | None) -> None:
    with pytest.raises(InvalidRequest, match=r"^preview\.url: ") as refused:
        await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(MAIN), preview=RtspDraft(url))
    assert "s3cret" not in str(refused.value)


async def test_a_recorder_that_pushes_has_no_sub_stream(registry: Registry) -> None:
    with pytest.raises(InvalidRequest):
        await registry.add("rec-1", "a", StreamKind.RECORDER, "whip", preview=RtspDraft(SUB))
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(MAIN), preview=RtspDraft(SUB))
    assert (await registry.patch("cam", source="whip")).stream.preview is None


async def test_the_sub_stream_of_what_others_manage_is_theirs(registry: Registry) -> None:
    await registry.add("cam", "c", StreamKind.WINDOW, RtspDraft(MAIN), managed_by_others=True)
    with pytest.raises(Conflict):
        await registry.patch("cam", preview=RtspDraft(SUB))
