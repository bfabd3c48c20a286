"""Every call of the route table, made as every role, inside and outside of the caller's unit.

The routes are read from the table: a route that is added is called here without a change, and one that does not say
which right it takes fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from hub.api.routes import ROUTES as TABLE_OF_ROUTES
from hub.api.routes import Access, Route, Scope
from hub.api.server import ROUTES
from hub.clock import rfc3339
from hub.model import Stream, StreamKind, WhipSource
from hub.people.changes import HUB
from hub.people.rights import HUB_WIDE, TABLE, Right, Role, rights_of
from hub.people.tree import ROOT, UnitKind
from tests.api_support import ADMIN_TOKEN, Hub, path_of, running_hub

PEOPLE = [role for role in Role if role is not Role.DEVICE]
USER_ROUTES = [route for route in ROUTES if route.access is Access.USER]
OWN = "a password of one's own"


def test_every_route_says_which_right_it_takes() -> None:
    unsaid = [(route.method, route.path) for route in USER_ROUTES if route.right is None]
    assert not unsaid, f"admins alone may call {unsaid}: give the route its right and scope"


def test_a_scope_fits_its_path_and_its_right() -> None:
    for route in USER_ROUTES:
        if route.scope in (Scope.STREAM, Scope.UNIT):
            assert "{id}" in route.path, route.path
        if route.path.startswith("/api/streams/{id}"):
            assert route.scope is Scope.STREAM, route.path
        if route.right in HUB_WIDE:
            assert route.scope is Scope.HUB, route.path


def test_a_recorder_may_call_only_what_names_its_stream() -> None:
    for route in ROUTES:
        if route.access is Access.EITHER:
            assert route.path.startswith("/api/streams/{id}/") or route.stream_of is not None, route.path
            assert route.right is not None, route.path


@asynccontextmanager
async def organisation(tmp_path: Path, unit: str) -> AsyncIterator[tuple[Hub, dict[Role, str]]]:
    """root > north, south; a stream and a person in each; one person of each role in ``unit``, with their cookies."""
    async with running_hub(tmp_path) as hub:
        services = hub.services
        for place in ("north", "south"):
            await services.units.add(place, place, ROOT, UnitKind.BRIGADE, by=HUB)
            await services.accounts.new_person(f"of-{place}", "x", by=HUB, unit=place)
        cookies = {}
        for role in PEOPLE:
            name = f"a-{role.value}"
            _, password = await services.accounts.new_person(name, name, by=HUB, unit=unit, roles=frozenset({role}))
            first = await services.accounts.sign_in(name, password)
            assert first is not None
            await services.accounts.change_password(first[0], password, OWN)
            cookies[role] = first[1]
        yield hub, cookies


def path_in(route: Route, ident: str) -> str:
    """With a range where one is needed to get as far as the question for a reason."""
    wanted = {"from": rfc3339(1_767_225_000_000_000), "to": rfc3339(1_767_225_060_000_000)}
    return path_of(route, ident) + (f"?{urlencode(wanted)}" if route.path.endswith(".m3u8") else "")


async def answer(hub: Hub, route: Route, ident: str, role: Role, cookie: str) -> tuple[int, str]:
    """Status and error code. The call has no body: what is refused, is refused before one is read."""
    if route.method == "DELETE" and route.path == "/api/session":
        made = await hub.services.accounts.sign_in(f"a-{role.value}", OWN)
        assert made is not None
        cookie = made[1]
    headers = {"Cookie": f"hub_session={cookie}", "Origin": str(hub.base.origin())}
    async with hub.stranger.request(route.method, path_in(route, ident), headers=headers) as response:
        if response.status < 400:
            return response.status, ""
        return response.status, (await response.json())["error"]["code"]


def expected(route: Route, role: Role, unit: str, ident: str) -> str:
    """What the rules of docs/design/people.md say: "may", "may not", or "unknown"."""
    assert route.right is not None
    if route.right not in rights_of([role]):
        return "may not"
    if route.right is Right.SELF:
        return "may"
    if unit != ROOT and (route.scope is Scope.HUB or route.right in HUB_WIDE):
        return "may not"
    inside = unit in (ROOT, ident)
    if not inside and (route.scope in (Scope.STREAM, Scope.UNIT) or "{username}" in route.path):
        return "unknown"
    return "may"


@pytest.mark.parametrize("unit", [ROOT, "north"])
async def test_every_call_as_every_role_inside_and_outside(tmp_path: Path, unit: str) -> None:
    wrong = []
    async with organisation(tmp_path, unit) as (hub, cookies):
        for route in USER_ROUTES:
            for place in ("north", "south"):
                for role in PEOPLE:
                    await _anew(hub, place)
                    status, code = await answer(hub, route, place, role, cookies[role])
                    wanted = expected(route, role, unit, place)
                    if wanted == "may not":
                        fine = (status, code) == (403, "forbidden")
                    elif wanted == "unknown":
                        fine = status == 404
                    elif route.path.endswith(".m3u8") and role is not Role.ADMIN:
                        standing = Right.PLAYBACK_VIEW in rights_of([role])
                        fine = (status, code) == (403, "reason_required" if standing else "approval_required")
                    else:
                        fine = status not in (401, 403, 500)
                    if not fine:
                        wrong.append((route.method, route.path, role.value, unit, place, wanted, status, code))
    assert not wrong


async def _anew(hub: Hub, place: str) -> None:
    """A stream of the unit's name that is there and not retired: an earlier call may have ended it."""
    hub.services.registry._streams[place] = Stream(place, place, StreamKind.ROOM, WhipSource(), 0, unit=place)


async def test_a_recorders_token_opens_nothing_but_its_own_stream(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = await hub.services.registry.add("rec-1", "1", StreamKind.RECORDER, "whip")
        await hub.services.registry.add("rec-2", "2", StreamKind.RECORDER, "whip")
        assert made.token is not None
        for route in ROUTES:
            if route.access is Access.PUBLIC:
                continue
            for ident in ("rec-1", "rec-2"):
                headers = {"Authorization": f"Bearer {made.token}"}
                async with hub.stranger.request(route.method, path_of(route, ident), headers=headers) as response:
                    named = route.stream_of is None and route.access in (Access.DEVICE, Access.EITHER)
                    opens = named and ident == "rec-1"
                    assert (response.status != 401) == opens, (route.method, route.path, ident)


async def test_nothing_is_answered_before_a_given_password_is_changed(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        _, password = await hub.services.accounts.new_person("new", "x", by=HUB, roles=frozenset({Role.ADMIN}))
        made = await hub.services.accounts.sign_in("new", password)
        assert made is not None
        headers = {"Cookie": f"hub_session={made[1]}", "Origin": str(hub.base.origin())}
        for route in USER_ROUTES:
            if route.path == "/api/session" and route.method == "DELETE":
                continue
            async with hub.stranger.request(route.method, path_of(route, "x"), headers=headers) as response:
                refused = response.status == 403 and (await response.json())["error"]["code"] == "must_change_password"
                assert refused == (route.right is not Right.SELF), (route.method, route.path)


async def test_a_program_with_the_admin_token_may_all(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        for route in USER_ROUTES:
            async with hub.stranger.request(route.method, path_of(route, "x"), headers=headers) as response:
                assert response.status not in (401, 403, 500), (route.method, route.path, response.status)


def test_every_right_is_somebodys() -> None:
    for right in Right:
        assert any(right in rights for role, rights in TABLE.items() if role is not Role.ADMIN), right


@pytest.mark.parametrize(("unit", "wanted"), [("north", 403), (ROOT, 200)])
async def test_a_call_about_the_whole_hub_asks_for_the_right_in_the_root(
    tmp_path: Path, unit: str, wanted: int
) -> None:
    """No route of today pairs the scope HUB with a right of units; the default must hold for one that will."""
    async with organisation(tmp_path, unit) as (hub, cookies):
        table = hub.app[TABLE_OF_ROUTES]
        key, route = next((k, one) for k, one in table.items() if (one.method, one.path) == ("GET", "/api/units"))
        table[key] = replace(route, scope=Scope.HUB)
        assert (await answer(hub, route, unit, Role.WATCHER, cookies[Role.WATCHER]))[0] == wanted
