"""What happens in the folder of :mod:`.make_released`. Runs on the hub of that commit; imports nothing of here."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from hub.bench.processes import HubProcess
from hub.demo.encode import VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig

TINY = VideoSpec(width=128, height=72, bitrate=40_000, gop=25, seconds=4)
DEVICES = SimulatorsConfig(
    cameras=(DeviceConfig(name="cam", video=TINY),),
    recorders=(DeviceConfig(name="rec", video=replace(TINY, profile="baseline")),),
)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NOTES = {"matter": "检查", "place": "一号大厅", "officers": ["张三"], "method": "全程"}
PASSWORD = "correct horse battery"
STREAM = {"id": "rec", "name": "记录仪 07", "kind": "recorder", "unit": "team", "device_number": "DSJ-07"}
TOLD = (
    "/api/units", "/api/people", "/api/streams", "/api/walls", "/api/layouts", "/api/channels", "/api/activities",
    "/api/holds", "/api/retention/ranges", "/api/labels", "/api/maintenance", "/api/interruptions", "/api/looks",
    "/api/duty?stream=cam", "/api/footage/apart", "/api/alarms", "/api/exports", "/api/inspection/samples",
    "/api/streams/rec/telemetry", "/api/shifts", "/api/log/status",
)  # fmt: skip


class Person:
    """At their own browser, with a password of their own."""

    def __init__(self, url: str, name: str) -> None:
        self.name, at = name, URL(url)
        self.http = aiohttp.ClientSession(
            at, cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": str(at.origin())}
        )

    async def begin(self, first: str) -> Person:
        await self.call("POST", "/api/session", {"username": self.name, "password": first})
        await self.call("POST", "/api/session/password", {"old": first, "new": PASSWORD})
        return self

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        async with self.http.request(method, path, json=body) as answer:
            if answer.status >= 400:
                print(f"{self.name}: {method} {path}: {answer.status} {await answer.text()}")
                return None
            return await answer.json() if answer.content_type == "application/json" else None


def at(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def people_of(hub: HubProcess) -> dict[str, Person]:
    await hub.call("POST", "/api/units", {"id": "county", "name": "县局", "parent": "root", "kind": "bureau"})
    await hub.call("POST", "/api/units", {"id": "team", "name": "一大队", "parent": "county", "kind": "brigade"})
    await hub.call("PATCH", "/api/units/team", {"rules": {"storage_hours": 24}})
    people = {}
    for name, number, roles in (
        ("zhang", "A001", ["officer"]), ("li", "A002", ["officer"]), ("sun", "A003", ["watcher"]),
        ("qian", "A004", ["approver"]), ("zhou", "A005", ["archivist"]), ("wu", "A006", ["inspector"]),
        ("zheng", "A007", ["hall_admin"]),
    ):  # fmt: skip
        body = {"username": name, "name": name.title(), "unit": "team", "certificate": number, "roles": roles}
        first = (await hub.call("POST", "/api/people", body))["password"]
        people[name] = await Person(hub.url, name).begin(first)
    return people


async def tried(hub: HubProcess, method: str, path: str, body: Any = None) -> Any:
    try:
        return await hub.call(method, path, body)
    except RuntimeError as error:
        print(error)
        return None


async def explained(hub: HubProcess, people: dict[str, Person]) -> None:
    for _ in range(300):
        listed = await hub.call("GET", "/api/interruptions")
        if listed and listed[0]["state"] == "closed" and listed[0].get("followup"):
            break
        await asyncio.sleep(0.1)
    one = f"/api/interruptions/{listed[0]['id']}"
    alarms = await hub.call("GET", "/api/alarms")
    for alarm in alarms[:1]:
        await people["sun"].call("POST", f"/api/alarms/{alarm['id']}/acknowledge", {"note": "去看"})
    drafted = await people["zhang"].call("POST", f"{one}/statements", {"text": "因电池耗尽，记录中断。" * 3})
    for name in ("zhang", "li"):
        sign = {"password": PASSWORD, "sha256": drafted["sha256"]}
        await people[name].call("POST", f"{one}/statements/{drafted['id']}/signatures", sign)
    await people["sun"].call("POST", f"{one}/close")


async def decided(hub: HubProcess, people: dict[str, Person], begun: str) -> None:
    span = {"from": begun, "to": at()}
    await tried(hub, "PUT", "/api/walls/hall", {"name": "大厅", "unit": "team", "scene": {
        "arrangement": {"split": 4, "places": ["cam", "rec", "", ""]}}})  # fmt: skip
    await people["sun"].call("POST", "/api/layouts", {"name": "早班", "arrangement": {"split": 1, "places": ["rec"]}})
    await tried(hub, "POST", "/api/channels", {"name": "desk", "kind": "webhook", "url": "http://127.0.0.1:9/"})
    await tried(hub, "POST", "/api/holds", {"stream": "cam", **span, "reason": "complaint", "text": "12345"})
    await tried(hub, "POST", "/api/retention/ranges", {"stream": "rec", **span, "class": "evidence", "case": "7号"})
    await people["qian"].call(
        "POST", "/api/labels", {"kind": "privacy", "reason": "涉及未成年人", "stream": "rec", **span}
    )
    times = {"from": at(3600), "to": at(7200)}
    await people["zheng"].call("POST", "/api/maintenance", {"stream": "rec", **times, "reason": "换电池"})
    always = {"hours": {"weekly": {day: [["00:00", "24:00"]] for day in DAYS}, "holidays": "ignored"}, "reason": "值班"}
    await hub.call("PUT", "/api/duty/streams/cam/hours", always)
    day = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    await hub.call("POST", "/api/duty/exceptions", {"unit": "root", "date": day, "hours": [], "reason": "停电"})
    await people["wu"].call("POST", "/api/looks", {"streams": ["cam"], **span, "reason": "检查"})
    place = {"lat": 36.65, "lon": 117.12, "accuracy_m": 5.0}
    marked = [{"type": "key_mark", "id": "mark-1", "text": "现场"}, {"type": "sos", "id": "sos-1", "position": place}]
    await hub.call("POST", "/api/streams/rec/telemetry", {"battery_percent": 71, "position": place, "events": marked})
    await people["sun"].call("POST", "/api/shifts/begin", {"unit": "team"})
    await people["zhou"].call(
        "POST", "/api/exports", {"stream": "cam", **span, "reason": "立案", "recipient": "法制科", "notes": NOTES}
    )
    await people["wu"].call("POST", "/api/inspection/samples", {
        "unit": "team", "kind": "streams", **span, "size": 1, "seed": "2026112120261121"})  # fmt: skip


async def main(folder: Path) -> None:
    begun = at(-1)
    async with Simulators(DEVICES) as simulators, HubProcess(folder / "data") as hub:
        people = await people_of(hub)
        source = {"type": "rtsp", "url": simulators.urls[0]}
        await hub.call("POST", "/api/streams", {
            "id": "cam", "name": "1号窗口", "kind": "window", "unit": "team", "source": source})  # fmt: skip
        token = (await hub.call("POST", "/api/streams", STREAM | {"source": {"type": "whip"}}))["token"]
        await simulators.publish("rec", f"{hub.url}/whip/rec", token)
        await asyncio.sleep(1)
        activity = {"stream": "rec", "officers": [{"name": "Zhang", "certificate": "A001"}], "party": "赵六"}
        ident = (await hub.call("POST", "/api/activities", activity))["id"]
        await asyncio.sleep(2)
        await simulators.play("rec", [Fault(FaultKind.CUT, 0.0, 7.0)])
        await explained(hub, people)
        await hub.call("POST", f"/api/activities/{ident}/end", {})
        await decided(hub, people, begun)
        own = {"Authorization": f"Bearer {token}"}
        async with hub.http.put(f"{hub.url}/api/streams/rec/footage", data=b"no footage" * 100, headers=own) as answer:
            assert (await answer.json())["state"] == "apart"
        await asyncio.sleep(2)
        said = {path: await tried(hub, "GET", path) for path in TOLD}
        for person in people.values():
            await person.http.close()
        await hub.stop()
    text = json.dumps({"token": token, "said": said}, ensure_ascii=False, indent=1)
    await asyncio.to_thread((folder / "said.json").write_text, text, encoding="utf-8")


asyncio.run(main(Path.cwd()))
