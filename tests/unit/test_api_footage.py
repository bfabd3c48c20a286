"""Interruptions, the time line, playback: what is asked of the ledger and the reels, and what comes back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from hub.api.interruptions import fits, overlay
from hub.api.playback import Growing, GrowingPlaylists, Reels
from hub.api.schema import InterruptionsQuery, RangeQuery
from hub.clock import rfc3339
from hub.model import Chunk, Interruption, InterruptionKind, InterruptionState, Span, StreamKind
from hub.people.changes import HUB as BY_HUB
from hub.people.tree import UnitKind
from hub.registry import RtspDraft
from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from hub.segmenter.silence import MARK
from tests.api_support import FakeReader, Hub, running_hub
from tests.segmenter_media import OPUS_INFO, START_US, VIDEO_INFO, Log, by_arrival, feed, fragments, pictures, sounds

S = 1_000_000
T0 = 1_767_225_600_000_000
Confirmed, Closed, Suspected, Resumed = (
    InterruptionState.CONFIRMED, InterruptionState.CLOSED, InterruptionState.SUSPECTED, InterruptionState.RESUMED,
)  # fmt: skip


def broken(
    number: int, state: InterruptionState = Closed, *, stream: str = "window-01", end: bool = True
) -> Interruption:
    start = T0 + number * 10 * S
    return Interruption(
        f"i{number}", stream, InterruptionKind.STALL, state, start, start + S, start + 5 * S if end else None
    )


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path) as hub:
        await hub.services.registry.add("window-01", "1号窗口", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
        yield hub


def reader(hub: Hub) -> FakeReader:
    assert isinstance(hub.services.reader, FakeReader)
    return hub.services.reader


async def get(hub: Hub, path: str, status: int = 200, **query: Any) -> Any:
    async with hub.program.get(path, params=query) as response:
        assert response.status == status, await response.text()
        return await response.json()


# ----------------------------------------------------------------------------------- interruptions


async def test_the_list_has_the_form_of_the_contract(hub: Hub) -> None:
    reader(hub).rows = [broken(0)]
    (one,) = await get(hub, "/api/interruptions")
    assert one == {
        "id": "i0", "stream": "window-01", "kind": "stall", "class": "transport", "state": "closed",
        "started_at": "2026-01-01T00:00:00.000000Z", "detected_at": "2026-01-01T00:00:01.000000Z",
        "ended_at": "2026-01-01T00:00:05.000000Z", "edge_error_us": 0, "tracks": [], "count": 1,
        "needs_explanation": False, "rings": True, "evidence": {},
        "followup": None, "incident": None, "maintenance": None,  # beyond the contract
    }  # fmt: skip


async def test_what_is_suspected_now_stands_first_and_what_resumed_says_so(hub: Hub) -> None:
    reader(hub).rows = [broken(0), broken(1, Confirmed, end=False)]
    hub.services.present = lambda: [broken(1, Resumed), broken(2, Suspected, end=False)]
    listed = await get(hub, "/api/interruptions")
    assert [(one["id"], one["state"]) for one in listed] == [("i2", "suspected"), ("i1", "resumed"), ("i0", "closed")]
    assert [one["id"] for one in await get(hub, "/api/interruptions", state="confirmed")] == []
    assert [one["id"] for one in await get(hub, "/api/interruptions", state="resumed")] == ["i1"]
    assert [one["id"] for one in await get(hub, "/api/interruptions", to=rfc3339(T0 + 10 * S))] == ["i0"]


async def test_pages_give_each_one_once(hub: Hub) -> None:
    reader(hub).rows = [broken(number) for number in range(7) if number != 3]
    hub.services.present = lambda: [broken(3, Suspected, end=False), broken(9, Suspected, end=False)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while page := await get(hub, "/api/interruptions", limit=2, **after):
        seen += [one["id"] for one in page]
        after = {"after": seen[-1]}
    assert seen == ["i9", "i6", "i5", "i4", "i3", "i2", "i1", "i0"]
    assert await get(hub, "/api/interruptions", after="unknown") == []


async def test_a_row_that_changed_makes_no_room_for_what_belongs_to_a_later_page(hub: Hub) -> None:
    reader(hub).rows = [broken(number, Confirmed, end=False) for number in (5, 8, 9)]
    hub.services.present = lambda: [broken(9, Resumed), broken(1, Confirmed, end=False)]
    first = await get(hub, "/api/interruptions", state="confirmed", limit=2)
    assert [one["id"] for one in first] == ["i8"]
    second = await get(hub, "/api/interruptions", state="confirmed", limit=2, after="i8")
    assert [one["id"] for one in second] == ["i5", "i1"]


async def test_a_page_of_which_all_changed_is_not_the_end(hub: Hub) -> None:
    reader(hub).rows = [broken(number, Confirmed, end=False) for number in (1, 8, 9)]
    hub.services.present = lambda: [broken(9, Resumed), broken(8, Resumed)]
    listed = await get(hub, "/api/interruptions", state="confirmed", limit=2)
    assert [one["id"] for one in listed] == ["i1"]


async def test_a_unit_with_what_lies_below_it_and_several_kinds(hub: Hub) -> None:
    registry, units = hub.services.registry, hub.services.units
    await units.add("county", "县局", "root", UnitKind.BUREAU, by=BY_HUB)
    await units.add("team", "一大队", "county", UnitKind.BRIGADE, by=BY_HUB)
    await registry.add("rec-1", "a", StreamKind.RECORDER, "whip", unit="team")
    await registry.retire("rec-1")
    black = replace(broken(3, stream="rec-1"), kind=InterruptionKind.BLACK)
    reader(hub).rows = [broken(1), broken(2, stream="rec-1"), black]
    hub.services.present = lambda: [broken(4, Suspected, stream="rec-1"), broken(5, Suspected)]

    async def ids(**query: Any) -> list[str]:
        return [one["id"] for one in await get(hub, "/api/interruptions", **query)]

    assert await ids(unit="county") == ["i4", "i3", "i2"]
    assert await ids(unit="team", limit=1) == ["i4"]
    assert await ids(unit="team", limit=1, after="i4") == ["i3"]
    assert await ids(unit="root") == ["i5", "i4", "i3", "i2", "i1"]
    assert await ids(unit="county", kind="stall") == ["i4", "i2"]
    assert await ids(kind="black,frozen") == ["i3"]
    assert await ids(kind="black,stall", unit="county") == ["i4", "i3", "i2"]
    await get(hub, "/api/interruptions", 404, unit="nowhere")
    for bad in ("", "black,", "rain"):
        assert "kind" in (await get(hub, "/api/interruptions", 400, kind=bad))["error"]["message"]


@hypothesis_settings(max_examples=80, deadline=None)
@given(
    st.sets(st.integers(0, 12), max_size=10),
    st.dictionaries(st.integers(0, 12), st.sampled_from([Suspected, Resumed, Confirmed]), max_size=5),
    st.integers(1, 5),
    st.sampled_from([None, Closed, Suspected, Resumed]),
)
def test_paging_is_the_whole_list_in_pieces(
    stored: set[int], present: dict[int, InterruptionState], limit: int, state: InterruptionState | None
) -> None:
    store = FakeReader()
    store.rows = [broken(number) for number in stored]
    now = [broken(number, word, end=False) for number, word in present.items()]
    query = InterruptionsQuery(limit=limit, state=state)
    everything = {one.id: one for one in (*store.rows, *now)}
    expected = sorted((one for one in everything.values() if fits(one, query)), key=lambda one: one.started_us)
    seen: list[Interruption] = []
    while True:
        last = seen[-1] if seen else None
        rows = store.interruptions(state=state, limit=limit, to_us=last.started_us if last else None)
        page = overlay(rows, now, query, (last.started_us, last.id) if last else None)
        if not page and not rows:
            break
        if not page:  # the whole page of rows has another state by now: go on behind it
            seen_to = rows[-1].started_us
            store.rows = [one for one in store.rows if one.started_us < seen_to]
            continue
        seen += page
    assert seen == expected[::-1]


@pytest.mark.parametrize(
    ("query", "word"),
    [({"limit": "0"}, "limit"), ({"limit": "1001"}, "limit"), ({"state": "odd"}, "state"), ({"from": "now"}, "from"),
     ({"from_us": "1"}, "from_us")],
)  # fmt: skip
async def test_bad_queries_are_named(hub: Hub, query: dict[str, str], word: str) -> None:
    assert word in (await get(hub, "/api/interruptions", 400, **query))["error"]["message"]
    assert (await get(hub, "/api/interruptions", 404, stream="nope"))["error"]["code"] == "not_found"


# --------------------------------------------------------------------------------------- time line


async def test_the_time_line(hub: Hub) -> None:
    hub.clock.advance(100)
    reader(hub).recorded = [Span(T0, T0 + 10 * S), Span(T0 + 15 * S, T0 + 40 * S)]
    reader(hub).rows = [broken(1)]
    line = await get(hub, "/api/streams/window-01/timeline", **{"from": rfc3339(T0), "to": rfc3339(T0 + 40 * S)})
    assert [span["state"] for span in line["spans"]] == ["recorded", "interrupted", "recorded"]
    assert line["spans"][1]["interruption"] == {"id": "i1", "kind": "stall", "state": "closed"}
    assert line["completeness"] == 0.875


@pytest.mark.parametrize("call", ["timeline", "playback.m3u8"])
@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (10, 0), (0, 400 * 86_400), (0, None), (None, 0), ("x", 0)]
)  # fmt: skip
async def test_ranges_that_cannot_be_answered(hub: Hub, call: str, start: Any, end: Any) -> None:
    given = {"from": start, "to": end}
    query = {
        key: rfc3339(T0 + value * S) if isinstance(value, int) else value
        for key, value in given.items()
        if value is not None
    }
    error = (await get(hub, f"/api/streams/window-01/{call}", 400, **query))["error"]
    assert error["code"] == "bad_request"
    assert (await get(hub, f"/api/streams/nope/{call}", 404, **query))["error"]["code"] == "not_found"


# ---------------------------------------------------------------------------------------- playback


async def record(hub: Hub) -> list[Chunk]:
    """6 s with sound, then 6 s of a run without: real reels in the data folder."""
    settings = hub.services.settings
    disk = Disk(settings.data, settings)
    await disk.start()
    log = Log()
    for run, units in ((1, by_arrival(pictures(150), sounds(300))), (2, pictures(150, first=300))):
        recorder = Recorder("window-01", disk, settings, sealed=log.sealed, failed=log.failed)
        recorder.begin(run)
        tracks = (VIDEO_INFO, OPUS_INFO) if run == 1 else (VIDEO_INFO,)
        feed(recorder, fragments(units, *tracks))
        await recorder.close("stop")
    await disk.close()
    reader(hub).sealed = log.chunks
    return log.chunks


ALL = RangeQuery.model_validate({"from": rfc3339(START_US), "to": rfc3339(START_US + 60 * S)})


def reels_of(hub: Hub) -> Reels:
    return Reels(hub.services.reels, "window-01")


async def test_every_byte_of_a_playlist_is_what_was_hashed(hub: Hub) -> None:
    chunks = await record(hub)
    hub.clock.advance(3600)
    query = {"from": rfc3339(START_US), "to": rfc3339(START_US + 60 * S)}
    async with hub.program.get("/api/streams/window-01/playback.m3u8", params=query) as response:
        assert response.status == 200
        assert response.content_type == "application/vnd.apple.mpegurl"
        text = await response.text()
    assert "#EXT-X-ENDLIST" in text
    ranges = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)", text)
    filled = re.findall(r"^(?!#)(.+filled\.mp4.+)$", text, re.MULTILINE)
    inits = re.findall(r'#EXT-X-MAP:URI="(.+)"', text)
    assert len(ranges) + len(filled) == len(chunks)
    assert ranges
    assert filled
    digests = []
    for size, offset, uri in ranges:
        headers = {"Range": f"bytes={offset}-{int(offset) + int(size) - 1}"}
        async with hub.program.get(f"/api/streams/window-01/{uri}", headers=headers) as response:
            assert response.status == 206
            assert response.content_type == "video/mp4"
            assert response.headers["Cache-Control"] == "no-store"
            digests.append(hashlib.sha256(await response.read()).hexdigest())
    assert digests == [chunk.sha256 for chunk in chunks if chunk.run == 1][: len(digests)]
    for uri in filled:
        async with hub.program.get(f"/api/streams/window-01/{uri}") as response:
            assert response.status == 200
            body = await response.read()
        given = parse_qs(urlsplit(uri).query)
        chunk = next(one for one in chunks if one.run == 2 and one.offset == int(given["offset"][0]))
        assert MARK in body
        assert body.count(b"moof") > 1
        data = (hub.services.settings.data / chunk.reel).read_bytes()[chunk.offset :][: chunk.size]
        place = 0
        for piece in data.split(b"moof")[1:]:  # every recorded fragment, in order, is in what is served
            place = body.index(piece[-40:], place)
    assert len(inits) == 2
    for uri in inits:
        async with hub.program.get(f"/api/streams/window-01/{uri}") as response:
            assert (await response.read())[4:8] == b"ftyp"


async def test_a_range_at_the_edge_of_now_will_grow(hub: Hub) -> None:
    await record(hub)
    query = {"from": rfc3339(START_US), "to": rfc3339(START_US + 60 * S)}
    async with hub.program.get("/api/streams/window-01/playback.m3u8", params=query) as response:
        assert "#EXT-X-ENDLIST" not in await response.text()


async def test_a_growing_playlist_only_grows_and_ends_as_if_it_was_asked_for_once(hub: Hub) -> None:
    chunks = await record(hub)
    at_once = Growing(reels_of(hub), ALL, 0.0).text(reader(hub), complete=True)
    growing = Growing(reels_of(hub), ALL, 0.0)
    before: list[str] = []
    for count in range(1, len(chunks) + 1):
        reader(hub).sealed = chunks[:count]
        lines = growing.text(reader(hub)).splitlines()[5:]
        assert lines[: len(before[:-1])] == before[:-1]  # the last one may get its sound yet
        before = lines
        assert growing.text(reader(hub)).splitlines()[5:] == lines
    assert growing.text(reader(hub), complete=True) == at_once


async def test_long_ranges_are_read_page_by_page(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    await record(hub)
    at_once = Growing(reels_of(hub), ALL, 0.0).text(reader(hub), complete=True)
    for page in (1, 2, 3):
        monkeypatch.setattr("hub.api.playback._PAGE", page)
        assert Growing(reels_of(hub), ALL, 0.0).text(reader(hub), complete=True) == at_once


async def test_few_growing_playlists_are_kept(hub: Hub) -> None:
    kept = GrowingPlaylists()
    first = kept.get(reels_of(hub), ALL, 0.0)
    assert kept.get(reels_of(hub), ALL, 0.0) is first
    for second in range(GrowingPlaylists.KEPT):
        kept.get(reels_of(hub), RangeQuery.model_validate({"from": rfc3339(T0), "to": rfc3339(T0 + second * S)}), 0.0)
    assert kept.get(reels_of(hub), ALL, 0.0) is not first


async def test_nothing_recorded_and_reels_that_are_gone(hub: Hub) -> None:
    query = {"from": rfc3339(START_US), "to": rfc3339(START_US + 60 * S)}
    assert (await get(hub, "/api/streams/window-01/playback.m3u8", 404, **query))["error"]["code"] == "no_footage"
    chunks = await record(hub)
    reel = hub.services.settings.data / chunks[0].reel
    reel.write_bytes(b"garbage" + reel.read_bytes()[7:])
    assert (await get(hub, "/api/streams/window-01/playback.m3u8", 503, **query))["error"]["code"] == "bad_reel"
    reel.unlink()
    assert (await get(hub, "/api/streams/window-01/playback.m3u8", 404, **query))["error"]["code"] == "not_found"


async def test_the_bytes_below_a_playlist_refuse_what_it_never_says(hub: Hub) -> None:
    chunks = await record(hub)
    silent = next(one for one in chunks if one.run == 2)
    at = f"/api/streams/window-01/reels/{silent.reel.removeprefix('reels/window-01/')}"
    sound = chunks[0].reel.removeprefix("reels/window-01/")
    good = {
        "size": silent.init_size, "sound": sound, "sound_size": chunks[0].init_size, "offset": silent.offset,
        "length": silent.size, "fill_from": 13 * 48_000, "fill_to": 14 * 48_000,
    }  # fmt: skip
    async with hub.program.get(f"{at}/filled.mp4", params=good) as response:
        assert response.status == 200, await response.text()
    for bad in (
        {"fill_from": 0, "fill_to": 1 << 60},
        {"fill_from": 14 * 48_000},
        {"length": silent.size - 1},
        {"offset": silent.offset + 1},
        {"offset": 1 << 50},
        {"size": silent.init_size - 9},
        {"sound_size": 0},
        {"sound": None},
    ):
        query = {key: value for key, value in (good | bad).items() if value is not None}
        if bad == {"fill_from": 14 * 48_000}:
            query["fill_to"] = 13 * 48_000
        assert (await get(hub, f"{at}/filled.mp4", 400, **query))["error"]["code"].startswith("bad_"), bad
    for climb in ("../../hub.db", "2026-01-01/../../x.mp4", "/etc/passwd", "2026-01-01/x.mp4", ".."):
        query = {"size": good["size"], "sound": climb, "sound_size": 10}
        assert (await get(hub, f"{at}/init.mp4", 404, **query))["error"]["code"] == "not_found"
