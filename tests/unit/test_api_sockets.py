"""Both WebSockets: what is sent, and what a browser may say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType

from hub.model import Fragment, InitSegment, InitTrack, MediaKind, StreamKind
from hub.monitor.live import LiveFeed
from tests.api_support import Hub, running_hub

VIDEO = InitTrack(1, MediaKind.VIDEO, 'video/mp4; codecs="avc1.42e01f"', 90_000, b"VIDEO-INIT")
AUDIO = InitTrack(2, MediaKind.AUDIO, 'audio/mp4; codecs="opus"', 48_000, b"AUDIO-INIT")
INIT = InitSegment(b"BOTH", "0" * 64, (VIDEO, AUDIO))


def fragment(track: InitTrack, data: bytes, *, key: bool = False, number: int = 0) -> Fragment:
    return Fragment(
        track_id=track.id, kind=track.kind, data=data, keyframe=key, tfdt_ticks=track.timescale * (1 + number),
        duration_ticks=track.timescale, timescale=track.timescale, frames=1, keyframes=int(key), damaged=0,
        first_us=1_767_225_600_000_000 + number * 1_000_000, end_us=1_767_225_601_000_000 + number * 1_000_000,
        device_us=None, first_seq=0, last_seq=0, lost=0,
    )  # fmt: skip


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with running_hub(tmp_path) as hub:
        for name in ("a", "b"):
            await hub.services.registry.add(name, name, StreamKind.RECORDER, "whip")
        yield hub


async def text(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    message = await asyncio.wait_for(socket.receive(), 5)
    assert message.type is WSMsgType.TEXT, message
    parsed: dict[str, Any] = json.loads(message.data)
    return parsed


async def binary(socket: aiohttp.ClientWebSocketResponse) -> tuple[int, int, int, bytes]:
    message = await asyncio.wait_for(socket.receive(), 5)
    assert message.type is WSMsgType.BINARY, message
    head = message.data[:4]
    return head[0], head[1], int.from_bytes(head[2:], "big"), message.data[4:]


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int | None:
    async def drained() -> None:
        async for _ in socket:
            pass

    await asyncio.wait_for(drained(), 5)
    return socket.close_code


# ---------------------------------------------------------------------------------------- events


async def test_events_begin_with_a_tick_and_tick_every_second(hub: Hub) -> None:
    async with hub.program.ws_connect("/api/events") as socket:
        assert await text(socket) == {"type": "hub.tick", "at": "2026-01-01T00:00:00.000000Z", "data": {}}
        await asyncio.sleep(0)
        hub.clock.pass_s(1)
        assert (await text(socket))["at"] == "2026-01-01T00:00:01.000000Z"


async def test_what_is_published_arrives(hub: Hub) -> None:
    async with hub.program.ws_connect("/api/events") as socket:
        await text(socket)
        hub.services.events.publish("stream.added", {"id": "窗口"}, hub.clock.now())
        assert await text(socket) == {
            "type": "stream.added",
            "at": "2026-01-01T00:00:00.000000Z",
            "data": {"id": "窗口"},
        }


async def test_a_listener_that_leaves_is_forgotten(hub: Hub) -> None:
    async with hub.program.ws_connect("/api/events") as socket:
        await text(socket)
        assert len(hub.services.events._listeners) == 1
    while hub.services.events._listeners:  # noqa: ASYNC110  the hub notices in its own time
        await asyncio.sleep(0.01)


# ------------------------------------------------------------------------------------------ live


async def test_a_slot_shows_the_preview_that_it_asked_for_while_there_is_one(hub: Hub) -> None:
    sub = LiveFeed("a", preview=True)
    hub.services.preview = lambda stream: sub if stream.id == "a" else None
    async with hub.program.ws_connect("/api/live?streams=a,b&previews=a,b") as socket:
        shown = [(await text(socket))["slots"][0] for _ in range(2)]
        assert [(one["stream"], one["preview"]) for one in shown] == [("a", True), ("b", False)]
        hub.services.live.feed("a").init(INIT)
        hub.services.live.feed("a").publish(fragment(VIDEO, b"evidence", key=True))
        sub.init(INIT)
        sub.publish(fragment(VIDEO, b"preview", key=True))
        assert (await text(socket))["slots"][0]["preview"] is True
        assert await binary(socket) == (0, 1, 0, b"VIDEO-INIT")
        assert await binary(socket) == (1, 1, 0, b"preview")
        await socket.send_json({"type": "watch", "streams": ["a"]})
        assert (await text(socket))["slots"][0]["preview"] is False
        assert await binary(socket) == (0, 1, 0, b"VIDEO-INIT")
        assert await binary(socket) == (1, 1, 0, b"evidence")
        assert sub.viewers == 0
        await socket.send_json({"type": "watch", "streams": ["a"], "previews": ["a"]})
        assert (await text(socket))["slots"][0]["preview"] is True
        assert [(await binary(socket))[3] for _ in range(2)] == [b"VIDEO-INIT", b"preview"]
        hub.services.preview = lambda _stream: None  # its address was taken away
        hub.clock.pass_s(1)
        assert (await text(socket))["slots"][0]["preview"] is False


async def test_a_tile_gets_state_init_and_fragments(hub: Hub) -> None:
    async with hub.program.ws_connect("/api/live?streams=a,nope") as socket:
        first, second = await text(socket), await text(socket)
        assert first["slots"][0]["state"] == "waiting"
        assert second["slots"] == [
            {
                "slot": 1,
                "stream": "nope",
                "state": "unsupported",
                "reason": "unknown",
                "preview": False,
                "origin_us": None,
                "tracks": [],
            }
        ]
        feed = hub.services.live.feed("a")
        feed.init(INIT)
        feed.publish(fragment(VIDEO, b"key", key=True))
        feed.publish(fragment(AUDIO, b"unheard"))
        feed.publish(fragment(VIDEO, b"delta", number=1))
        slots = (await text(socket))["slots"][0]
        assert (slots["state"], slots["origin_us"]) == ("live", 1_767_225_599_000_000)
        assert [track["mime"] for track in slots["tracks"]] == [VIDEO.mime, AUDIO.mime]
        assert await binary(socket) == (0, 1, 0, b"VIDEO-INIT")
        assert await binary(socket) == (1, 1, 0, b"key")
        assert await binary(socket) == (2, 1, 0, b"delta")
        await socket.send_json({"type": "pictures", "slot": 0, "only": "keys"})
        await socket.send_json({"type": "sound", "slot": 0, "on": True})
        while not any(tile.sound for tile in feed._tiles):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        feed.publish(fragment(AUDIO, b"heard", key=True, number=1))
        assert await binary(socket) == (0, 2, 0, b"AUDIO-INIT")
        assert await binary(socket) == (1, 2, 0, b"heard")
        feed.publish(fragment(VIDEO, b"not for a slow machine", number=2))
        feed.publish(fragment(VIDEO, b"next key", key=True, number=3))
        assert await binary(socket) == (1, 1, 0, b"next key")
        await socket.send_json({"type": "watch", "streams": ["b", "a"]})
        assert (await text(socket))["slots"][0]["stream"] == "b"
        assert (await text(socket))["slots"][0]["slot"] == 1
    while feed.viewers:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_retired_stream_says_so(hub: Hub) -> None:
    await hub.services.registry.retire("a")
    async with hub.program.ws_connect("/api/live?streams=a") as socket:
        assert (await text(socket))["slots"][0]["reason"] == "retired"


@pytest.mark.parametrize(
    "wish",
    ["", "{", "[]", '{"type":"x"}', '{"type":"sound","slot":-1,"on":true}', '{"type":"sound","slot":"0"}',
     '{"type":"watch","streams":"a"}', json.dumps({"type": "watch", "streams": ["a"] * 65}),
     '{"type":"sound","' + "名" * 60 + '":1}'],
)  # fmt: skip
async def test_what_is_not_understood_closes_that_socket_with_a_reason(hub: Hub, wish: str) -> None:
    async with hub.program.ws_connect("/api/live") as socket:
        await socket.send_str(wish)
        assert await closed(socket) == 1007


async def test_binary_is_not_expected(hub: Hub) -> None:
    async with hub.program.ws_connect("/api/live") as socket:
        await socket.send_bytes(b"x")
        assert await closed(socket) == 1003


async def test_a_huge_message_closes_the_socket(hub: Hub) -> None:
    async with hub.program.ws_connect("/api/live") as socket:
        await socket.send_str("x" * 100_000)
        assert await closed(socket) == 1009


async def test_too_many_slots_are_refused_before_the_upgrade(hub: Hub) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await hub.program.ws_connect("/api/live?streams=" + ",".join(["a"] * 65))
    assert refused.value.status == 400


async def test_a_plain_call_to_a_socket_is_refused_in_the_one_form(hub: Hub) -> None:
    for path in ("/api/live", "/api/events"):
        async with hub.program.get(path) as response:
            assert response.status == 400
            assert (await response.json())["error"]["code"] == "bad_request"


async def test_the_hub_says_goodbye_when_it_stops(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        socket = await hub.program.ws_connect("/api/events")
        await text(socket)
        reading = asyncio.create_task(closed(socket))
        await hub.app.shutdown()
        assert await reading == 1001
