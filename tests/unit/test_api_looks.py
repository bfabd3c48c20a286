"""Looks over HTTP: who may play what, for which reason, decided by whom; and what the ledger says of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.clock import rfc3339
from hub.errors import LedgerError
from hub.ledger.entries import EntryType, JsonValue, canonical, check_body
from hub.model import Chunk, StreamKind
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from hub.registry import RtspDraft
from tests.api_support import Hub, running_hub
from tests.segmenter_media import START_US
from tests.unit.test_api_footage import record
from tests.unit.test_api_people import Caller, caller

S = 1_000_000
HOUR = 3600 * S
PLAYLIST = "/api/streams/window-01/playback.m3u8"


def range_of(from_us: int, to_us: int) -> dict[str, str]:
    return {"from": rfc3339(from_us), "to": rfc3339(to_us)}


@dataclass
class Place:
    """A hall with a window and its people, and another hall."""

    hub: Hub
    chunks: list[Chunk]
    noted: list[tuple[str, Mapping[str, JsonValue]]]
    watcher: Caller
    officer: Caller
    inspector: Caller
    approver: Caller
    far: Caller

    def ask(self, **more: Any) -> dict[str, Any]:
        return {"streams": ["window-01"], "reason": "复核投诉：12345"} | range_of(START_US, START_US + 60 * S) | more

    def said(self, *words: str) -> list[Mapping[str, JsonValue]]:
        return [body for _, body in self.noted if body["what"] in words]

    async def play(self, who: Caller, from_us: int = START_US, to_us: int = START_US + 60 * S) -> tuple[int, Any]:
        query = range_of(from_us, to_us)
        return await who.call("GET", f"{PLAYLIST}?from={query['from']}&to={query['to']}")

    async def get(self, who: Caller, path: str, first: int | None = None, end: int | None = None, **more: str) -> int:
        headers = {"Cookie": f"hub_session={who.cookie}"} | more
        if first is not None:
            headers["Range"] = f"bytes={first}-{'' if end is None else end - 1}"
        async with self.hub.stranger.get(path, headers=headers) as response:
            await response.read()
            return response.status

    def reel(self, chunk: Chunk) -> str:
        return f"/api/streams/window-01/{chunk.reel.replace('reels/window-01', 'reels')}"


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with running_hub(tmp_path) as hub:
        services, noted = hub.services, list[tuple[str, Mapping[str, JsonValue]]]()
        services.write_access = lambda stream, body: noted.append((stream, body))
        for name in ("hall", "other"):
            await services.units.add(name, name, ROOT, UnitKind.HALL, by=HUB)
        await services.registry.add("window-01", "1号窗口", StreamKind.WINDOW, RtspDraft("rtsp://h/"), unit="hall")
        await services.registry.add("window-02", "2号窗口", StreamKind.WINDOW, RtspDraft("rtsp://h/"), unit="hall")
        await services.registry.add("window-09", "9号窗口", StreamKind.WINDOW, RtspDraft("rtsp://h/"), unit="other")
        chunks = await record(hub)
        hub.clock.advance(3600)
        yield Place(
            hub, chunks, noted,
            await caller(hub, "wei", "hall", Role.WATCHER), await caller(hub, "guan", "hall", Role.OFFICER),
            await caller(hub, "cha", "hall", Role.INSPECTOR), await caller(hub, "pi", "hall", Role.APPROVER),
            await caller(hub, "yuan", "other", Role.APPROVER),
        )  # fmt: skip


async def test_within_a_standing_grant_a_reason_opens_it_at_once(place: Place) -> None:
    assert (await place.play(place.inspector))[1]["error"]["code"] == "reason_required"
    status, refused = await place.inspector.call("POST", "/api/looks", place.ask(reason="  "))
    assert (status, refused["error"]["code"]) == (400, "no_reason")
    status, look = await place.inspector.call("POST", "/api/looks", place.ask())
    assert (status, look["state"], look["by"], look["decided_by"]) == (201, "open", "cha", "")
    assert (await place.play(place.inspector))[0] == 200
    for body in place.said("looks.open", "playback.view"):
        check_body("window-01", EntryType.ACCESS, body)
        canonical(body)
    (opened,) = place.said("looks.open")
    assert (opened["by"], opened["reason"], opened["look"]) == ("cha", "复核投诉：12345", look["id"])
    assert (opened["from_us"], opened["to_us"]) == (START_US, START_US + 60 * S)


async def test_beyond_it_another_person_decides(place: Place) -> None:
    assert (await place.play(place.watcher))[1]["error"]["code"] == "approval_required"
    _, look = await place.watcher.call("POST", "/api/looks", place.ask())
    assert look["state"] == "pending"
    assert (await place.play(place.watcher))[1]["error"]["code"] == "approval_required"
    at = f"/api/looks/{look['id']}"
    assert (await place.watcher.call("POST", f"{at}/approve", {}))[0] == 403
    assert (await place.far.call("POST", f"{at}/approve", {}))[0] == 404
    assert (await place.inspector.call("POST", f"{at}/approve", {}))[0] == 403
    assert (await place.approver.call("GET", "/api/looks?state=pending"))[1] == [look]
    assert (await place.far.call("GET", "/api/looks"))[1] == []
    status, decided = await place.approver.call("POST", f"{at}/approve", {"note": "同意"})
    assert (status, decided["state"], decided["decided_by"], decided["note"]) == (200, "open", "pi", "同意")
    assert (await place.approver.call("POST", f"{at}/refuse", {"note": "x"}))[0] == 409
    assert (await place.play(place.watcher))[0] == 200
    assert (await place.play(place.officer))[1]["error"]["code"] == "approval_required"
    (view,) = place.said("playback.view")
    assert (view["by"], view["approved_by"], view["reason"]) == ("wei", "pi", "复核投诉：12345")


async def test_nobody_decides_for_oneself_nor_a_program_nor_the_same_officer(place: Place) -> None:
    hub = place.hub
    both = await caller(hub, "both", "hall", Role.APPROVER, Role.WATCHER)
    _, look = await both.call("POST", "/api/looks", place.ask())
    assert look["state"] == "open"  # the approver's own standing grant
    _, look = await place.watcher.call("POST", "/api/looks", place.ask())
    async with hub.program.post(f"/api/looks/{look['id']}/approve", json={}) as response:
        assert (await response.json())["error"]["code"] == "not_a_person"
    for name in ("wei", "pi"):
        person = hub.services.people.by_username(name)
        hub.services.people._people[name] = type(person)(**{**_fields(person), "certificate": "A1"})
    _, refused = await place.approver.call("POST", f"/api/looks/{look['id']}/approve", {})
    assert refused["error"]["code"] == "same_person"


def _fields(person: Any) -> dict[str, Any]:
    return {name: getattr(person, name) for name in person.__dataclass_fields__}


async def test_a_refusal_says_why_and_plays_nothing(place: Place) -> None:
    _, look = await place.officer.call("POST", "/api/looks", place.ask())
    at = f"/api/looks/{look['id']}"
    assert (await place.approver.call("POST", f"{at}/refuse", {}))[1]["error"]["code"] == "note_missing"
    assert (await place.approver.call("POST", f"{at}/refuse", {"note": "与案件无关"}))[1]["state"] == "refused"
    assert (await place.play(place.officer))[1]["error"]["code"] == "approval_required"
    assert (await place.officer.call("GET", at))[1]["note"] == "与案件无关"
    assert place.said("looks.refuse")[0]["note"] == "与案件无关"


async def test_exactly_its_streams_and_its_range(place: Place) -> None:
    cut = place.chunks[2].first_us  # third chunk on
    wanted = range_of(cut, START_US + 60 * S)
    _, look = await place.inspector.call("POST", "/api/looks", place.ask(**wanted))
    assert look["state"] == "open"
    assert (await place.play(place.inspector))[0] == 403
    assert (await place.play(place.inspector, cut - 1, START_US + 60 * S))[0] == 403
    assert (await place.play(place.inspector, cut, START_US + 60 * S + 1))[0] == 403
    status, text = await place.play(place.inspector, cut, START_US + 60 * S)
    assert status == 200
    assert (await place.inspector.call("GET", PLAYLIST.replace("01", "02") + _query(wanted)))[0] == 403
    for size, offset, uri in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)", text):
        at = f"/api/streams/window-01/{uri}"
        assert await place.get(place.inspector, at, int(offset), int(offset) + int(size)) == 206
    for uri in re.findall(r'#EXT-X-MAP:URI="(.+)"', text) + re.findall(r"^(?!#)(.+filled\.mp4.+)$", text, re.M):
        assert await place.get(place.inspector, f"/api/streams/window-01/{uri}") == 200, uri


def _query(wanted: Mapping[str, str]) -> str:
    return f"?from={wanted['from']}&to={wanted['to']}"


async def test_the_bytes_before_it_are_not_reached_by_any_way_of_asking(place: Place) -> None:
    first, second, third = [one for one in place.chunks if one.run == 1][:3]
    assert first.reel == third.reel
    await place.inspector.call(
        "POST", "/api/looks", place.ask(**range_of(third.first_us, START_US + 60 * S), reason="质量检查")
    )
    at, who = place.reel(third), place.inspector
    assert second.end_us <= third.first_us
    end = third.offset + third.size
    assert await place.get(who, at, third.offset, end) == 206
    assert await place.get(who, at, 0, third.init_size) == 206
    assert await place.get(who, at, third.offset - 1, end) == 403
    assert await place.get(who, at, first.offset, first.offset + 1) == 403
    assert await place.get(who, at, 0, third.init_size + 1) == 403
    assert await place.get(who, at) == 403
    assert await place.get(who, at, 0) == 403
    assert await place.get(who, at, third.offset, end, **{"If-Range": '"other"'}) == 403
    assert await place.get(who, at, Range="bytes=-999999999") == 403
    assert await place.get(who, at, Range="bytes=0-1,5-6") == 416
    assert await place.get(who, f"{at}/init.mp4?size={third.init_size}") == 200
    assert await place.get(who, f"{at}/init.mp4?size={third.offset}") == 403
    assert await place.get(who, f"{at}/init.mp4?size=8&sound={at.partition('/reels/')[2]}&sound_size=90000") == 403
    for begin in (first.offset, second.offset):
        query = f"size={first.init_size}&offset={begin}&length={third.size}&fill_from=0&fill_to=48000"
        assert await place.get(who, f"{at}/filled.mp4?{query}") == 403


async def test_the_first_use_of_each_stream_is_noted_once_and_before_it(place: Place) -> None:
    await place.inspector.call("POST", "/api/looks", place.ask(streams=["window-01", "window-02"]))
    assert [stream for stream, body in place.noted if body["what"] == "looks.open"] == ["window-01", "window-02"]
    for _ in range(3):
        await place.play(place.inspector)
    assert len(place.said("playback.view")) == 1
    await place.inspector.call("GET", PLAYLIST.replace("01", "02") + _query(range_of(START_US, START_US + S)))
    assert [stream for stream, body in place.noted if body["what"] == "playback.view"] == ["window-01", "window-02"]


async def test_a_look_ends_by_the_clock_by_its_owner_and_by_who_may_approve(place: Place) -> None:
    _, look = await place.inspector.call("POST", "/api/looks", place.ask())
    place.hub.clock.advance(8 * 3600 - 1)
    assert (await place.play(place.inspector))[0] == 200
    place.hub.clock.advance(1)
    assert (await place.play(place.inspector))[1]["error"]["code"] == "reason_required"
    assert (await place.inspector.call("GET", f"/api/looks/{look['id']}"))[1]["state"] == "ended"
    for who in (place.inspector, place.approver):
        _, look = await place.inspector.call("POST", "/api/looks", place.ask())
        assert (await place.far.call("POST", f"/api/looks/{look['id']}/end"))[0] == 404
        assert (await who.call("POST", f"/api/looks/{look['id']}/end"))[1]["state"] == "ended"
        assert (await place.play(place.inspector))[0] == 403
        assert (await who.call("POST", f"/api/looks/{look['id']}/end"))[0] == 409


async def test_what_a_standing_grant_opened_ends_with_the_grant(place: Place) -> None:
    await place.inspector.call("POST", "/api/looks", place.ask())
    accounts = place.hub.services.accounts
    await accounts.change_person("cha", by=HUB, roles=frozenset({Role.WATCHER}))
    made = await accounts.sign_in("cha", "a password of one's own")
    assert made is not None
    place.inspector.cookie = made[1]
    assert (await place.play(place.inspector))[1]["error"]["code"] == "approval_required"


async def test_programs_and_administrators_are_not_asked_and_the_ledger_says_so(place: Place) -> None:
    query = range_of(START_US, START_US + 60 * S)
    for _ in range(3):
        async with place.hub.program.get(PLAYLIST, params=query) as response:
            text = await response.text()
            assert response.status == 200
        for size, offset, uri in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)", text):
            headers = {"Range": f"bytes={offset}-{int(offset) + int(size) - 1}"}
            async with place.hub.program.get(f"/api/streams/window-01/{uri}", headers=headers) as response:
                assert response.status == 206
    (view,) = place.said("playback.view")
    assert (view["by"], view["reason"], view["grant"]) == ("program:admin", "", "unasked")
    await place.hub.sign_in()
    async with place.hub.person.get(PLAYLIST, params=query) as response:
        assert response.status == 200
    assert place.said("playback.view")[1]["by"] == "admin"
    async with place.hub.person.post("/api/looks", json=place.ask(reason="")) as response:
        assert (await response.json())["state"] == "open"
    async with place.hub.program.get(place.reel(place.chunks[-1])) as response:  # a reel that no playlist was asked for
        assert response.status == 200
    assert len(place.said("playback.view")) == 2  # it lies in what was noted
    place.hub.clock.advance(3600)
    async with place.hub.program.get(place.reel(place.chunks[-1])) as response:
        assert response.status == 200
    assert len(place.said("playback.view")) == 3


async def test_what_cannot_be_noted_is_not_granted(place: Place) -> None:
    _, look = await place.inspector.call("POST", "/api/looks", place.ask())
    written, place.hub.services.write_access = place.hub.services.write_access, _full
    assert (await place.inspector.call("POST", "/api/looks", place.ask(reason="2")))[0] == 503
    assert (await place.play(place.inspector))[0] == 503  # its first use
    async with place.hub.program.get(PLAYLIST, params=range_of(START_US, START_US + 60 * S)) as response:
        assert response.status == 503
    _, waiting = await _then(place, written, place.watcher.call("POST", "/api/looks", place.ask()))
    assert (await place.approver.call("POST", f"/api/looks/{waiting['id']}/approve", {}))[0] == 503
    assert (await place.play(place.watcher))[1]["error"]["code"] == "approval_required"
    place.hub.services.write_access = written
    assert [one["id"] for one in (await place.inspector.call("GET", "/api/looks?mine=true"))[1]] == [look["id"]]
    assert (await place.play(place.inspector))[0] == 200


def _full(_stream: str, _body: Mapping[str, JsonValue]) -> None:
    raise LedgerError("full", code="ledger_full")


async def _then(place: Place, write: Any, work: Any) -> Any:
    place.hub.services.write_access = write
    try:
        return await work
    finally:
        place.hub.services.write_access = _full


async def test_who_hears_of_it(place: Place) -> None:
    async with (
        place.approver.socket("/api/events") as near,
        place.far.socket("/api/events") as far,
        place.watcher.socket("/api/events") as own,
        place.officer.socket("/api/events") as beside,
    ):
        _, look = await place.watcher.call("POST", "/api/looks", place.ask())
        for socket in (near, own):
            told = await socket.receive_json(timeout=5)
            while told["type"] == "hub.tick":
                told = await socket.receive_json(timeout=5)
            assert (told["type"], told["data"]) == ("look.asked", look)
        for socket in (far, beside):
            assert (await socket.receive_json(timeout=5))["type"] == "hub.tick"
            place.hub.clock.pass_s(1)
            assert (await socket.receive_json(timeout=5))["type"] == "hub.tick"


async def test_it_survives_a_restart(place: Place) -> None:
    _, look = await place.inspector.call("POST", "/api/looks", place.ask())
    await place.play(place.inspector)
    looks = place.hub.services.looks
    assert looks is not None
    again = await type(looks).open(looks._store, place.hub.clock, looks._note, looks._committed, looks._tell)
    (kept,) = again.in_force("cha", "window-01")
    assert (kept.id, kept.used) == (look["id"], ("window-01",))


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"streams": []}, 400),
        ({"streams": [f"s{n}" for n in range(17)]}, 400),
        ({"streams": ["window-09"]}, 404),
        ({"streams": ["none"]}, 404),
        (range_of(START_US + S, START_US + S), 400),
        (range_of(START_US, START_US + 32 * 24 * HOUR), 400),
        (range_of(START_US + 24 * 20 * HOUR, START_US + 24 * 21 * HOUR), 400),
        ({"reason": "x" * 501}, 400),
        ({"extra": 1}, 400),
    ],
)
async def test_what_is_no_request(place: Place, bad: dict[str, Any], status: int) -> None:
    assert (await place.inspector.call("POST", "/api/looks", place.ask(**bad)))[0] == status
    assert place.said("looks.open", "looks.ask") == []
