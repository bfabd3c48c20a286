"""People and units over HTTP, and what each of them sees of the hub."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from hub.api.access_entries import keep_change, write_access
from hub.api.errors import TooManyAttempts
from hub.api.server import SERVICES
from hub.api.sessions import confirmed
from hub.errors import LedgerError, Refused
from hub.ledger.entries import HUB_STREAM, EntryType, JsonValue, canonical, check_body
from hub.model import Interruption, InterruptionKind, InterruptionState, StreamKind
from hub.monitor.events import interruption_json
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import Hub, running_hub

OWN = "a password of one's own"


@dataclass
class Caller:
    """A person who is signed in."""

    hub: Hub
    name: str
    cookie: str

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Cookie": f"hub_session={self.cookie}", "Origin": str(self.hub.base.origin())}
        async with self.hub.stranger.request(method, path, json=body, headers=headers) as response:
            text = await response.text()
            return response.status, json.loads(text) if text.startswith(("{", "[")) else text

    def socket(self, path: str) -> Any:
        headers = {"Cookie": f"hub_session={self.cookie}", "Origin": str(self.hub.base.origin())}
        return self.hub.stranger.ws_connect(path, headers=headers)


async def caller(hub: Hub, name: str, unit: str, *roles: Role) -> Caller:
    accounts = hub.services.accounts
    _, password = await accounts.new_person(name, name, by=HUB, unit=unit, roles=frozenset(roles))
    made = await accounts.sign_in(name, password)
    assert made is not None
    await accounts.change_password(made[0], password, OWN)
    return Caller(hub, name, made[1])


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """root > north > hall, south; the streams at-root, in-north, in-hall, in-south, and lost in a unit that is gone."""
    async with running_hub(tmp_path) as hub:
        units, registry = hub.services.units, hub.services.registry
        await units.add("north", "北", ROOT, UnitKind.BRIGADE, by=HUB)
        await units.add("south", "南", ROOT, UnitKind.BRIGADE, by=HUB)
        await units.add("hall", "大厅", "north", UnitKind.HALL, by=HUB)
        for unit, name in (
            ("", "at-root"),
            ("north", "in-north"),
            ("hall", "in-hall"),
            ("south", "in-south"),
            ("gone", "lost"),
        ):
            await registry.add(name, name, StreamKind.WINDOW, "whip", unit=unit)
        yield hub


def interruption(number: int, stream: str) -> Interruption:
    start_us = 1_767_225_600_000_000 + number * 1_000_000
    return Interruption(
        f"i-{number:03}",
        stream,
        InterruptionKind.STALL,
        InterruptionState.CONFIRMED,
        start_us,
        start_us,
        start_us + 500_000,
    )


# ------------------------------------------------------------------------------------ the first day


async def test_a_person_is_added_signs_in_and_changes_the_password(hub: Hub) -> None:
    manager = await caller(hub, "zhao", "north", Role.ACCOUNT_ADMIN)
    draft = {"username": "wang", "name": "王警官", "unit": "hall", "certificate": "冀13-001", "roles": ["officer"]}
    status, made = await manager.call("POST", "/api/people", draft)
    assert status == 201
    password = made.pop("password")
    assert made == {
        "username": "wang", "name": "王警官", "unit": "hall", "certificate": "冀13-001", "assistant": False,
        "roles": ["officer"], "active": True, "must_change_password": True, "created_at": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    body = {"username": "wang", "password": password}
    async with hub.person.post("/api/session", json=body) as response:
        signed = await response.json()
    told = ("username", "role", "name", "unit", "must_change_password", "rights", "time_zone")
    assert {key: signed[key] for key in told} == {
        "username": "wang", "role": "officer", "name": "王警官", "unit": "hall", "must_change_password": True,
        "rights": ["self"], "time_zone": "Asia/Shanghai",
    }  # fmt: skip
    async with hub.person.get("/api/streams") as response:
        assert (response.status, (await response.json())["error"]["code"]) == (403, "must_change_password")
    async with hub.person.post("/api/session/password", json={"old": "wrong", "new": OWN}) as response:
        assert (response.status, (await response.json())["error"]["code"]) == (403, "bad_credentials")
    async with hub.person.post("/api/session/password", json={"old": password, "new": OWN}) as response:
        assert response.status == 204
    async with hub.person.get("/api/session") as response:
        signed = await response.json()
        assert "explanations.sign" in signed["rights"]
        assert signed["must_change_password"] is False
    async with hub.person.get("/api/streams") as response:
        assert [one["id"] for one in await response.json()] == ["in-hall"]
    status, answer = await manager.call("POST", "/api/people/wang/password")
    assert status == 200
    async with hub.person.get("/api/session") as response:
        assert response.status == 401
    assert await hub.services.accounts.sign_in("wang", answer["password"]) is not None


async def test_the_admin_and_the_token_say_who_they_are(hub: Hub) -> None:
    await hub.sign_in()
    for client, name in ((hub.person, "admin"), (hub.program, "program:admin")):
        async with client.get("/api/session") as response:
            who = await response.json()
        assert (who["username"], who["role"], who["unit"], who["must_change_password"]) == (name, "admin", ROOT, False)
        assert "people.manage" in who["rights"]


async def test_ones_own_sign_ins_are_listed_without_a_key_and_the_others_end(hub: Hub) -> None:
    wang, elsewhere = await caller(hub, "wang", "north"), await caller(hub, "li", "north")
    made = await hub.services.accounts.sign_in("wang", OWN, address="10.0.0.7")
    assert made is not None
    status, listed = await wang.call("GET", "/api/session/others")
    assert status == 200
    assert sorted((one["address"], one["method"], one["current"]) for one in listed) == [
        ("", "password", True),
        ("10.0.0.7", "password", False),
    ]
    assert set(listed[0]) == {"since", "expires_at", "address", "method", "current"}
    assert (await wang.call("DELETE", "/api/session/others"))[0] == 204
    assert hub.services.accounts.session(made[1]) is None
    assert [one["current"] for one in (await wang.call("GET", "/api/session/others"))[1]] == [True]
    assert (await elsewhere.call("GET", "/api/session"))[0] == 200


async def test_wrong_old_passwords_are_slowed_down(hub: Hub) -> None:
    wang = await caller(hub, "wang", "north")
    for _ in range(5):
        assert (await wang.call("POST", "/api/session/password", {"old": "x", "new": OWN + "x"}))[0] == 403
    assert (await wang.call("POST", "/api/session/password", {"old": OWN, "new": OWN + "x"}))[0] == 429


async def test_people_are_seen_and_changed_within_the_own_unit_alone(hub: Hub) -> None:
    manager = await caller(hub, "zhao", "north", Role.ACCOUNT_ADMIN)
    for name, unit in (("a", "hall"), ("b", "south"), ("c", ROOT)):
        await caller(hub, name, unit, Role.OFFICER)
    _, listed = await manager.call("GET", "/api/people")
    assert sorted(one["username"] for one in listed) == ["a", "zhao"]
    _, listed = await manager.call("GET", "/api/people?unit=hall")
    assert [one["username"] for one in listed] == ["a"]
    for elsewhere in ("b", "c", "admin", "nobody"):
        assert (await manager.call("GET", f"/api/people/{elsewhere}"))[0] == 404
        assert (await manager.call("PATCH", f"/api/people/{elsewhere}", {"name": "x"}))[0] == 404
        assert (await manager.call("POST", f"/api/people/{elsewhere}/password"))[0] == 404
    assert (await manager.call("PATCH", "/api/people/a", {"unit": "south"}))[0] == 403
    assert (await manager.call("PATCH", "/api/people/a", {"roles": ["admin"]}))[0] == 403
    assert (await manager.call("PATCH", "/api/people/zhao", {"roles": ["watcher"]}))[0] == 403
    draft = {"username": "new", "name": "x", "unit": ROOT}
    assert (await manager.call("POST", "/api/people", draft))[0] == 403
    assert (await manager.call("POST", "/api/people", draft | {"unit": "gone"}))[0] == 403
    status, changed = await manager.call("PATCH", "/api/people/a", {"roles": ["watcher"], "unit": "north"})
    assert (status, changed["roles"], changed["unit"]) == (200, ["watcher"], "north")


@pytest.mark.parametrize(
    ("name", "good", "bad", "field"),
    [
        ("activities", {"gap_s": 6}, {"gap": 6}, "gap"),
        ("deadlines", {"storage": "24h"}, {"storage": "25h"}, "storage"),
        ("followup", {"signatures": 3}, {"signatures": 1}, "signatures"),
        ("interruptions", {"stall": {"ring_from_s": 5}}, {"stall": {"ring_from_s": -1}}, "ring_from_s"),
        ("notices", [{"levels": [1]}], [{"levels": [5]}], "levels"),
        ("telemetry", {"silent_s": 30}, {"battery_warning_percent": 101}, "battery_warning_percent"),
    ],
)
async def test_a_rule_that_its_part_cannot_read_is_refused(
    hub: Hub, name: str, good: object, bad: object, field: str
) -> None:
    manager = await caller(hub, "zhao", "north", Role.ACCOUNT_ADMIN)
    status, answer = await manager.call("PATCH", "/api/units/hall", {"rules": {name: bad}})
    assert (status, answer["error"]["code"]) == (400, "bad_rules"), answer
    assert field in answer["error"]["message"]
    status, made = await manager.call("PATCH", "/api/units/hall", {"rules": {name: good}})
    assert (status, made["rules"]) == (200, {name: good}), made


async def test_units_are_changed_within_the_own_unit_alone(hub: Hub) -> None:
    manager = await caller(hub, "zhao", "north", Role.ACCOUNT_ADMIN)
    _, listed = await manager.call("GET", "/api/units")
    assert sorted(one["id"] for one in listed) == ["hall", "north"]
    draft = {"id": "hall-2", "name": "2号大厅", "parent": "north", "kind": "hall"}
    assert (await manager.call("POST", "/api/units", draft | {"parent": ROOT}))[0] == 403
    status, made = await manager.call("POST", "/api/units", draft)
    assert (status, made["parent"], made["rules"]) == (201, "north", {})
    assert (await manager.call("PATCH", "/api/units/south", {"name": "x"}))[0] == 404
    for moved, parent in (("hall", "south"), ("hall", ROOT), ("north", "south"), ("north", ROOT)):
        status, answer = await manager.call("PATCH", f"/api/units/{moved}", {"parent": parent})
        assert (status == 403) == (parent != ROOT or moved == "hall"), answer
    status, made = await manager.call("PATCH", "/api/units/hall-2", {"parent": "hall", "rules": {"deadline_h": 12}})
    assert (status, made["parent"], made["rules"]) == (200, "hall", {"deadline_h": 12})
    status, answer = await manager.call("DELETE", "/api/units/hall")
    assert (status, answer["error"]["code"]) == (409, "unit_in_use")
    assert (await manager.call("DELETE", "/api/units/hall-2"))[0] == 204
    status, answer = await manager.call("DELETE", "/api/units/hall")
    assert (status, answer["error"]["code"]) == (409, "unit_in_use")
    assert "1 streams" in answer["error"]["message"]
    assert (await manager.call("PATCH", "/api/units/hall", {"retired": True}))[0] == 200


# ------------------------------------------------------------------------------------- who sees what


async def test_a_stream_is_made_and_moved_within_the_own_unit(hub: Hub) -> None:
    engineer = await caller(hub, "chen", "north", Role.ENGINEER)
    draft = {"id": "new", "name": "n", "kind": "recorder", "source": {"type": "whip"}, "device_number": "DSJ-7"}
    status, made = await engineer.call("POST", "/api/streams", draft)
    assert (status, made["unit"], made["device_number"], made["custodian"]) == (201, "north", "DSJ-7", "")
    assert (await engineer.call("POST", "/api/streams", draft | {"id": "x", "unit": "south"}))[0] == 403
    assert (await engineer.call("POST", "/api/streams", draft | {"id": "x"}))[0] == 409
    assert (await engineer.call("PATCH", "/api/streams/new", {"unit": ROOT}))[0] == 403
    assert (await engineer.call("PATCH", "/api/streams/new", {"custodian": "nobody"}))[0] == 400
    status, made = await engineer.call("PATCH", "/api/streams/new", {"custodian": "chen", "unit": "hall"})
    assert (status, made["custodian"], made["unit"]) == (200, "chen", "hall")
    assert (await engineer.call("PATCH", "/api/streams/in-south", {"name": "x"}))[0] == 404
    assert (await engineer.call("GET", "/api/streams/in-south"))[0] == 404


async def test_who_sees_which_streams(hub: Hub) -> None:
    seen = {}
    for name, unit in (("a", "hall"), ("b", "north"), ("c", "south"), ("d", ROOT)):
        watcher = await caller(hub, name, unit, Role.WATCHER)
        _, listed = await watcher.call("GET", "/api/streams")
        seen[unit] = [one["id"] for one in listed]
    assert seen == {
        "hall": ["in-hall"],
        "north": ["in-north", "in-hall"],
        "south": ["in-south"],
        ROOT: ["at-root", "in-north", "in-hall", "in-south", "lost"],
    }


async def test_a_page_of_interruptions_is_of_what_one_may_see(hub: Hub) -> None:
    streams = ["in-south", "in-south", "in-hall", "lost"]
    hub.services.reader.rows = [interruption(number, streams[number % 4]) for number in range(40)]  # type: ignore[attr-defined]
    hub.services.present = lambda: [interruption(90, "in-south"), interruption(91, "in-hall")]
    watcher = await caller(hub, "wu", "north", Role.WATCHER)
    found: list[str] = []
    while True:
        after = f"&after={found[-1]}" if found else ""
        status, page = await watcher.call("GET", f"/api/interruptions?limit=3{after}")
        assert status == 200
        assert len(page) <= 3
        if not page:
            break
        assert {one["stream"] for one in page} == {"in-hall"}
        found += [one["id"] for one in page]
    assert found == ["i-091", *(f"i-{number:03}" for number in range(38, -1, -4))]
    assert (await watcher.call("GET", "/api/interruptions?stream=in-south"))[0] == 404
    assert (await watcher.call("GET", "/api/interruptions?stream=nope"))[0] == 404


async def text(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    return json.loads((await asyncio.wait_for(socket.receive(), 5)).data)  # type: ignore[no-any-return]


async def test_events_of_other_units_are_not_sent(hub: Hub) -> None:
    watcher = await caller(hub, "wu", "north", Role.WATCHER)
    async with watcher.socket("/api/events") as socket:
        assert (await text(socket))["type"] == "hub.tick"
        events, now = hub.services.events, hub.clock.now()
        for stream in ("in-south", "at-root", "lost", "unknown"):
            events.publish("interruption.confirmed", interruption_json(interruption(1, stream)), now)
            events.publish("stream.changed", {"id": stream}, now)
        events.publish("something.new", {"stream": "in-hall"}, now)
        events.publish("interruption.confirmed", interruption_json(interruption(2, "in-hall")), now)
        heard = await text(socket)
        assert (heard["type"], heard["data"]["stream"]) == ("interruption.confirmed", "in-hall")
        await hub.services.registry.patch("in-south", unit="hall")
        events.publish("stream.changed", {"id": "in-south"}, now)
        assert (await text(socket))["data"]["id"] == "in-south"


async def test_a_slot_that_one_may_not_see_is_unknown_and_comes_when_it_is_moved(hub: Hub) -> None:
    watcher = await caller(hub, "wu", "north", Role.WATCHER)
    async with watcher.socket("/api/live?streams=in-hall,in-south") as socket:
        first, second = await text(socket), await text(socket)
        assert first["slots"][0]["state"] == "waiting"
        assert (second["slots"][0]["reason"], second["slots"][0]["stream"]) == ("unknown", "in-south")
        await socket.send_json({"type": "watch", "streams": ["in-south"]})
        assert (await text(socket))["slots"][0]["reason"] == "unknown"
        await hub.services.registry.patch("in-south", unit="hall")
        hub.clock.pass_s(1)
        assert (await text(socket))["slots"][0]["state"] == "waiting"
        assert hub.services.live.feed("in-south").viewers == 1
        await hub.services.units.patch("hall", by=HUB, parent="south")
        await asyncio.sleep(0.05)
        hub.clock.pass_s(1)
        assert (await text(socket))["slots"][0]["reason"] == "unknown"
        assert hub.services.live.feed("in-south").viewers == 0


async def test_who_is_deactivated_loses_the_open_sockets(hub: Hub) -> None:
    watcher = await caller(hub, "wu", "north", Role.WATCHER)
    async with watcher.socket("/api/events") as socket:
        await text(socket)
        await hub.services.accounts.change_person("wu", by=HUB, active=False)
        hub.clock.pass_s(1)
        while not socket.closed:
            await asyncio.wait_for(socket.receive(), 5)
        assert socket.close_code == 4401
    assert (await watcher.call("GET", "/api/streams"))[0] == 401


# ------------------------------------------------------------------------------- signing, the ledger


async def test_signing_again_is_slowed_down_as_the_sign_in_is(hub: Hub) -> None:
    await caller(hub, "wang", "north", Role.OFFICER)
    request = make_mocked_request("POST", "/x", app=hub.app)
    assert request.app[SERVICES] is hub.services
    assert (await confirmed(request, "wang", OWN)).username == "wang"
    for _ in range(5):
        with pytest.raises(Refused):
            await confirmed(request, "wang", "wrong")
    with pytest.raises(TooManyAttempts):
        await confirmed(request, "wang", OWN)
    hub.clock.advance(30)
    assert (await confirmed(request, "wang", OWN)).username == "wang"


async def test_changes_become_access_entries(hub: Hub) -> None:
    kept: list[tuple[str, Mapping[str, JsonValue]]] = []
    keep = keep_change(lambda stream, body: kept.append((stream, body)))
    hub.services.units.on_change(keep)
    hub.services.people.on_change(keep)
    manager = await caller(hub, "zhao", "north", Role.ACCOUNT_ADMIN)
    kept.clear()
    await manager.call("PATCH", "/api/units/hall", {"rules": {"deadline_h": 12}})
    await manager.call("PATCH", "/api/units/hall", {"name": "大厅"})
    await manager.call("POST", "/api/people", {"username": "li", "name": "李", "unit": "hall", "roles": ["officer"]})
    await manager.call("PATCH", "/api/people/li", {"active": False})
    assert [(stream, body["by"], body["what"], body["subject"], body["changed"]) for stream, body in kept] == [
        (HUB_STREAM, "zhao", "unit.changed", "hall", {"rules": {"deadline_h": 12}}),
        (
            HUB_STREAM, "zhao", "person.added", "li",
            {"name": "李", "certificate": "", "assistant": False, "unit": "hall", "roles": ["officer"], "active": True},
        ),
        (HUB_STREAM, "zhao", "person.changed", "li", {"active": False}),
    ]  # fmt: skip
    for stream, body in kept:
        check_body(stream, EntryType.ACCESS, body)
        canonical(body)


async def test_a_ledger_that_takes_nothing_stops_a_look_not_a_change(hub: Hub) -> None:
    def full(_stream: str, _body: Mapping[str, JsonValue]) -> None:
        raise LedgerError("full", code="ledger_full")

    hub.services.people.on_change(keep_change(full))
    await caller(hub, "wang", "north", Role.OFFICER)
    with pytest.raises(LedgerError):
        write_access(full, "wang", "playback.view", "投诉", stream="in-hall", from_us=1, to_us=2)
