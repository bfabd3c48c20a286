"""Footage brought through a door of a cluster fills an interruption of a stream that another node recorded."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from tusclient.client import TusClient

from hub.clock import rfc3339
from hub.demo.encode import VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import Completeness
from hub.ledger.verify import verify_path
from tests.api_support import BEARER
from tests.cluster.roles import client, roles_of, when
from tests.cluster.servers import Redis
from tests.cluster.test_roles import CAMERA, call, leads
from tests.hub_line import SOUND

BEFORE_US, AFTER_US = 3_000_000, 10_500_000
LONG = VideoSpec(width=320, height=180, bitrate=300_000, gop=25, seconds=40)
"""A scene that does not come again within the test: equal pictures are the same pictures."""


async def test_a_card_s_footage_fills_the_hole(postgres: str, redis: Redis, tmp_path: Path) -> None:
    cameras = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=LONG, audio=SOUND, aligned=True),))
    async with Simulators(cameras) as simulators, roles_of(postgres, redis.url, tmp_path, 4.0) as roles:
        await roles.start("office", "notary")
        await roles.start("ingest-a", "ingest")
        door = await roles.start("door", "api")
        await roles.office()
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
        for name in ("door", "ingest-a"):
            await roles.stop(name)
        await asyncio.sleep(2)
        await roles.stop("office")
    whole = tmp_path / "whole"
    shutil.copytree(tmp_path / "office", whole)
    shutil.copytree(tmp_path / "ingest-a" / "reels", whole / "reels", dirs_exist_ok=True)
    verdict = await asyncio.to_thread(verify_path, whole, None, keys_dir=tmp_path / "keys")
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


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
