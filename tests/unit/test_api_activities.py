"""Activities over HTTP: the recorder with its token, the watcher, and who may see whose."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hub.activities.activities import Activities
from hub.activities.model import PHRASE
from hub.activities.watch import Around, Watch
from hub.model import StreamKind
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.activity_support import FakeFootage
from tests.api_support import Hub, running_hub
from tests.ledger_folder import Folder

OWN = "a password of one's own"
OFFICERS = [{"name": "张三", "certificate": "冀A0101"}, {"name": "李四", "certificate": "冀A0102"}]


@asynccontextmanager
async def hub_with_activities(tmp_path: Path) -> AsyncIterator[tuple[Hub, str]]:
    """root > north, south; a recorder in north, with its token."""
    async with running_hub(tmp_path) as hub:
        services = hub.services
        for unit in ("north", "south"):
            await services.units.add(unit, f"{unit}大队", ROOT, UnitKind.BRIGADE, by=HUB)
        made = await services.registry.add("rec-1", "1", StreamKind.RECORDER, "whip", unit="north", device_number="D-7")
        folder = Folder(tmp_path / "ledger")
        ledger = await folder.open(hub.clock)
        engine = services.registry._engine
        services.activities = await Activities.open(
            engine,
            folder.data,
            hub.clock,
            ledger,
            services.people,
            lambda what, data: services.events.publish(what, data, hub.clock.now()),
        )
        around = Around(FakeFootage(), services.registry.list, lambda stream: ("live", 0))
        services.activity_watch = Watch(services.activities, around)
        assert made.token is not None
        try:
            yield hub, made.token
        finally:
            await ledger.close()


async def call(hub: Hub, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
    session = hub.stranger if headers else hub.program
    async with session.request(method, path, json=body, headers=headers) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json()


async def signed_in(hub: Hub, name: str, unit: str, role: Role) -> dict[str, str]:
    _, password = await hub.services.accounts.new_person(name, name, by=HUB, unit=unit, roles=frozenset({role}))
    first = await hub.services.accounts.sign_in(name, password)
    assert first is not None
    await hub.services.accounts.change_password(first[0], password, OWN)
    return {"Cookie": f"hub_session={first[1]}", "Origin": str(hub.base.origin())}


async def test_a_recorder_begins_marks_and_ends_with_its_token(tmp_path: Path) -> None:
    async with hub_with_activities(tmp_path) as (hub, token):
        device = {"Authorization": f"Bearer {token}"}
        path = "/api/streams/rec-1/activity"
        before = await call(hub, "GET", path, **device)
        assert before == {"activity": None, "phrase": PHRASE, "mode": "key_steps"}
        assert (await call(hub, "POST", f"{path}/marks", {"kind": "notice"}, 409, **device))["error"]["code"] == (
            "no_activity"
        )
        body = {"officers": OFFICERS, "recorder": "张三", "party": "赵六", "party_present": True, "cause": "超限运输"}
        made = await call(hub, "POST", path, body, 201, **device)
        assert (made["by"], made["unit"], made["unit_name"], made["device"]) == (
            "device:rec-1", "north", "north大队", "D-7",
        )  # fmt: skip
        assert made["recorder"] == "冀A0101"
        await call(hub, "POST", path, body, 409, **device)
        for kind in ("certificate_shown", "notice", "key"):
            await call(hub, "POST", f"{path}/marks", {"kind": kind}, 201, **device)
        await call(hub, "PATCH", path, {"party": "赵六一", "reason": "写错"}, **device)
        hub.clock.advance(60)
        ended = await call(hub, "POST", f"{path}/end", {}, **device)
        assert (ended["party"], len(ended["marks"])) == ("赵六一", 3)
        shown = await call(hub, "GET", f"/api/activities/{made['id']}")
        assert [one["said"]["action"] for one in shown["history"]] == [
            "begin", "mark", "mark", "mark", "amend", "end",
        ]  # fmt: skip
        await call(hub, "POST", path, body, 401, Authorization="Bearer wrong")


async def test_one_sees_and_changes_what_is_of_ones_unit(tmp_path: Path) -> None:
    async with hub_with_activities(tmp_path) as (hub, _):
        made = await call(
            hub, "POST", "/api/activities", {"stream": "rec-1", "officers": OFFICERS, "party": "赵六"}, 201
        )
        path = f"/api/activities/{made['id']}"
        own = await signed_in(hub, "own", "north", Role.WATCHER)
        other = await signed_in(hub, "other", "south", Role.WATCHER)
        reader = await signed_in(hub, "reader", "north", Role.AUDITOR)
        blind = await signed_in(hub, "blind", ROOT, Role.ENGINEER)
        hub.clock.advance(600)
        assert hub.services.activity_watch is not None
        await hub.services.activity_watch.look()
        for query in ("", "?party=赵六", "?q=张三", "?unit=north", "?finding=no_recorder", "?device=D-7"):
            assert [one["id"] for one in await call(hub, "GET", f"/api/activities{query}", **own)] == [made["id"]]
            assert await call(hub, "GET", f"/api/activities{query}", **other) == []
            await call(hub, "GET", f"/api/activities{query}", status=403, **blind)
        for listed in ("/api/findings", "/api/findings?unit=north"):
            assert {one["finding"] for one in await call(hub, "GET", listed, **own)} == {
                "no_recorder", "no_certificate_shown",
            }  # fmt: skip
            assert await call(hub, "GET", listed, **other) == []
        await call(hub, "GET", path, status=404, **other)
        await call(hub, "POST", f"{path}/marks", {"kind": "key"}, 404, **other)
        await call(hub, "POST", f"{path}/marks", {"kind": "key"}, 403, **reader)
        await call(hub, "GET", path, **reader)
        assert (await call(hub, "POST", f"{path}/marks", {"kind": "key"}, 201, **own))["marks"][0]["by"] == "own"
        await call(hub, "POST", f"{path}/end", {}, **own)
        await hub.services.activity_watch.look()
        (due,) = await call(hub, "GET", "/api/backfill-due", **own)
        assert (due["activity"]["id"], due["left_s"], due["interruptions"]) == (made["id"], 86_400, [])
        assert await call(hub, "GET", "/api/backfill-due", **other) == []
        exempted = await call(hub, "POST", f"{path}/exemption", {"type": "water", "text": "海上"}, **own)
        assert exempted["exemption"]["returned_at"] is None
        assert (await call(hub, "POST", f"{path}/return", {}, **own))["exemption"]["returned_at"] is not None


async def test_a_stream_without_an_activity_is_a_finding(tmp_path: Path) -> None:
    async with hub_with_activities(tmp_path) as (hub, _):
        assert hub.services.activity_watch is not None
        await hub.services.activity_watch.look()
        (found,) = await call(hub, "GET", "/api/findings")
        assert (found["finding"], found["stream"], found["activity"]) == ("no_activity", "rec-1", None)


async def test_bad_calls_are_refused_by_name(tmp_path: Path) -> None:
    async with hub_with_activities(tmp_path) as (hub, _):
        for body in ({}, {"stream": "rec-1", "x": 1}, {"stream": "rec-1", "mode": "half"}, {"stream": 7}):
            await call(hub, "POST", "/api/activities", body, 400)
        await call(hub, "POST", "/api/activities", {"stream": "none"}, 404)
        for query in ("limit=0", "limit=501", "q=", "from=x", "finding=x", "party=%00"):
            await call(hub, "GET", f"/api/activities?{query}", status=400)
        await call(hub, "GET", "/api/activities/none", status=404)
        for rules in ({"activities": {"mode": 7}}, {"deadlines": {"storage": "soon"}}):
            await call(hub, "PATCH", "/api/units/north", {"rules": rules}, 400)
        await call(hub, "PATCH", "/api/units/north", {"rules": {"deadlines": {"storage": "end_of_day"}}})


async def test_a_stream_tells_who_records_to_those_who_may_see_sessions(tmp_path: Path) -> None:
    async with hub_with_activities(tmp_path) as (hub, _):
        body = {
            "stream": "rec-1",
            "officers": OFFICERS,
            "recorder": "李四",
            "place": "G4 京港澳高速 K281",
            "party": "赵六",
        }
        made = await call(hub, "POST", "/api/activities", body, 201)
        (told,) = await call(hub, "GET", "/api/streams")
        assert told["activity"] == {
            "id": made["id"], "officers": ["李四", "张三"], "place": "G4 京港澳高速 K281", "began_at": made["began_at"],
        }  # fmt: skip
        blind = await signed_in(hub, "blind", ROOT, Role.ENGINEER)
        assert (await call(hub, "GET", "/api/streams/rec-1", **blind))["activity"] is None
        watcher = await signed_in(hub, "own", "north", Role.WATCHER)
        assert (await call(hub, "GET", "/api/streams/rec-1", **watcher))["activity"]["officers"] == ["李四", "张三"]
        await call(hub, "POST", f"/api/activities/{made['id']}/end", {})
        assert (await call(hub, "GET", "/api/streams/rec-1"))["activity"] is None


async def test_documents_modes_and_how_far_footage_is_stored_are_searched(tmp_path: Path) -> None:
    async with hub_with_activities(tmp_path) as (hub, _):
        body = {
            "stream": "rec-1",
            "officers": OFFICERS,
            "mode": "full",
            "documents": ["冀交检〔2026〕12号", " 冀交检〔2026〕12号"],
        }
        made = await call(hub, "POST", "/api/activities", body, 201)
        assert made["documents"] == ["冀交检〔2026〕12号"]

        async def found(query: str) -> list[str]:
            return [one["id"] for one in await call(hub, "GET", f"/api/activities?{query}")]

        assert await found("case=冀交检〔2026〕12号") == await found("storage=recording&mode=full") == [made["id"]]
        assert await found("case=2026&storage=recording") == [made["id"]]
        assert await found("mode=key_steps") == await found("storage=stored") == await found("storage=overdue") == []
        path = f"/api/activities/{made['id']}"
        await call(hub, "PATCH", path, {"documents": ["行处〔2026〕3号"], "reason": "补充处罚决定书"})
        assert await found("case=行处") == [made["id"]]
        assert await found("case=冀交检") == []
        await call(hub, "POST", f"{path}/end", {})
        assert await found("storage=recording") == []
        assert hub.services.activity_watch is not None
        hub.clock.advance(61)
        await hub.services.activity_watch.look()
        assert await found("storage=due") == await found("finding=no_footage") == [made["id"]]


async def test_who_may_be_named_is_of_ones_own_units(tmp_path: Path) -> None:
    async with hub_with_activities(tmp_path) as (hub, _):
        for unit, name in (("north", "张三"), ("south", "李四")):
            await hub.services.people.add(f"of-{unit}", name, "-", by=HUB, unit=unit, certificate=f"冀A-{unit}")
        watcher = await signed_in(hub, "watch", "north", Role.WATCHER)
        named = await call(hub, "GET", "/api/activities/officers", **watcher)
        assert [(one["name"], one["unit"]) for one in named] == [("张三", "north")]
