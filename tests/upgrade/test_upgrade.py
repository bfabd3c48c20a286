"""The present hub starts on the data folder of an earlier one: nothing is lost, and it goes on recording."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tarfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hub.bench.processes import HubProcess
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import SMALL, until_live

pytestmark = [pytest.mark.real, pytest.mark.timeout(200)]

RELEASED = Path(__file__).with_name("released.tar.xz")
DEVICES = SimulatorsConfig(
    cameras=(DeviceConfig(name="cam", video=SMALL),),
    recorders=(DeviceConfig(name="rec", video=replace(SMALL, profile="baseline")),),
)
OF_THE_MOMENT = {
    "status", "state", "last_seen_at", "age_s", "ended_at", "updated_at", "here", "problem", "storage", "deadline",
    "size", "waiting", "escalated",
}  # fmt: skip
"""What a start changes, or time."""
FOR_EVER = {
    "HUB_EXPORT_DAYS": "36500",
    "HUB_UPLOAD_DAYS": "36500",
    "HUB_NOTICES_DAYS": "10000",
    "HUB_TELEMETRY_TRACK_DAYS": "36500",
}
"""The folder grows older with every day: what the hub lets go after some must still be here."""
SESSIONS_END_US = 4_102_444_800_000_000  # the year 2100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with tarfile.open(RELEASED) as tar:
        tar.extractall(tmp_path, filter="data")
    with closing(sqlite3.connect(tmp_path / "data" / "hub.db")) as connection, connection:
        connection.execute("UPDATE sessions SET expires_us = ?", (SESSIONS_END_US,))
    return tmp_path


def still_said(was: Any, now: Any, where: str) -> list[str]:
    """What the earlier hub said and this one does not. New fields are no loss, nor are new rows."""
    if isinstance(was, Mapping):
        lost = [f"{where}.{key} is gone" for key in was if key not in now]
        return lost + [
            one for key in was if key in now and key not in OF_THE_MOMENT
            for one in still_said(was[key], now[key], f"{where}.{key}")
        ]  # fmt: skip
    if isinstance(was, list):
        return [one for old in was for one in _nearest(old, now, where)]
    return [] if was == now else [f"{where}: {was!r} became {now!r}"]


def _nearest(was: Any, now: list[Any], where: str) -> list[str]:
    """Of a list's rows the one that is most like it."""
    if not now:
        return [f"{where}: {json.dumps(was, ensure_ascii=False)[:300]} is gone"]
    return min((still_said(was, other, where) for other in now), key=len)


def rows(database: Path) -> dict[str, int]:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}


async def test_nothing_is_lost_and_recording_goes_on(folder: Path) -> None:
    data, told = folder / "data", json.loads((folder / "said.json").read_text(encoding="utf-8"))
    assert verify_path(data, None, keys_dir=folder / "data.keys").exit_code == 0
    before = rows(data / "hub.db")
    async with Simulators(DEVICES) as simulators, HubProcess(data, FOR_EVER) as hub:
        now = {path: await hub.call("GET", path) for path in told["said"]}
        lost = [one for path, was in told["said"].items() for one in still_said(was, now[path], path)]
        assert not lost, "\n".join(lost)
        source = {"type": "rtsp", "url": simulators.urls[0]}
        await hub.call("PATCH", "/api/streams/cam", {"source": source})
        await simulators.publish("rec", f"{hub.url}/whip/rec", told["token"])
        await until_live(hub, 2)
        await asyncio.sleep(3)
        assert await hub.stop() == 0
    verdict = verify_path(data, None, keys_dir=folder / "data.keys")
    assert verdict.exit_code == 0, verdict.findings
    after = rows(data / "hub.db")
    assert {name: count for name, count in before.items() if after.get(name, 0) < count} == {}
    assert after["ledger_chunks"] > before["ledger_chunks"]
    assert after["ledger_logs"] == 1, "the same log goes on"


def test_the_earlier_hub_had_something_of_everything(folder: Path) -> None:
    """Else the other test would show little. What calls alone cannot fill is named."""
    empty = {name for name, count in rows(folder / "data" / "hub.db").items() if not count}
    assert empty <= {
        "content_normals", "duty_days", "duty_findings",  # take a day
        "ledger_tombstones", "ledger_gone_reels",  # take a year
        "ledger_unflushed", "notices",
    }  # fmt: skip
