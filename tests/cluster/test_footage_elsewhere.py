"""Footage that does not lie with the office: some on the disk of the node that recorded it, some in the archive."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from hub.app.hub import Hub
from hub.archive.store import Store, store_at
from hub.clock import SystemClock
from hub.cluster.reel_places import ReelPlaces
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.evidence.job import JobState
from hub.evidence.jobs import Wanted
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.package.format import Notes
from hub.ledger.verdict import Integrity
from hub.ledger.verify import verify_path
from hub.model import InterruptionState, StreamKind
from hub.monitor.content.pictures import picture_path
from hub.registry import RtspDraft
from hub.retention.deleter import Reason
from hub.settings import Settings
from tests.cluster.object_store import ObjectStore
from tests.cluster.roles import Roles, roles_of, when
from tests.cluster.servers import Redis
from tests.hub_line import SMALL, SOUND
from tests.ledger_folder import interruption

SHORT = {"reel_minutes": 0.05, "chunk_min_s": 0.5}
NOTES = Notes("check", "hall", "fixed camera", ("officer 1", "officer 2"))


@asynccontextmanager
async def camera() -> AsyncIterator[RtspDraft]:
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    async with Simulators(config) as simulators:
        yield RtspDraft(simulators.urls[0])


def local(data: Path) -> list[str]:
    return sorted(path.relative_to(data).as_posix() for path in data.glob("reels/*/*/*.mp4"))


async def record(hub: Hub, source: RtspDraft) -> None:
    await hub.registry.add("cam", "c", StreamKind.WINDOW, source)


async def export(hub: Hub, from_us: int, to_us: int) -> Any:
    job = await hub.exports.request(Wanted("cam", from_us, to_us, NOTES, "asked for"), "one")
    await hub.exports.approve(job.id, "another")

    async def done() -> Any:
        found = hub.exports.get(job.id)
        return found if found.state in (JobState.READY, JobState.FAILED) else None

    found = await when(done, 40)
    assert found.state is JobState.READY, found.problem
    return hub.exports.file(job.id, 1)[0]


async def archived(roles: Roles, store: Store) -> list[str]:
    return [name for name, _ in await asyncio.to_thread(lambda: list(store.names("reels"))) if name.endswith(".mp4")]


async def test_what_lies_on_a_node_and_in_the_archive_is_exported_by_the_office(
    postgres: str, redis: Redis, objects: ObjectStore, tmp_path: Path
) -> None:
    settings = objects.settings(objects.bucket())
    store = store_at(settings["archive_url"], Settings(**settings))
    more = SHORT | settings | {"archive_keep_h": 0.0}
    began_us = SystemClock().now().utc_us
    async with camera() as source, roles_of(postgres, redis.url, tmp_path) as roles:
        await roles.start("office", "notary", **more)
        await roles.start("ingest-a", "ingest", **more)
        hub = await roles.office()
        await record(hub, source)
        data = tmp_path / "ingest-a"

        async def both() -> bool:
            there, here = await archived(roles, store), local(data)
            return len(there) > 1 and bool(here) and not set(there) <= set(here)

        await when(both, 60)
        package = await export(hub, began_us, SystemClock().now().utc_us)
        verdict = await asyncio.to_thread(verify_path, package)
        assert verdict.integrity is Integrity.OK, verdict.findings
        taken = {one.reel for one in hub.ledger.reader.chunks("cam", began_us, SystemClock().now().utc_us, 10_000)}
        here = set(local(data))
        assert taken & here
        assert taken - here, "some had left its disk"
        assert not local(tmp_path / "office")


async def alarmed(hub: Hub, data: Path) -> Path:
    """A picture on the node's disk, of an interruption within its first reel."""
    first = hub.retention._retained.reels("cam", "reels/cam/\U0010ffff", "", 1)[0]
    cut = interruption("cam", InterruptionState.CLOSED, first.first_us, first.first_us + 1)
    name = picture_path("cam", cut.id, cut.detected_us)
    cut = replace(cut, evidence={"picture": name, "picture_sha256": "ab" * 32})
    hub.ledger.append("cam", EntryType.INTERRUPTION_CLOSE, interruption_body(cut))
    await hub.ledger.committed()
    (data / name).parent.mkdir(parents=True)
    (data / name).write_bytes(b"a picture")
    return data / name


async def test_retention_deletes_on_the_disk_of_the_node(postgres: str, redis: Redis, tmp_path: Path) -> None:
    async with camera() as source, roles_of(postgres, redis.url, tmp_path) as roles:
        await roles.start("office", "notary", **SHORT)
        ingest = await roles.start("ingest-a", "ingest", **SHORT)
        hub = await roles.office()
        await record(hub, source)
        data = tmp_path / "ingest-a"
        places = ReelPlaces(create_engine(postgres.replace("postgresql:", "postgresql+psycopg:")))

        async def several() -> bool:
            rows = hub.retention._retained.reels("cam", "reels/cam/\U0010ffff", "", 200)
            return len(local(data)) > 2 and len(rows) > 2

        await when(several, 40)
        first, second = local(data)[:2]
        open_one = next(iter(ingest.ingest.disk.open_reels()))  # type: ignore[union-attr]
        files = hub.archiving.files
        assert await asyncio.to_thread(places.of, first) == "ingest-a"
        rooms = hub.retention._rooms
        assert rooms is not None
        (room,) = (await asyncio.to_thread(rooms.look)).values()
        assert room.usage.total == shutil.disk_usage(data).total
        assert room.bytes_per_s
        assert room.leaving is None
        assert await asyncio.to_thread(rooms.where, [first, "reels/cam/never"]) == {first: "ingest-a"}
        with pytest.raises(OSError, match="recorded"):
            await asyncio.to_thread(files.remove, hub.settings.data / open_one)
        # an office that leads no more deletes nothing, whatever it believes
        files._epoch -= 1  # type: ignore[attr-defined]
        with pytest.raises(OSError, match="not_leading"):
            await asyncio.to_thread(files.remove, hub.settings.data / first)
        files._epoch += 1  # type: ignore[attr-defined]
        assert first in local(data)

        picture = await alarmed(hub, data)
        rows = hub.retention._retained.reels("cam", "reels/cam/\U0010ffff", "", 200)
        due = [one for one in rows if one.reel in (first, second)]
        assert len(due) == 2
        deleter = hub.retention._deleter
        deleter._kept_by = lambda *_: ""  # a year has passed
        assert await deleter.tombstone("cam", due, Reason("approved", "patrol", 366, "u")) > 0

        async def deleted() -> bool:
            return await deleter.finish(wait_anchor_us=0) == 0

        await when(deleted)
        assert not picture.exists(), "it belonged to footage that is deleted"
        assert not {first, second} & set(local(data))
        assert await asyncio.to_thread(places.of, first) is None
        assert await asyncio.to_thread(hub.archiving.shelf.size, first) is None
        await asyncio.to_thread(files.remove, hub.settings.data / first)  # again, as after a kill
        with places._engine.connect() as connection:
            bodies = connection.execute(text("SELECT count(*) FROM ledger_gone_reels")).scalar()
        assert bodies == 2
        # a node that is away is no proof that its footage is not there
        left = local(data)[0]
        await roles.stop("ingest-a")
        await asyncio.sleep(2.5)
        with pytest.raises(OSError, match=r"away|answer"):
            await asyncio.to_thread(hub.archiving.shelf.size, left)
        places._engine.dispose()
