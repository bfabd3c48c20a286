"""kill -9 at any moment: the ledger verifies, at most a fragment per track is gone, the downtime is the hub's own."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest

from hub.bench.processes import HubProcess
from hub.demo.feed import Sent
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from hub.monitor.breaks import parse_breaks
from tests.hub_line import SMALL, SOUND, add_camera, recorded, sent_digests, until, until_live

pytestmark = pytest.mark.real

LOOP_S = 16  # longer than a life of the hub: no picture comes twice in one
KILLS = 3
FRAGMENT_UNITS = {"video": 6, "audio": 8}
"""200 ms and the picture that closes the fragment: of 25 pictures and of 31.25 AAC frames a second."""
ON_THE_WIRE_UNITS = 6
"""What the camera handed to the socket when the hub was no longer there to read it."""


async def test_kill_9_and_start_again(tmp_path: Path) -> None:
    video, audio = replace(SMALL, seconds=LOOP_S), replace(SOUND, seconds=LOOP_S)
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=video, audio=audio, record=True),))
    data = tmp_path / "data"
    dice = random.Random(7)
    killed_us: list[int] = []
    async with Simulators(config) as simulators, HubProcess(data) as hub:
        await add_camera(hub, "cam", simulators.urls[0])
        for _ in range(KILLS):
            await until_live(hub, 1)
            await asyncio.sleep(dice.uniform(1.5, 5.0))
            await hub.kill()
            killed_us.append((await simulators.sent("cam"))[-1].utc_us)
            await asyncio.sleep(1.0)
            await hub.start()
        await until_live(hub, 1)
        await until(lambda: hub.call("GET", "/api/interruptions?state=closed"), 40)
        interruptions = await hub.call("GET", "/api/interruptions")
        assert await hub.stop() == 0
        sent = await simulators.sent("cam")

    verdict = verify_path(data, None, keys_dir=hub.keys_dir)
    assert verdict.exit_code == 0, verdict.findings
    (merged,) = interruptions  # each start came within 30 s of the resume before it: one, with a count
    assert (merged["kind"], merged["state"], merged["count"]) == ("hub", "closed", KILLS)
    for kind, fragment in FRAGMENT_UNITS.items():
        _assert_little_lost(recorded(data, "cam", kind), sent, kind, fragment + ON_THE_WIRE_UNITS)
    breaks = parse_breaks(merged["evidence"]["breaks"])
    for (from_us, to_us), at_us in zip(breaks, killed_us, strict=True):
        assert abs(from_us - at_us) < 1_000_000
        assert to_us is not None
        assert to_us > at_us


def _assert_little_lost(found: list[str], sent: list[Sent], kind: str, allowed: int) -> None:
    """Session by session (each life of the hub is one): what is on disk is the session's units but for its last few."""
    at = 0
    sessions = sorted({unit.session for unit in sent})
    for session in sessions:
        truth = sent_digests([unit for unit in sent if unit.session == session], kind)
        kept = 0
        while at + kept < len(found) and kept < len(truth) and found[at + kept] == truth[kept]:
            kept += 1
        if session != sessions[-1]:
            assert len(truth) - kept <= allowed, (
                f"{kind}, session {session}: {len(truth) - kept} units lost by the kill"
            )
        at += kept
    assert at == len(found), f"{kind}: unit {at} on the disk was not sent in this order"
