"""Telemetry, tracks and faults over HTTP: who may, what is answered, what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.api.whip import SDP
from hub.people.changes import HUB
from hub.people.rights import Role
from tests.api_support import PASSWORD, Hub, running_hub
from tests.telemetry_support import Part, telemetry

WHIP = {"id": "rec-1", "name": "1", "kind": "recorder", "source": {"type": "whip"}}
SOS = {"type": "sos", "id": "sos-1"}
RANGE = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}


@asynccontextmanager
async def hub_with_telemetry(tmp_path: Path) -> AsyncIterator[tuple[Hub, Part, dict[str, str]]]:
    """A hub, its part, and the headers of the recorder rec-1."""
    async with running_hub(tmp_path / "api") as hub, telemetry(tmp_path / "part") as part:
        hub.services.telemetry = part.part
        async with hub.program.post("/api/streams", json=WHIP) as response:
            token = (await response.json())["token"]
        yield hub, part, {"Authorization": f"Bearer {token}"}


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[tuple[Hub, Part, dict[str, str]]]:
    (tmp_path / "api").mkdir()
    async with hub_with_telemetry(tmp_path) as made:
        yield made


async def code_of(response: aiohttp.ClientResponse) -> tuple[int, str]:
    return response.status, (await response.json())["error"]["code"] if response.status >= 400 else ""


async def test_a_recorder_says_how_it_is_and_people_see_it(stage: tuple[Hub, Part, dict[str, str]]) -> None:
    hub, part, device = stage
    async with hub.program.get("/api/streams/rec-1/telemetry") as response:
        assert await response.json() is None
    message = {"battery_percent": 70, "signal_percent": "good", "position": {"lat": 30, "lon": 104}, "events": [SOS]}
    for _ in range(2):
        async with hub.stranger.post("/api/streams/rec-1/telemetry", json=message, headers=device) as response:
            answer = await response.json()
        assert answer == {"acknowledged": ["sos-1"], "dropped": ["signal_percent"], "cues": []}
    part.part.cue("rec-1", "explain", text="请说明")
    async with hub.stranger.post("/api/streams/rec-1/telemetry", json={}, headers=device) as response:
        assert [cue["cue"] for cue in (await response.json())["cues"]] == ["explain"]
    async with hub.program.get("/api/streams/rec-1/telemetry") as response:
        shown = await response.json()
    assert (shown["battery_percent"], shown["sos"]["id"], shown["position"]["lat"]) == (70, "sos-1", 30)
    assert await part.facts() == [("sos", "sos-1")]
    await part.part.keep()
    async with hub.program.get("/api/streams/rec-1/track", params=RANGE) as response:
        track = await response.json()
    assert [(point["lat"], point["accuracy_m"]) for point in track["points"]] == [(30, None)]
    assert track["complete"] is True


@pytest.mark.parametrize(
    ("body", "kind", "wanted"),
    [
        (b"{", "application/json", (400, "bad_telemetry")),
        (b"[1]", "application/json", (400, "bad_telemetry")),
        (b'{"battery_percent": "x"}', "application/json", (400, "bad_telemetry")),
        (b'{"x": "' + b"y" * 20_000 + b'"}', "application/json", (400, "bad_telemetry")),
        (b"{}", "text/plain", (415, "unsupported_media_type")),
    ],
)
async def test_what_is_refused(
    stage: tuple[Hub, Part, dict[str, str]], body: bytes, kind: str, wanted: tuple[int, str]
) -> None:
    hub, _, device = stage
    headers = device | {"Content-Type": kind}
    async with hub.stranger.post("/api/streams/rec-1/telemetry", data=body, headers=headers) as response:
        assert await code_of(response) == wanted


async def test_only_the_device_itself_and_not_too_often(stage: tuple[Hub, Part, dict[str, str]]) -> None:
    hub, _, device = stage
    await hub.services.registry.add("rec-2", "2", hub.services.registry.get("rec-1").kind, "whip")
    async with hub.stranger.post("/api/streams/rec-2/telemetry", json={}, headers=device) as response:
        assert response.status == 401
    await hub.sign_in()
    async with hub.person.post("/api/streams/rec-1/telemetry", json={}) as response:
        assert response.status == 401, "people are not devices"
    statuses = []
    for _ in range(35):
        async with hub.stranger.post("/api/streams/rec-1/telemetry", json={}, headers=device) as response:
            statuses.append(response.status)
            last = response.headers.get("Retry-After")
    assert set(statuses) == {200, 429}
    assert last == "1"
    await hub.services.registry.retire("rec-1")
    async with hub.stranger.post("/api/streams/rec-1/telemetry", json={}, headers=device) as response:
        assert await code_of(response) == (409, "stream_retired")


async def test_a_track_is_asked_for_in_pieces(stage: tuple[Hub, Part, dict[str, str]]) -> None:
    hub, part, _ = stage
    for second in range(50):
        part.clock.advance(1)
        await part.say(position={"lat": 30 + second * 1e-3, "lon": 104})
    await part.part.keep()
    async with hub.program.get("/api/streams/rec-1/track", params=RANGE | {"limit": 4}) as response:
        piece = await response.json()
    assert (len(piece["points"]), piece["complete"]) == (4, False)
    for wrong in ({"from": RANGE["to"], "to": RANGE["from"]}, RANGE | {"limit": 0}, {"from": "x", "to": "y"}):
        async with hub.program.get("/api/streams/rec-1/track", params=wrong) as response:
            assert response.status == 400


async def test_a_fault_keeps_a_recorder_out_until_its_repair(stage: tuple[Hub, Part, dict[str, str]]) -> None:
    hub, _, device = stage

    async def publish() -> tuple[int, str]:
        headers = device | {"Content-Type": SDP}
        async with hub.stranger.post("/whip/rec-1", data="v=0\r\n", headers=headers) as response:
            return await code_of(response)

    async def call(path: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        async with hub.program.request(method, path, json=body) as response:
            return response.status, await response.json()

    assert await publish() == (201, "")
    assert (await call("/api/streams/rec-1/faults", {"reason": "other"}))[0] == 400
    assert (await call("/api/streams/rec-1/faults", {"reason": "magic"}))[0] == 400
    status, fault = await call("/api/streams/rec-1/faults", {"reason": "power", "text": "充不上电"})
    assert (status, fault["reported_by"], fault["ended_at"]) == (201, "program:admin", None)
    assert await publish() == (403, "device_disabled")
    assert (await call("/api/streams/rec-1/faults", {"reason": "power"}))[0] == 409
    assert [one["id"] for one in (await call("/api/faults"))[1]] == [fault["id"]]
    repair = {"service": "华安电子维修站", "work": "换电池"}
    assert (await call("/api/streams/rec-1/faults/repair", repair | {"service": "program:admin"}))[0] == 403
    status, done = await call("/api/streams/rec-1/faults/repair", repair)
    assert (status, done["id"], done["service"]) == (200, fault["id"], "华安电子维修站")
    assert await publish() == (201, "")
    assert (await call("/api/streams/rec-1/faults/repair", repair))[0] == 404
    assert (await call("/api/faults"))[1] == []
    assert [one["work"] for one in (await call("/api/faults?state=all&stream=rec-1"))[1]] == ["换电池"]
    assert (await call("/api/faults?stream=nothing"))[0] == 404


async def test_the_custodian_reports_and_may_not_record_the_repair(stage: tuple[Hub, Part, dict[str, str]]) -> None:
    hub, _, _ = stage
    accounts = hub.services.accounts
    sessions = {}
    for name, roles in (("wang", {Role.OFFICER, Role.ENGINEER}), ("li", {Role.ENGINEER}), ("zhao", {Role.OFFICER})):
        _, password = await accounts.new_person(name, f"{name}工", by=HUB, roles=frozenset(roles))
        made = await accounts.sign_in(name, password)
        assert made is not None
        await accounts.change_password(made[0], password, PASSWORD)
        sessions[name] = {"Cookie": f"hub_session={made[1]}", "Origin": str(hub.base.origin())}
    await hub.services.registry.patch("rec-1", custodian="wang")

    async def call(name: str, path: str, body: Any) -> tuple[int, str]:
        async with hub.stranger.post(f"/api/streams/rec-1/{path}", json=body, headers=sessions[name]) as response:
            return await code_of(response)

    repair = {"service": "华安电子维修站", "work": "换电池"}
    assert await call("zhao", "faults", {"reason": "sound"}) == (201, "")
    assert await call("zhao", "faults/repair", repair) == (403, "forbidden")
    assert await call("wang", "faults/repair", repair) == (403, "self_repair")
    assert await call("li", "faults/repair", repair | {"service": "wang工"}) == (403, "self_repair")
    assert await call("li", "faults/repair", repair) == (200, "")


async def test_faults_are_seen_by_who_sees_the_stream(stage: tuple[Hub, Part, dict[str, str]]) -> None:
    hub, part, _ = stage
    await part.part.faults.begin("elsewhere", by="x", reason="power", text="", point=None)
    async with hub.program.get("/api/faults") as response:
        assert await response.json() == [], "of a stream that is not known here"
