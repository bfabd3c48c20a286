"""The public door of a cluster: what passes to the office, what does not, and what is served here."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.api import events, sockets
from hub.monitor.live import LiveFeed
from tests.api_support import ADMIN_TOKEN, BEARER
from tests.gateway_support import SECRET, Small, client_of, small_cluster, until
from tests.unit.test_monitor_live import INIT, fragment

PASSWORD = "chosen by the operator"
CAMERA = {"id": "cam", "name": "c", "kind": "window", "source": {"type": "whip"}}


async def add(client: aiohttp.ClientSession, stream_id: str = "cam") -> None:
    async with client.post("/api/streams", json=CAMERA | {"id": stream_id}) as answer:
        assert answer.status == 201, await answer.text()
        assert answer.headers["Location"] == f"/api/streams/{stream_id}"


async def test_calls_pass_with_their_answers_and_nothing_internal_leaves(tmp_path: Path) -> None:
    async with small_cluster(tmp_path) as small, client_of(small) as client:
        await add(client)
        async with client.get("/api/streams/cam") as answer:
            assert (answer.status, (await answer.json())["id"]) == (200, "cam")
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers.getall("Content-Security-Policy"), "the office's headers, once"
            assert len(answer.headers.getall("X-Content-Type-Options")) == 1
            assert not [name for name in answer.headers if name.lower().startswith("x-hub-")]
        async with client.get("/api/streams/nobody") as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (404, "not_found")
        async with client.head("/api/streams") as answer:
            assert answer.status == 200
            assert await answer.read() == b""
        async with client.post(
            "/api/streams", data=io.BytesIO(bytes(1 << 21)), headers={"Content-Type": "application/json"}
        ) as answer:
            assert answer.status == 413
        async with client.get("/healthz") as answer:
            assert answer.status == 200
        async with aiohttp.ClientSession(small.url) as stranger, stranger.get("/api/streams") as answer:
            assert answer.status == 401


async def test_nobody_outside_reaches_what_nodes_say_to_each_other(tmp_path: Path) -> None:
    async with small_cluster(tmp_path) as small, client_of(small) as client:
        forged = {"X-Hub-Gateway": SECRET, "Authorization": f"Bearer {SECRET}", "X-Hub-Wall": "1"}
        for path in ("/node/live", "/node/drain", "/%6eode/live", "/api/drain"):
            async with client.post(path, headers=forged) as answer:
                assert answer.status == 404, path
        # and on the node's own door nothing is believed without the secret
        async with aiohttp.ClientSession(small.node_url) as near:
            for headers in (BEARER, {"X-Hub-Gateway": ADMIN_TOKEN}, {"X-Hub-Gateway": ""}):
                async with near.get("/api/streams", headers=headers) as answer:
                    assert answer.status == 401, headers
                async with near.get("/node/live", headers=headers) as answer:
                    assert answer.status == 401, headers
            async with near.get("/api/streams", headers=BEARER | {"X-Hub-Gateway": SECRET}) as answer:
                assert answer.status == 200


async def test_the_office_is_told_who_asked_and_by_which_scheme(tmp_path: Path) -> None:
    async with small_cluster(tmp_path, behind_proxy=True, admin_password=PASSWORD) as small:
        origin = {"Origin": small.url.replace("http", "https")}
        sign_in = {"username": "admin", "password": PASSWORD}
        forwarded = {"X-Forwarded-For": "203.0.113.9, 198.51.100.7", "X-Forwarded-Proto": "https"}
        async with aiohttp.ClientSession(small.url) as client:
            async with client.post("/api/session", json=sign_in, headers=origin | forwarded) as answer:
                assert answer.status == 200, await answer.text()
                cookie = answer.headers["Set-Cookie"]
                assert "Secure" in cookie, "the page came by HTTPS, as the proxy says"
            # an address that failed too often is slowed down alone: it is the one that the proxy saw
            wrong = {"username": "admin", "password": "wrong"}
            for _ in range(30):
                async with client.post("/api/session", json=wrong, headers=origin | forwarded) as answer:
                    if answer.status == 429:
                        break
            else:
                raise AssertionError("no address is slowed down")
            other = forwarded | {"X-Forwarded-For": "198.51.100.8"}
            async with client.post("/api/session", json=wrong | {"username": "eve"}, headers=origin | other) as answer:
                assert answer.status == 401


async def test_without_an_office_calls_are_told_to_come_again(tmp_path: Path) -> None:
    async with small_cluster(tmp_path) as small, client_of(small) as client:
        await small.end()
        for leads in (True, False):  # its door says so, or nobody is known
            small.leads = leads
            async with client.get("/api/streams") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                assert (await answer.json())["error"]["code"] == "no_office"
        async with client.get("/readyz") as answer:
            assert answer.status == 200, "walls go on"
        small.leads = True
        await small.begin()
        async with client.get("/api/streams") as answer:
            assert answer.status == 200, "the same door, another office"


async def test_events_pass_and_end_as_the_office_ends_them(tmp_path: Path) -> None:
    async with small_cluster(tmp_path) as small, client_of(small) as client:
        async with client.ws_connect("/api/events") as socket:
            assert (await socket.receive_json(timeout=5))["type"] == "hub.tick"
            await add(client)
            async with asyncio.timeout(5):
                while (await socket.receive_json())["type"] != "stream.added":
                    pass
            await small.end()
            assert await closed(socket) == aiohttp.WSCloseCode.GOING_AWAY
        async with aiohttp.ClientSession(small.url) as stranger:
            await small.begin()
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await stranger.ws_connect("/api/events")
            assert refused.value.status == 401


async def next_media(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                found.append(message.data)
            assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
    return found


async def slots(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT and json.loads(message.data)["type"] == "slots":
                said: dict[str, Any] = json.loads(message.data)["slots"][0]
                return said


async def closed(socket: aiohttp.ClientWebSocketResponse) -> int:
    """With which code."""
    async with asyncio.timeout(6):
        while (message := await socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            pass
    assert isinstance(message.data, int), message
    return message.data


def feed_of(small: Small, stream_id: str) -> LiveFeed:
    assert small.hub is not None
    return small.hub.recording.feeds.feed(stream_id)


async def test_an_api_node_that_stands_still_keeps_its_pages_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(events, "TICK_S", 0.05)
    async with small_cluster(tmp_path) as small, aiohttp.ClientSession(small.node_url) as near:
        passed_on = BEARER | {"X-Hub-Gateway": SECRET}
        async with near.ws_connect("/api/events", headers=passed_on, autoping=False) as socket:
            for _ in range(12):
                assert (await socket.receive(timeout=10)).type is aiohttp.WSMsgType.TEXT, "it is not asked yet"


async def test_a_wall_shows_what_the_office_allows_and_the_pictures_pass_it_by(tmp_path: Path) -> None:
    async with small_cluster(tmp_path, gateways=2) as small, client_of(small) as client:
        await add(client)
        feed = feed_of(small, "cam")
        feed.init(INIT)
        key = fragment(0, key=True)
        feed.publish(key)
        async with client.ws_connect("/api/live?streams=cam,nobody") as socket:
            first = await next_media(socket, 2)
            assert first[1][4:] == key.data, "byte for byte"
            assert small.hub is not None
            notes = small.hub.live_notes
            assert ("program:admin", "cam") in notes._windows, "who watches is noted"
            await socket.send_json({"type": "watch", "streams": ["nobody"]})
            while (said := await slots(socket))["stream"] != "nobody" or said["slot"]:
                pass
            assert (said["state"], said["reason"]) == ("unsupported", "unknown")
            await socket.send_json({"type": "watch", "streams": ["cam"]})
            await until(lambda: feed.viewers == 1)
            await socket.send_json({"type": "sound", "slot": 0, "on": True})
            # another gateway's wall asks the node apart
            other_url = small.gateways[1].url.rstrip("/")
            async with (
                aiohttp.ClientSession(other_url, headers=BEARER) as two,
                two.ws_connect("/api/live?streams=cam") as wall,
            ):
                assert (await next_media(wall, 2))[1][4:] == key.data
                assert feed.viewers == 2
            # retired: the office decides anew each second
            async with client.delete("/api/streams/cam") as answer:
                assert answer.status < 300
            async with asyncio.timeout(10):
                while (await slots(socket))["reason"] != "retired":
                    pass
            await socket.send_str("nonsense")
            assert await closed(socket) == aiohttp.WSCloseCode.INVALID_TEXT


async def test_walls_go_on_while_the_next_office_begins(tmp_path: Path) -> None:
    async with small_cluster(tmp_path) as small, client_of(small) as client:
        await add(client)
        # pictures that outlive the office: of a node of their own
        feed = LiveFeed("cam")
        feed.init(INIT)
        small.find = lambda *_: feed  # type: ignore[method-assign]
        async with client.ws_connect("/api/live?streams=cam") as socket:
            await until(lambda: feed.viewers == 1)
            feed.publish(fragment(0, key=True))
            await next_media(socket, 2)
            await small.end()
            feed.publish(fragment(1))
            assert (await next_media(socket, 1))[0][4:] == fragment(1).data
            await small.begin()
            await asyncio.sleep(1.5)
            feed.publish(fragment(2))
            assert (await next_media(socket, 1))[0][4:] == fragment(2).data
            assert small.hub is not None
            assert ("program:admin", "cam") in small.hub.live_notes._windows, "the next office decides, and notes"


async def test_a_wall_ends_with_its_sign_in(tmp_path: Path) -> None:
    async with small_cluster(tmp_path, admin_password=PASSWORD) as small:
        jar, origin = aiohttp.CookieJar(unsafe=True), {"Origin": small.url}
        async with aiohttp.ClientSession(small.url, cookie_jar=jar, headers=origin) as client:
            async with client.post("/api/session", json={"username": "admin", "password": PASSWORD}) as answer:
                assert answer.status == 200
            async with client.ws_connect("/api/live?streams=") as wall, client.ws_connect("/api/events") as events:
                async with client.delete("/api/session") as answer:
                    assert answer.status < 300
                for socket in (wall, events):
                    assert await closed(socket) == 4401
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await client.ws_connect("/api/live?streams=cam")
            assert refused.value.status == 401
