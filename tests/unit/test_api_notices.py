"""Alarms, channels and shifts over HTTP: who sees, who may, what is answered."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.clock import rfc3339
from hub.ledger.entries import EntryType
from hub.model import StreamKind
from hub.monitor.events import Event, interruption_json
from hub.notices.notices import Notices, Outside
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import Hub, running_hub
from tests.notices_support import fault

OWN = "a password of one's own"


@dataclass
class Face:
    hub: Hub
    notices: Notices
    entries: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def rings(self, ident: str, stream: str) -> str:
        """The alarm's id."""
        one = fault(ident, stream, at_us=self.hub.clock.utc_us)
        await self.notices.hear(Event("interruption.confirmed", one.started_us, interruption_json(one)))
        return next(alarm.id for alarm in self.notices.queue() if alarm.subject == ident)

    @contextlib.asynccontextmanager
    async def signed_in(self, username: str) -> AsyncIterator[aiohttp.ClientSession]:
        made = await self.hub.services.accounts.sign_in(username, OWN)
        assert made is not None
        headers = {"Cookie": f"hub_session={made[1]}", "Origin": str(self.hub.base.origin())}
        async with aiohttp.ClientSession(self.hub.base, headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as client:
            yield client


@pytest.fixture
async def face(tmp_path: Path) -> AsyncIterator[Face]:
    """root > north, south with a stream each; a watcher of each (wn, ws), one more of north (wn2), an engineer."""
    async with running_hub(tmp_path) as hub:
        services = hub.services
        for unit in ("north", "south"):
            await services.units.add(unit, unit, ROOT, UnitKind.HALL, by=HUB)
            await services.registry.add(f"cam-{unit}", unit, StreamKind.WINDOW, "whip", unit=unit)
        people = [("wn", "north", Role.WATCHER), ("wn2", "north", Role.WATCHER), ("ws", "south", Role.WATCHER)]
        for name, unit, role in (*people, ("eng", ROOT, Role.ENGINEER), ("eye", "north", Role.INSPECTOR)):
            _, password = await services.accounts.new_person(name, name, by=HUB, unit=unit, roles=frozenset({role}))
            made = await services.accounts.sign_in(name, password)
            assert made is not None
            await services.accounts.change_password(made[0], password, OWN)
        entries: list[tuple[str, Mapping[str, Any]]] = []
        outside = Outside(lambda stream, _kind, body: entries.append((stream, body)), services.registry.find)
        engine = services.registry._engine
        notices = await Notices.open(services.settings, hub.clock, engine, services.events, services.people, outside)
        services.notices = notices
        services.write_access = lambda stream, body: entries.append((stream, body))
        yield Face(hub, notices, entries)
        await notices.close()


async def post(client: aiohttp.ClientSession, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.post(path, json={} if body is None else body) as response:
        return response.status, await response.json() if response.status != 204 else None


async def get(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_one_sees_and_handles_the_alarms_of_ones_own_unit(face: Face) -> None:
    north, south = await face.rings("i-n", "cam-north"), await face.rings("i-s", "cam-south")
    async with face.signed_in("wn") as watcher:
        (shown,) = await get(watcher, "/api/alarms")
        assert (shown["id"], shown["kind"], shown["level"], shown["state"]) == (north, "no_signal", 2, "open")
        assert (shown["unit"], shown["stream"], shown["rings"], shown["rings_for"]) == (
            "north",
            "cam-north",
            True,
            None,
        )
        assert shown["since"] == rfc3339(face.hub.clock.utc_us)
        status, answer = await post(watcher, f"/api/alarms/{south}/acknowledge")
        assert (status, answer["error"]["code"]) == (404, "not_found")
        status, answer = await post(watcher, f"/api/alarms/{north}/acknowledge", {"note": "去看"})
        assert (status, answer["acknowledged_by"], answer["rings"]) == (200, "wn", False)
        assert face.entries[-1] == ("cam-north", {"of": "i-n", "action": "acknowledge", "by": "wn", "note": "去看",
                                    "alarm": north, "cause": "interruption:i-n", "level": 2})  # fmt: skip
    async with face.signed_in("wn2") as second:
        status, answer = await post(second, f"/api/alarms/{north}/acknowledge")
        assert (status, answer["error"]["code"]) == (409, "acknowledged")
        assert "wn " in answer["error"]["message"]
        assert (await post(second, f"/api/alarms/{north}/note", {"note": "电工在路上"}))[0] == 200
        assert (await post(second, f"/api/alarms/{north}/handle"))[0] == 400
        assert (await post(second, f"/api/alarms/{north}/handle", {"note": "换了网线"}))[0] == 200
        assert (await post(second, f"/api/alarms/{north}/false-alarm", {"note": "x"}))[0] == 409
        assert await get(second, "/api/alarms") == []
        (settled,) = await get(second, "/api/alarms?state=settled")
        assert (settled["settled_by"], settled["note"]) == ("wn2", "换了网线")
    async with face.signed_in("eye") as inspector:
        assert (await post(inspector, f"/api/alarms/{north}/acknowledge"))[0] == 403
        assert (await get(inspector, "/api/alarms?state=settled"))[0]["rings"] is False


async def test_the_socket_hears_of_alarms_of_ones_own_unit(face: Face) -> None:
    async with face.signed_in("wn") as watcher, watcher.ws_connect("/api/events") as socket:
        heard = []
        await socket.receive_json()  # a tick: it listens
        await face.rings("i-s", "cam-south")
        alarm = await face.rings("i-n", "cam-north")
        await post(watcher, f"/api/alarms/{alarm}/acknowledge")
        await post(watcher, "/api/shifts/begin", {"unit": "north"})
        while len(heard) < 3:
            message = await socket.receive_json()
            if message["type"].startswith("alarm."):
                heard.append((message["type"], message["data"].get("stream"), message["data"]["unit"]))
    assert heard == [
        ("alarm.raised", "cam-north", "north"), ("alarm.acknowledged", "cam-north", "north"),
        ("alarm.shift", "", "north"),
    ]  # fmt: skip


async def test_a_shift_is_handed_over_to_who_signs_in_again(face: Face) -> None:
    alarm = await face.rings("i-n", "cam-north")
    async with face.signed_in("wn") as watcher:
        assert (await post(watcher, "/api/shifts/begin", {"unit": "south"}))[0] == 403
        assert (await post(watcher, "/api/shifts/begin", {"unit": "north"}))[0] == 201
        given = {"unit": "north", "to": "wn2", "password": "wrong", "accepted": [alarm]}
        status, answer = await post(watcher, "/api/shifts/hand-over", given)
        assert (status, answer["error"]["code"]) == (403, "bad_credentials")
        given["password"] = OWN
        status, answer = await post(watcher, "/api/shifts/hand-over", given | {"accepted": []})
        assert (status, answer["error"]["code"]) == (409, "open_list")
        status, answer = await post(watcher, "/api/shifts/hand-over", given | {"to": "ws"})
        assert (status, answer["error"]["code"]) == (403, "may_not_handle")
        assert (await post(watcher, "/api/shifts/hand-over", given | {"to": "wn"}))[0] == 400
        status, answer = await post(watcher, "/api/shifts/hand-over", given)
        assert (status, answer["username"], answer["from_whom"]) == (201, "wn2", "wn")
        assert [one["username"] for one in await get(watcher, "/api/shifts")] == ["wn2"]
        assert (await get(watcher, "/api/alarms"))[0]["rings"] is False  # it is the other's now
    async with face.signed_in("wn2") as second:
        assert (await get(second, "/api/alarms"))[0]["rings"] is True
        assert (await post(second, "/api/shifts/end", {"unit": "north"}))[0] == 409
        await post(second, f"/api/alarms/{alarm}/hand-over", {"to": "wn", "note": "下班"})
        assert (await get(second, "/api/alarms"))[0]["handed_to"] == "wn"
    async with face.signed_in("ws") as other:
        assert await get(other, "/api/shifts") == []
    async with face.hub.program.post("/api/shifts/begin", json={"unit": "north"}) as response:
        assert response.status == 400  # a program is never on duty


async def test_channels_are_the_engineers_and_their_urls_are_not_shown(face: Face) -> None:
    url = "http://127.0.0.1:9/T0K3N-abc"
    async with face.signed_in("wn") as watcher:
        assert (await post(watcher, "/api/channels", {"name": "a", "kind": "webhook", "url": url}))[0] == 403
    async with face.signed_in("eng") as engineer:
        wanted = {"name": "hall", "kind": "webhook", "url": url, "unit": "north"}
        status, made = await post(engineer, "/api/channels", wanted)
        assert (status, made["url"], made["unit"], made["problem"]) == (201, "http://127.0.0.1:9/***", "north", "")
        assert (await post(engineer, "/api/channels", wanted))[0] == 409
        status, answer = await post(engineer, "/api/channels", {"name": "b", "url": "nonsense://T0K3N-abc"})
        assert (status, answer["error"]["code"]) == (400, "bad_url")
        assert "T0K3N" not in str(answer) + str(await get(engineer, "/api/channels")) + str(face.entries)
        assert (await post(engineer, "/api/channels", wanted | {"name": "c", "unit": "nowhere"}))[0] == 400
        assert (await post(engineer, "/api/channels/none/trial"))[0] == 404
        status, answer = await post(engineer, "/api/channels/hall/trial")
        assert status == 200
        assert answer["problem"]
        assert "T0K3N" not in answer["problem"]
        async with engineer.delete("/api/channels/hall") as response:
            assert response.status == 204
        assert [body["what"] for _, body in face.entries] == ["channel.added", "channel.removed"]


async def test_notices_are_listed_with_what_became_of_them(face: Face) -> None:
    async with face.signed_in("eng") as engineer:
        await post(engineer, "/api/channels", {"name": "gone", "kind": "webhook", "url": "http://127.0.0.1:9/x"})
    alarm = await face.rings("i-n", "cam-north")
    face.hub.clock.pass_s(3)
    await face.notices.tick()
    await face.notices.outbox.drain_all()
    async with face.signed_in("wn") as watcher:
        (notice,) = await get(watcher, f"/api/notices?alarm={alarm}")
        assert (notice["channel"], notice["state"], notice["attempts"]) == ("gone", "queued", 1)
        assert notice["problem"]
        assert await get(watcher, "/api/notices?state=sent") == []
    async with face.signed_in("ws") as other:
        assert await get(other, "/api/notices") == []


async def test_without_alarms_the_calls_say_so(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub, hub.program.get("/api/alarms") as response:
        assert response.status == 503


def test_handling_is_a_type_of_entry() -> None:
    assert EntryType("handling") is EntryType.HANDLING
