"""Labels of R31 in a whole hub with a real camera: what is labelled is nowhere, for anybody who is not cleared."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from hub.api.routes import Route
from hub.api.server import ROUTES
from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339, rfc3339
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.api_support import path_of
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live
from tests.page_support import HUB_ENVIRON

pytestmark = pytest.mark.real

OWN = "a password of one's own"
PARTY, CAUSE, PLACE = "赵机密六六", "案由暗号九九", "某路密址七七"
UNCLEARED = ("watcher", "hall_admin", "inspector", "officer", "auditor", "engineer")


@pytest.fixture
async def simulators() -> AsyncIterator[Simulators]:
    async with Simulators(
        SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    ) as simulators:
        yield simulators


class Caller:
    """A person who is signed in."""

    def __init__(self, hub: HubProcess, client: aiohttp.ClientSession) -> None:
        self.client = client
        self._origin = {"Origin": hub.url.rstrip("/")}

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.client.request(method, path, json=body, headers=self._origin) as response:
            data = await response.read()
            kind = response.content_type
            return response.status, json.loads(data) if kind == "application/json" and data else data


async def _person(stack: AsyncExitStack, hub: HubProcess, name: str, role: str) -> Caller:
    made = {"username": name, "name": name, "unit": "root", "roles": [role]}
    given = (await hub.call("POST", "/api/people", made))["password"]
    jar = aiohttp.CookieJar(unsafe=True)
    caller = Caller(hub, await stack.enter_async_context(aiohttp.ClientSession(hub.url, cookie_jar=jar)))
    assert (await caller.call("POST", "/api/session", {"username": name, "password": given}))[0] == 200
    status, answer = await caller.call("POST", "/api/session/password", {"old": given, "new": OWN})
    assert status < 300, answer
    if (await caller.call("GET", "/api/session"))[0] != 200:
        await caller.call("POST", "/api/session", {"username": name, "password": OWN})
    return caller


async def _chunks(caller: Caller, span: str) -> list[dict[str, Any]]:
    status, found = await caller.call("GET", f"/api/streams/cam/chunks?{span}")
    assert status == 200, found
    return list(found["chunks"])


def _walked(route: Route, idents: dict[str, str], span: str, chunk: dict[str, Any]) -> str:
    """An address of the route about what is labelled."""
    room = route.path.split("/")[2]
    ident = idents.get(room, "cam")
    path = path_of(route, ident)
    if "/reels/" in path:
        path = path.split("/reels/")[0] + f"/reels/{chunk['reel']}" + path.split(".mp4", 1)[1]
        more = f"size={chunk['init_size']}"
        if path.endswith("filled.mp4"):
            more += f"&offset={chunk['offset']}&length={chunk['size']}&fill_from=0&fill_to=0"
        return f"{path}?{more}" if path.endswith(("init.mp4", "filled.mp4")) else path
    known = set(route.query.model_fields) if route.query is not None else set()
    return f"{path}?{span}" if "from_us" in known else path


async def _nowhere(
    caller: Caller, idents: dict[str, str], span: str, chunk: dict[str, Any], secret: bytes
) -> list[str]:
    """Every GET route, and what of it tells."""
    told = []
    searches = [
        f"/api/activities?{key}={quote(text)}" for key, text in (("party", PARTY), ("cause", CAUSE), ("q", PARTY))
    ]
    walked = [one for one in ROUTES if one.method == "GET" and one.path.startswith("/api/") and not one.socket]
    for address in [*searches, *(_walked(one, idents, span, chunk) for one in walked)]:
        _, found = await caller.call("GET", address)
        text = found.decode("utf-8", "replace") if isinstance(found, bytes) else json.dumps(found, ensure_ascii=False)
        if any(word in text for word in (PARTY, CAUSE, PLACE)) or (isinstance(found, bytes) and secret in found):
            told.append(address)
        if isinstance(found, bytes) and found[:2] == b"\xff\xd8":
            told.append(f"{address}: a picture")
    return told


async def _slot(caller: Caller) -> str:
    """What the live socket says of the stream."""
    async with caller.client.ws_connect("/api/live?streams=cam", headers=caller._origin) as socket:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                value = json.loads(message.data)
                if value.get("type") == "slots":
                    slot = value["slots"][0]
                    return str(slot["reason"] if slot["state"] == "unsupported" else slot["state"])
    return "closed"


async def test_what_is_labelled_is_nowhere_for_who_is_not_cleared(tmp_path: Path, simulators: Simulators) -> None:
    hub = HubProcess(tmp_path / "data", HUB_ENVIRON)
    async with hub, AsyncExitStack() as stack:
        await add_camera(hub, "cam", simulators.urls[0])
        people = {role: await _person(stack, hub, f"p-{role.replace('_', '-')}", role) for role in
                  (*UNCLEARED, "approver", "archivist")}  # fmt: skip
        await until_live(hub, 1)
        body = {"stream": "cam", "party": PARTY, "cause": CAUSE, "place": PLACE}
        activity = await hub.call("POST", "/api/activities", body)
        approver, watcher, inspector = people["approver"], people["watcher"], people["inspector"]
        begun_us = parse_rfc3339(activity["began_at"])
        span = f"from={rfc3339(begun_us)}&to={rfc3339(begun_us + 60_000_000)}"
        chunk = (await until(lambda: _some(inspector, span), 40))[-1]
        reel = (tmp_path / "data" / "reels" / "cam" / chunk["reel"]).read_bytes()
        middle = chunk["offset"] + chunk["size"] // 2
        secret = reel[middle : middle + 48]
        look = {"streams": ["cam"], "from": rfc3339(begun_us - 30_000_000), "to": rfc3339(begun_us + 600_000_000)}
        for caller in (inspector, people["hall_admin"], approver, people["archivist"]):
            assert (await caller.call("POST", "/api/looks", look | {"reason": "检查"}))[0] == 201
        notes = {"matter": PARTY, "place": PLACE, "officers": ["张三"], "method": "全程"}
        wanted = {"session": activity["id"], "to": rfc3339(begun_us + 5_000_000), "notes": notes}
        wanted |= {"reason": "立案", "recipient": "法制科"}
        status, export = await people["archivist"].call("POST", "/api/exports", wanted)
        assert status == 201, export
        idents = {"activities": activity["id"], "exports": export["id"], "units": "root", "halls": "root"}
        # before the label the walk finds them: else it would show nothing
        before = await _nowhere(inspector, idents, span, chunk, secret)
        assert any("/reels/" in one for one in before)
        assert any(one.startswith("/api/activities?") for one in before)
        assert any(one.startswith("/api/exports") for one in before)
        assert await _slot(watcher) not in ("labelled", "unknown")

        asked = {"kind": "privacy", "reason": "涉及未成年人", "activity": activity["id"]}
        assert (await inspector.call("POST", "/api/labels", asked))[0] == 403
        status, label = await approver.call("POST", "/api/labels", asked)
        assert status == 201, label
        for role in UNCLEARED:
            assert await _nowhere(people[role], idents, span, chunk, secret) == [], role
        assert await _slot(watcher) == "labelled"
        assert await _slot(approver) not in ("labelled", "unknown")
        assert (await watcher.call("GET", "/api/streams"))[1][0]["status"]["label"] == "privacy"
        assert (await inspector.call("GET", f"/api/streams/cam/playback.m3u8?{span}"))[1]["error"]["code"] == "labelled"
        refused = wanted | {"session": None, "stream": "cam", "from": rfc3339(begun_us)}
        assert (await inspector.call("POST", "/api/exports", refused))[1]["error"]["code"] == "labelled"
        for role in ("approver", "archivist"):
            assert PARTY in json.dumps(await people[role].call("GET", "/api/activities"), ensure_ascii=False)
            assert await _chunks(people[role], span)
        assert await _chunks(inspector, span) == []

        await _a_secret_stream(people)
        answer = (await people["hall_admin"].call("POST", f"/api/labels/{label['id']}/withdraw", {"reason": "x"}))[1]
        assert answer["error"]["code"] == "forbidden"
        assert (await approver.call("POST", f"/api/labels/{label['id']}/withdraw", {"reason": "解除"}))[0] == 200
        assert await _nowhere(inspector, idents, span, chunk, secret) != []
        assert await _slot(watcher) != "labelled"
        assert await hub.stop() == 0
    assert verify_path(tmp_path / "data", None, keys_dir=tmp_path / "data.keys").exit_code == 0


async def _some(caller: Caller, span: str) -> list[dict[str, Any]] | None:
    found = await _chunks(caller, span)
    return found if len(found) >= 2 else None


async def _a_secret_stream(people: dict[str, Caller]) -> None:
    """It is not there but for who may see it, who answers its alarms, and who keeps it running."""
    asked = {"kind": "state_secret", "reason": "保密单位", "stream": "cam", "cleared": ["p-officer"]}
    status, answer = await people["hall_admin"].call("POST", "/api/labels", asked)
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    status, label = await people["archivist"].call("POST", "/api/labels", asked)
    assert status == 201, label
    for role, there in (
        ("watcher", 1),
        ("engineer", 1),
        ("officer", 1),
        ("approver", 1),
        ("inspector", 0),
        ("auditor", 0),
    ):
        assert len((await people[role].call("GET", "/api/streams"))[1]) == there, role
    for path in ("/api/streams/cam", "/api/streams/cam/timeline?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"):
        assert (await people["auditor"].call("GET", path))[0] == 404
    assert await _slot(people["watcher"]) == "labelled"
    assert (await people["approver"].call("POST", f"/api/labels/{label['id']}/withdraw", {"reason": "解密"}))[0] == 200
