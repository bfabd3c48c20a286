"""Footage brought through a door of a cluster fills an interruption of a stream that another node recorded, and is
there after whoever took it leads no more, and is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from tusclient.client import TusClient

from hub.app.hub import Hub
from hub.app.node_door import bearer
from hub.archive.store import open_store, store_at
from hub.clock import SystemClock, rfc3339
from hub.cluster.everywhere import open_everywhere
from hub.cluster.node_shelf import NodeShelf
from hub.demo.encode import VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import Completeness, Integrity, Verdict
from hub.ledger.verify import verify_path
from hub.model import Chunk
from hub.settings import Settings
from hub.shelf import Shelves
from tests.api_support import BEARER
from tests.cluster.object_store import ObjectStore
from tests.cluster.roles import Roles, client, roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_roles import CAMERA, call, leads
from tests.hub_line import SOUND

BEFORE_US, AFTER_US = 3_000_000, 10_500_000
LONG = VideoSpec(width=320, height=180, bitrate=300_000, gop=25, seconds=40)
"""A scene that does not come again within the test: equal pictures are the same pictures."""


async def test_a_card_s_footage_fills_the_hole(
    postgres: str, redis: Redis, objects: ObjectStore, tmp_path: Path
) -> None:
    archive = objects.settings(objects.bucket())
    cameras = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=LONG, audio=SOUND, aligned=True),))
    async with Simulators(cameras) as simulators, roles_of(postgres, redis.url, tmp_path, 4.0) as roles:
        await roles.start("office", "notary", **archive)
        await roles.start("ingest-a", "ingest")
        door = await roles.start("door", "api", **archive)
        hub = await roles.office()
        async with client(door) as http:
            await when(lambda: leads(http))
            source = {"type": "rtsp", "url": simulators.urls[0]}
            await call(http, "POST", "/api/streams", CAMERA | {"kind": "recorder", "source": source}, 201)

            async def live() -> bool:
                return bool((await call(http, "GET", "/api/streams/cam"))["status"]["state"] == "live")

            await when(live)
            await asyncio.sleep(4)
            began_us, _ = await simulators.play("cam", [Fault(FaultKind.CUT, 0.0, 8.0)])

            async def closed() -> Any:
                return await call(http, "GET", "/api/interruptions?stream=cam&state=closed")

            (cut,) = await when(closed, 40)
            await asyncio.sleep(3)  # of live footage after it, in sealed chunks
            card = tmp_path / "card.mp4"
            first_us = await simulators.keep("cam", began_us - BEFORE_US, began_us + AFTER_US, card)
            ident = await asyncio.to_thread(bring, door.url, card, first_us)

            async def settled() -> Any:
                one = await call(http, "GET", f"/api/footage/{ident}")
                return one if one["state"] not in ("receiving", "received", "waiting") else None

            done = await when(settled, 60)
            assert done["state"] == "recorded", done
            (fill,) = done["fills"]
            assert (fill["interruption"], fill["whole"]) == (cut["id"], True)
            brought = {one.reel for one in await chunks(hub) if one.run == fill["run"]}
            here = {name: (tmp_path / "office" / name).read_bytes() for name in brought}
            store = store_at(archive["archive_url"], Settings.model_validate(archive))
            kept = {name: await asyncio.to_thread(store.size, name) for name in brought}
            assert kept == {name: len(data) for name, data in here.items()}, (
                "in the archive before it is called recorded"
            )
            await elsewhere(roles, http, here, archive)
            await judged(roles, tmp_path)
        for name in ("door", "next"):
            await roles.stop(name)


async def judged(roles: Roles, folder: Path) -> None:
    """By `hub verify` of the leader's folder: footage is read from the disk of the node that recorded, and from the
    archive; where that node is away it is neither intact nor missing."""
    settings = roles.nodes["next"].settings

    async def verified() -> Verdict:
        nodes = await asyncio.to_thread(open_everywhere, settings)
        store = open_store(settings)
        assert nodes is not None
        assert store is not None
        try:
            places = Shelves((nodes, store))
            return await asyncio.to_thread(verify_path, folder / "next", None, keys_dir=folder / "keys", archive=places)
        finally:
            nodes.close()

    verdict = await verified()
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), (
        verdict.findings,
        verdict.unchecked,
    )
    assert verdict.counts.reels > 1
    await roles.stop("ingest-a")
    verdict = await verified()
    assert (verdict.exit_code, verdict.integrity) == (2, Integrity.CANNOT_BE_JUDGED), verdict.unchecked
    assert verdict.findings == []
    assert 0 < verdict.counts.unreachable_reels < verdict.counts.reels
    assert any("the node ingest-a, which is away" in one for one in verdict.unchecked)


async def chunks(hub: Hub) -> list[Chunk]:
    now_us = SystemClock().now().utc_us
    return await asyncio.to_thread(hub.ledger.reader.chunks, "cam", now_us - 10**9, now_us, 10_000)


async def elsewhere(
    roles: Roles, http: aiohttp.ClientSession, reels: Mapping[str, bytes], archive: Mapping[str, Any]
) -> None:
    """Another leads: it reads at the door of who led before, as long as that lives, and then in the archive."""
    second = await roles.start("next", "notary", **archive)
    await roles.nodes["office"].drain()

    async def leads_now() -> Any:
        return second.hub

    hub = await when(leads_now)
    await when(lambda: leads(http))
    nodes = NodeShelf(second.membership.reel_nodes, bearer(second.settings))
    for name, data in reels.items():
        assert await asyncio.to_thread(nodes.read, name, 0, len(data)) == data
    nodes.close()
    await roles.stop("office")
    for name, data in reels.items():
        assert await asyncio.to_thread(hub.archiving.shelf.read, name, 0, len(data)) == data
        async with http.get(f"/api/streams/cam/{name.replace('reels/cam', 'reels')}") as answer:
            assert (answer.status, await answer.read()) == (200, data)


def bring(url: str, card: Path, first_us: int) -> str:
    """In two pieces, as a client does that is cut off between."""
    client = TusClient(f"{url.rstrip('/')}/api/uploads", headers=dict(BEARER))
    told = {"stream": "cam", "filename": card.name, "from": rfc3339(first_us)}
    size = card.stat().st_size
    with card.open("rb") as stream:
        first = client.uploader(file_stream=stream, chunk_size=size // 3, metadata=told)
        first.upload(stop_at=size // 3)
        client.uploader(file_stream=stream, chunk_size=size // 3, url=first.url).upload()
    assert first.url is not None
    return str(first.url).rpartition("/")[2]
