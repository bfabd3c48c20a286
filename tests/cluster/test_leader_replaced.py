"""The office dies with its disk, or sleeps past its lease: another leads, and who wakes up late changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from hub.app.office import _take_lead, fence
from hub.bench.peers.cluster import Cluster, cluster_of, environment
from hub.cluster.integration import NotLeading
from hub.database import Database, open_engine
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.object_store import ObjectStore
from tests.cluster.servers import Redis
from tests.hub_line import SMALL, SOUND, until

SHORT = {"HUB_REEL_MINUTES": "0.05", "HUB_CHUNK_MIN_S": "0.5", "HUB_CHECKPOINT_S": "2"}


@asynccontextmanager
async def recorded(cluster: Cluster) -> AsyncIterator[None]:
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    async with Simulators(config) as simulators:
        source = {"type": "rtsp", "url": simulators.urls[0]}
        await cluster.until_led()
        await cluster.call("POST", "/api/streams", {"id": "cam", "name": "c", "kind": "window", "source": source})
        yield


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


async def hub(environ: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", *arguments, env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, said.decode()


def test_every_transaction_of_an_office_ends_where_another_leads(postgres: str) -> None:
    engine, other = open_engine(Database.at(postgres)), open_engine(Database.at(postgres))
    fence(engine, _take_lead(engine, "one"))
    change = text("INSERT INTO cluster_writers (writer, done, answer) VALUES ('w', 1, '')")
    with engine.begin():
        pass
    _take_lead(other, "two")
    with pytest.raises(NotLeading), engine.begin() as connection:
        connection.execute(change)
    with pytest.raises(NotLeading), engine.connect() as connection:
        connection.execute(change)
    assert rows(postgres, "SELECT count(*) FROM cluster_writers") == [(0,)]
    engine.dispose()
    other.dispose()


async def test_an_office_that_dies_with_its_disk_is_replaced_from_the_archive(
    postgres: str, redis: Redis, objects: ObjectStore, tmp_path: Path
) -> None:
    bucket = objects.bucket()
    archive = {f"HUB_{name.upper()}": str(value) for name, value in objects.settings(bucket).items()}
    environ = environment(postgres, redis.url, {**SHORT, **archive, "HUB_ARCHIVE_KEEP_H": "0"})
    keys = {**environ, "HUB_KEYS_DIR": str(tmp_path / "keys"), "HUB_NODE": "notary-2", "HUB_ROLES": "notary"}
    data = str(tmp_path / "notary-2")
    async with cluster_of(tmp_path, environ, "notary-1", "ingest-1", "api-1") as cluster, recorded(cluster):
        kept = "SELECT count(*) FROM archive_objects WHERE state = 'kept' AND path LIKE '%.mp4.entries'"
        forgotten = (
            "SELECT count(*) FROM ledger_entries e JOIN ledger_files f ON f.id = e.file_id "
            "WHERE f.path LIKE '%.mp4.entries' AND NOT EXISTS (SELECT 1 FROM ledger_unflushed WHERE entry_id = e.id)"
        )

        async def lines_are_in_the_archive_alone() -> bool:
            found = await asyncio.to_thread(lambda: (rows(postgres, kept), rows(postgres, forgotten)))
            return bool(found[0][0][0] and found[1][0][0])

        await until(lines_are_in_the_archive_alone, 90)
        await cluster.nodes["notary-1"].kill()
        shutil.rmtree(tmp_path / "notary-1")
        await cluster.start("notary-2")
        await cluster.until_led()
        assert (await cluster.call("GET", "/api/streams/cam"))["name"] == "c"
        assert list((tmp_path / "notary-2").glob("reels/cam/*/*.entries")), "what the archive has was brought"
        code, said = await hub(keys, "verify", data)  # on the node's disk and in the archive, while it goes on
        assert code == 0, said
        await cluster.call("DELETE", "/api/streams/cam")

        async def all_in_the_archive() -> bool:
            return not list((tmp_path / "ingest-1").glob("reels/*/*/*.mp4"))

        await until(all_in_the_archive, 60)
        await asyncio.sleep(5)  # a checkpoint over all of it
    code, said = await hub(keys, "collect", "--data", data, "--out", str(tmp_path / "whole"))
    assert code == 0, said
    code, said = await hub(keys, "verify", str(tmp_path / "whole"))
    assert code == 0, said


async def test_an_office_that_sleeps_past_its_lease_changes_nothing(
    postgres: str, redis: Redis, tmp_path: Path
) -> None:
    environ = environment(postgres, redis.url, SHORT)
    async with cluster_of(tmp_path, environ, "notary-1", "api-1") as cluster, recorded(cluster):
        sleeper = cluster.nodes["notary-1"]
        path, line = "/api/streams/cam", "SELECT epoch, owner FROM cluster_chains WHERE stream = '_hub'"
        ((before, _),) = rows(postgres, line)
        await cluster.start("notary-2")
        sleeper.signal(signal.SIGSTOP)
        # it will wake up with a decision that somebody made meanwhile, in its socket
        late = asyncio.create_task(change(cluster, sleeper.node_url, path, {"name": "decided too late"}))

        async def another_leads() -> bool:
            ((epoch, owner),) = rows(postgres, line)
            return bool(owner == "notary-2" and epoch > before)

        await until(another_leads, 30)
        await cluster.until_led()
        await cluster.call("PATCH", path, {"name": "decided in time"})
        sleeper.signal(signal.SIGCONT)
        assert await late >= 500
        assert (await cluster.call("GET", path))["name"] == "decided in time"

        async def office_has_ended() -> bool:
            return "this node leads no more" in sleeper.log_path.read_text()

        await until(office_has_ended, 30)
        assert [one for one in faults(sleeper.log_path) if "NotLeading" not in one] == []
        # and leads again when it is its turn
        await cluster.nodes["notary-2"].stop()
        await cluster.until_led()
        assert (await cluster.call("GET", path))["name"] == "decided in time"
        ((_, owner),) = rows(postgres, line)
        assert owner == "notary-1"


def faults(path: Path) -> list[str]:
    """Exceptions that nobody expected, as its log tells them."""
    lines = (json.loads(line) for line in path.read_text().splitlines() if line.startswith("{"))
    return [f"{one['event']}: {one['exception'][-800:]}" for one in lines if "exception" in one]


async def change(cluster: Cluster, url: str, path: str, body: Any) -> int:
    """Straight to a node that was leading a moment ago, as an API node that has not heard of the other; its answer."""
    node = cluster.nodes["api-1"]
    headers = {
        "X-Hub-Gateway": cluster.environ["HUB_CLUSTER_SECRET"], "X-Hub-Address": "127.0.0.1", "X-Hub-Scheme": "https",
        "Authorization": f"Bearer {cluster.token}",
    }  # fmt: skip
    async with node.http.request("PATCH", f"{url}{path}", json=body, headers=headers) as answer:
        return answer.status
