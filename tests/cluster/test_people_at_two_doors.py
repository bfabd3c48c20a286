"""People at two doors of a cluster: signed in at one, known at the other; what the office decides shows at both."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from hub.app.node import ClusterNode
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis, free_port
from tests.cluster.test_roles import CAMERA, call, leads
from tests.hub_line import SMALL
from tests.real.test_oidc import provider

OWN = "a password of one's own"
CAMERAS = SimulatorsConfig(
    cameras=(
        DeviceConfig(name="cam", video=replace(SMALL, width=640, height=360)),
        DeviceConfig(name="sub", video=SMALL),
    )
)


class Seen:
    """A wall, and what it was told last."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.slot: dict[str, Any] = {}
        self.media = 0
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                self.media += 1
            elif (said := json.loads(message.data)).get("type") == "slots":
                self.slot = said["slots"][0]

    async def plays(self) -> bool:
        before = self.media
        await asyncio.sleep(0.5)
        return self.media > before and self.slot.get("state") not in ("unsupported", "ended")

    async def hidden(self) -> bool:
        return self.slot.get("reason") == "labelled"

    async def closed(self) -> bool:
        return self.task.done()


async def test_signed_in_here_and_known_there(postgres: str, redis: Redis, tmp_path: Path) -> None:
    async with Simulators(CAMERAS) as simulators, roles_of(postgres, redis.url, tmp_path, 4.0) as roles:
        await roles.start("both", "notary", "ingest")
        doors = [await roles.start(name, "api") for name in ("door-a", "door-b")]
        await roles.office()
        jar = aiohttp.CookieJar(unsafe=True)
        async with client(doors[0]) as admin, aiohttp.ClientSession(cookie_jar=jar) as watcher:
            await when(lambda: leads(admin))
            main, sub = simulators.urls
            source = {"source": {"type": "rtsp", "url": main}, "preview": {"url": sub}}
            await call(admin, "POST", "/api/streams", CAMERA | source, 201)
            person = {"username": "wang", "name": "王", "unit": "root", "roles": ["watcher"]}
            given = (await call(admin, "POST", "/api/people", person, 201))["password"]
            for password in (given, OWN):
                await at(watcher, doors[0], "POST", "/api/session", {"username": "wang", "password": password})
                if password is given:
                    change = {"old": given, "new": OWN}
                    await at(watcher, doors[0], "POST", "/api/session/password", change)
            assert await at(watcher, doors[1], "GET", "/api/session") == 200, "the cookie of one door opens the other"

            walls = [Seen(await wall(watcher, door)) for door in doors]
            for one in walls:
                await when(one.plays, 30)
                assert one.slot["preview"] is True, "the sub-stream, as it was asked for"
            labelled = {"kind": "privacy", "reason": "test", "stream": "cam"}
            label = await call(admin, "POST", "/api/labels", labelled, 201)
            for one in walls:
                await when(one.hidden, 5)
            await call(admin, "POST", f"/api/labels/{label['id']}/withdraw", {"reason": "test"})
            for one in walls:
                await when(one.plays, 20)
            # a right that is taken away at one door ends what was opened at the other
            await call(admin, "PATCH", "/api/people/wang", {"active": False})
            for one in walls:
                await when(one.closed, 10)
                assert one.socket.close_code in (4401, 4403), one.socket.close_code
            assert await at(watcher, doors[1], "GET", "/api/session") == 401


async def test_a_sign_in_elsewhere_begins_at_one_door_and_comes_back_at_another(
    postgres: str, redis: Redis, tmp_path: Path
) -> None:
    port = free_port()  # the provider knows where people come back to before the door is there
    async with provider(port) as (issuer, _), roles_of(postgres, redis.url, tmp_path, 2.0) as roles:
        oidc = {"oidc_issuer": issuer, "oidc_client_id": "hub", "oidc_client_secret": "a secret:of/the hub"}
        await roles.start("office", "notary", **oidc)
        begins = await roles.start("door-a", "api", listen=f"127.0.0.1:{port}")
        back = await roles.start("door-b", "api")
        await roles.office()
        async with client(begins) as admin, browser() as there, browser() as stranger:
            await when(lambda: leads(admin))
            person = {"username": "lisi", "name": "李四", "unit": "root", "roles": ["officer"]}
            await call(admin, "POST", "/api/people", person, 201)
            assert await call(admin, "GET", "/api/session/ways") == {"oidc": True}
            callback = await signed_in_at_the_provider(there, f"{begins.url}api/session/oidc?back=/alarms", "lisi")
            assert str(callback).startswith(f"{begins.url}api/session/oidc/callback?")
            # one name for both doors, as a Service has: it is the other one that answers
            answers = URL(back.url).with_path(callback.path).with_query(callback.query)
            as_named = {"Host": f"{callback.host}:{callback.port}"}
            async with stranger.get(answers, headers=as_named, allow_redirects=False) as answer:
                assert answer.headers["Location"] == "/#/sign-in?oidc=oidc_state", "another browser, with the same link"
            async with there.get(answers, headers=as_named, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (302, "/#/alarms"), await answer.text()
            for door in (begins, back):
                assert await at(there, door, "GET", "/api/session") == 200
            async with there.get(answers, headers=as_named, allow_redirects=False) as answer:
                assert answer.headers["Location"] == "/#/sign-in?oidc=oidc_state", "it is used once"

            # another leads by the time when the browser is sent back
            async with browser() as later:
                callback = await signed_in_at_the_provider(later, f"{begins.url}api/session/oidc?back=/map", "lisi")
                await roles.start("next", "notary", **oidc)
                await roles.stop("office")
                await roles.office()
                await when(lambda: leads(admin))
                async with later.get(callback, allow_redirects=False) as answer:
                    assert (answer.status, answer.headers["Location"]) == (302, "/#/map"), await answer.text()
                assert await at(later, back, "GET", "/api/session") == 200


def browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def signed_in_at_the_provider(there: aiohttp.ClientSession, url: str, name: str) -> URL:
    """As a person does, form by form, until the provider sends the browser back; where to."""
    address = URL(url)
    while True:
        async with there.get(address, allow_redirects=False) as answer:
            page, status = await answer.text(), answer.status
        if status == 200:
            form = re.search(r'action="([^"]+)"', page)
            assert form is not None, page
            prompt = "login" if 'name="login"' in page else "consent"
            filled = {"prompt": prompt, "login": name, "password": "any"}
            async with there.post(address.join(URL(form[1])), data=filled, allow_redirects=False) as answer:
                page, status = await answer.text(), answer.status
        assert status in (302, 303), page
        address = address.join(URL(answer.headers["Location"]))
        if address.path.endswith("/callback"):
            return address


def wall(http: aiohttp.ClientSession, door: ClusterNode) -> Any:
    url = f"{door.url}api/live?streams=cam&previews=cam"
    return http.ws_connect(url, headers={"Origin": door.url.rstrip("/")})


async def at(http: aiohttp.ClientSession, door: ClusterNode, method: str, path: str, body: Any = None) -> int:
    origin = {"Origin": door.url.rstrip("/")}
    async with http.request(method, f"{door.url.rstrip('/')}{path}", json=body, headers=origin) as answer:
        return answer.status
