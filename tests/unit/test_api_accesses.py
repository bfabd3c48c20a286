"""GET /api/access over a real ledger: who reads what of it, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.api.access_entries import write_access
from hub.clock import rfc3339
from hub.database import Database
from hub.ledger.accesses import AccessReader
from hub.ledger.entries import EntryType, JsonValue
from hub.ledger.ledger import Ledger
from hub.model import StreamKind
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from hub.registry import RtspDraft
from tests.api_support import Hub, running_hub
from tests.ledger_folder import START_US, Folder
from tests.unit.test_api_people import caller

ENTRIES = 30


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    """Two halls with a window each; every third entry is of the hub as a whole."""
    folder = Folder(tmp_path / "kept")
    async with running_hub(tmp_path) as hub:
        ledger = await Ledger.open(folder.settings, hub.clock, lambda *_: None)  # type: ignore[arg-type,return-value]
        services = hub.services
        for name in ("north", "south"):
            await services.units.add(name, name, ROOT, UnitKind.HALL, by=HUB)
            await services.registry.add(f"in-{name}", name, StreamKind.WINDOW, RtspDraft("rtsp://h/"), unit=name)

        def write(stream: str, body: Any) -> object:
            return ledger.append(stream, EntryType.ACCESS, body)

        for number in range(ENTRIES):
            stream = ("in-north", "in-south", "_hub")[number % 3]
            facts: dict[str, JsonValue] = {"look": f"look-{number}", "from_us": START_US, "to_us": START_US + number}
            what, by = ("playback.view", "wei") if number % 2 else ("live.view", "li")
            write_access(write, by, what, "复核投诉", stream=stream, **facts)
            hub.clock.advance(1)
        await ledger.committed()
        services.accesses = AccessReader(Database.in_folder(folder.data))
        yield hub
        services.accesses.close()
        await ledger.close()


async def test_rights_follow_the_tree(hub: Hub) -> None:
    seen = {}
    for name, unit, role in (
        ("root-auditor", ROOT, Role.AUDITOR), ("auditor", "north", Role.AUDITOR),
        ("inspector", "north", Role.INSPECTOR),
        ("root-inspector", ROOT, Role.INSPECTOR),
    ):  # fmt: skip
        who = await caller(hub, name, unit, role)
        status, rows = await who.call("GET", "/api/access?limit=1000")
        assert status == 200
        seen[name] = {row["stream"] for row in rows}
        status, _ = await who.call("GET", "/api/access?stream=in-south")
        assert status == (200 if unit == ROOT else 404)
    assert seen == {
        "root-auditor": {"in-north", "in-south", None},
        "auditor": {"in-north"},
        "inspector": {"in-north"},
        "root-inspector": {"in-north", "in-south"},
    }
    watcher = await caller(hub, "watcher", ROOT, Role.WATCHER)
    assert (await watcher.call("GET", "/api/access"))[0] == 403


async def test_pages_give_each_entry_once_and_filters_are_exact(hub: Hub) -> None:
    who = await caller(hub, "shen", ROOT, Role.AUDITOR)
    found: list[Any] = []
    after = ""
    while rows := (await who.call("GET", f"/api/access?limit=7{after}"))[1]:
        found += rows
        after = f"&after={rows[-1]['id']}"
    assert [row["facts"]["look"] for row in found] == [f"look-{number}" for number in reversed(range(ENTRIES))]
    assert found[0]["reason"] == "复核投诉"
    assert (found[0]["from"], found[0]["to"]) == (rfc3339(START_US), rfc3339(START_US + ENTRIES - 1))
    wanted = [row for row in found if row["stream"] == "in-north" and row["by"] == "wei"]
    assert (await who.call("GET", "/api/access?stream=in-north&person=wei"))[1] == wanted
    assert (await who.call("GET", "/api/access?what=live"))[1] == [row for row in found if row["what"] == "live.view"]
    assert (await who.call("GET", "/api/access?what=live.vie"))[1] == []
    begin, end = found[20]["at"], found[10]["at"]
    assert (await who.call("GET", f"/api/access?from={begin}&to={end}"))[1] == found[11:21]
