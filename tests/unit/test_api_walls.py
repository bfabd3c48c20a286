"""Walls and layouts over HTTP: who may send what where, and what others see of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hub.api.auth import Identity
from hub.api.events import may_hear
from hub.database import Database, create_tables, open_engine
from hub.errors import LedgerError
from hub.model import StreamKind
from hub.monitor.events import Event
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from hub.walls.walls import Walls
from tests.api_support import Hub, running_hub

OWN = "a password of one's own"


@dataclass
class Stage:
    """root > north, south; a stream in each and one in the root; a watcher of each."""

    hub: Hub
    cookies: dict[str, str] = field(default_factory=dict)
    written: list[dict[str, Any]] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    async def call(self, who: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Cookie": f"hub_session={self.cookies[who]}", "Origin": str(self.hub.base.origin())}
        async with self.hub.stranger.request(method, path, json=body, headers=headers) as response:
            if response.status == 204:
                return 204, None
            answer = await response.json()
            return response.status, answer["error"]["code"] if response.status >= 400 else answer

    def hears(self, who: str, event: Event) -> bool:
        services = self.hub.services
        standing = services.accounts.standing(who)
        return may_hear(services, Identity(who, "", standing), event)


def wall(places: list[str | None], unit: str = "north", **more: Any) -> dict[str, Any]:
    return {"name": "大厅", "unit": unit, "scene": {"arrangement": {"split": len(places), "places": places}}, **more}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_hub(tmp_path) as hub:
        services, stage = hub.services, Stage(hub)

        def write(_stream: str, body: Any) -> None:
            stage.written.append(dict(body))

        services.write_access = write
        engine = open_engine(Database(tmp_path / "walls.db"))
        create_tables(engine)

        def tell(kind: str, data: Any) -> None:
            stage.told.append(Event(kind, 0, data))

        services.walls = await Walls.open(engine, hub.clock, tell)
        for place in ("north", "south"):
            await services.units.add(place, place, ROOT, UnitKind.BRIGADE, by=HUB)
        for place in (ROOT, "north", "south"):
            await services.registry.add(f"in-{place}", place, StreamKind.WINDOW, "whip", unit=place)
        for who, role in (
            (ROOT, Role.WATCHER),
            ("north", Role.WATCHER),
            ("south", Role.WATCHER),
            ("eng", Role.ENGINEER),
        ):
            unit = ROOT if who == "eng" else who
            _, password = await services.accounts.new_person(who, who, by=HUB, unit=unit, roles=frozenset({role}))
            first = await services.accounts.sign_in(who, password)
            assert first is not None
            await services.accounts.change_password(first[0], password, OWN)
            stage.cookies[who] = first[1]
        yield stage
        engine.dispose()


async def test_a_wall_is_made_read_sent_to_and_removed_by_who_sees_its_unit(stage: Stage) -> None:
    status, made = await stage.call("north", "PUT", "/api/walls/hall", wall(["in-north", "", "", ""]))
    assert (status, made["revision"], made["changed_by"]) == (201, 1, "north")
    assert await stage.call("north", "GET", "/api/walls/hall") == (200, made)
    assert await stage.call("south", "GET", "/api/walls/hall") == (404, "unknown_wall")
    assert await stage.call("south", "GET", "/api/walls") == (200, [])
    assert await stage.call("south", "PUT", "/api/walls/hall", wall([""])) == (404, "unknown_wall")
    assert await stage.call("south", "PUT", "/api/walls/mine", wall([""])) == (403, "forbidden"), "not their unit"
    assert await stage.call("south", "DELETE", "/api/walls/hall") == (404, "unknown_wall")
    assert await stage.call("eng", "GET", "/api/walls") == (403, "forbidden")
    assert await stage.call("north", "PUT", "/api/walls/hall", wall([""], revision=0)) == (409, "changed_meanwhile")
    status, _ = await stage.call("root", "PUT", "/api/walls/hall", wall(["in-root"], revision=1))
    assert status == 200
    assert await stage.call("north", "DELETE", "/api/walls/hall") == (204, None)
    assert await stage.call("root", "GET", "/api/walls") == (200, [])


async def test_streams_that_one_may_not_see_stay_unseen_and_stay_where_they_are(stage: Stage) -> None:
    await stage.call("root", "PUT", "/api/walls/hall", wall(["in-root", "in-north", "", ""]))
    _, seen = await stage.call("north", "GET", "/api/walls/hall")
    assert seen["scene"]["arrangement"]["places"] == [None, "in-north", "", ""]
    assert await stage.call("north", "PUT", "/api/walls/hall", wall(["in-root", "", "", ""])) == (404, "not_found")
    assert await stage.call("north", "PUT", "/api/walls/hall", wall(["in-nowhere", "", "", ""])) == (404, "not_found")
    status, _ = await stage.call("north", "PUT", "/api/walls/hall", wall([None, "", "in-north", ""]))
    assert status == 200
    _, whole = await stage.call("root", "GET", "/api/walls/hall")
    assert whole["scene"]["arrangement"]["places"] == ["in-root", "", "in-north", ""]
    await stage.hub.services.registry.retire("in-root")
    _, after = await stage.call("root", "GET", "/api/walls/hall")
    assert after["scene"]["arrangement"]["places"][0] == "", "what is retired leaves an empty place"


async def test_a_cycle_runs_over_a_unit_or_steps_that_the_sender_sees(stage: Stage) -> None:
    def cycling(**cycle: Any) -> dict[str, Any]:
        body = wall(["in-north"])
        body["scene"]["cycle"] = {"every_s": 20, **cycle}
        return body

    status, made = await stage.call("north", "PUT", "/api/walls/hall", cycling(unit="north", paused=True))
    assert (status, made["scene"]["cycle"]) == (201, {"every_s": 20, "unit": "north", "steps": [], "paused": True})
    assert (await stage.call("north", "PUT", "/api/walls/hall", cycling(unit="south")))[0] == 403
    steps = [{"split": 1, "places": [one]} for one in ("in-north", "in-south")]
    assert (await stage.call("north", "PUT", "/api/walls/hall", cycling(steps=steps)))[0] == 404
    assert (await stage.call("root", "PUT", "/api/walls/hall", cycling(steps=steps)))[0] == 200
    _, seen = await stage.call("north", "GET", "/api/walls/hall")
    assert [one["places"] for one in seen["scene"]["cycle"]["steps"]] == [["in-north"], [None]]
    assert (await stage.call("north", "PUT", "/api/walls/hall", cycling(unit="north", every_s=4)))[0] == 400


async def test_what_a_room_is_shown_stands_in_the_ledger_first(stage: Stage) -> None:
    await stage.call("north", "PUT", "/api/walls/hall", wall(["in-north"]))
    assert stage.written == [
        {"by": "north", "what": "wall.show", "reason": "", "wall": "hall", "unit": "north", "streams": ["in-north"],
            "cycle": ""}
    ]  # fmt: skip

    def refuse(_stream: str, _body: object) -> None:
        raise LedgerError("full")

    stage.hub.services.write_access = refuse
    assert (await stage.call("north", "PUT", "/api/walls/hall", wall([""])))[0] >= 500
    _, seen = await stage.call("north", "GET", "/api/walls/hall")
    assert seen["scene"]["arrangement"]["places"] == ["in-north"]


async def test_a_change_is_heard_by_those_who_may_see_the_wall(stage: Stage) -> None:
    await stage.call("north", "PUT", "/api/walls/hall", wall(["in-north"]))
    (event,) = stage.told
    assert event.type == "wall.changed"
    assert [who for who in stage.cookies if stage.hears(who, event)] == [ROOT, "north"]


async def test_layouts_are_ones_own_until_they_are_shared_in_a_unit(stage: Stage) -> None:
    body = {"name": "早班", "arrangement": {"split": 4, "places": ["in-north", "", "", ""]}}
    status, kept = await stage.call("north", "POST", "/api/layouts", body)
    assert (status, kept["owner"], kept["unit"]) == (201, "north", "")
    path = f"/api/layouts/{kept['id']}"
    assert await stage.call("root", "GET", "/api/layouts") == (200, []), "one's own, even above"
    assert await stage.call("root", "PUT", path, body) == (404, "unknown_layout")
    assert (await stage.call("north", "PUT", path, {**body, "unit": "south"}))[0] == 403
    status, shared = await stage.call("north", "PUT", path, {**body, "unit": "north"})
    assert (status, shared["unit"]) == (200, "north")
    assert [one["id"] for one in (await stage.call("root", "GET", "/api/layouts"))[1]] == [kept["id"]]
    assert (await stage.call("south", "GET", "/api/layouts"))[1] == []
    assert await stage.call("south", "DELETE", path) == (404, "unknown_layout")
    assert await stage.call("root", "DELETE", path) == (204, None)
