"""What was recorded is bit for bit what was sent: every codec, over RTSP and WHIP, across reels."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hub.bench.processes import HubProcess
from hub.demo.encode import AudioSpec
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from hub.model import Codec
from tests.hub_line import (
    OPUS,
    SMALL,
    SOUND,
    add_camera,
    add_recorder,
    assert_unbroken,
    recorded,
    recorded_g711,
    reels_of,
    sent_digests,
    until_live,
)

pytestmark = pytest.mark.real

TELEPHONE = AudioSpec(Codec.PCMA, rate=8000, seconds=4)
CAMERAS = {
    "h264-aac": (SMALL, SOUND, "tcp"),
    "h264-b-frames-pcma": (replace(SMALL, bframes=2), TELEPHONE, "tcp"),
    "h265-pcmu": (replace(SMALL, codec=Codec.H265), replace(TELEPHONE, codec=Codec.PCMU), "tcp"),
    "h264-opus-udp": (replace(SMALL, slices=3), OPUS, "udp"),
    "sound-only": (None, SOUND, "tcp"),
}
RECORDER = (replace(SMALL, profile="baseline"), replace(OPUS, channels=2))
SECONDS = 11.0
REEL_MINUTES = "0.06"  # a new reel at the first keyframe after 3.6 s: the seams are what is tested


async def test_every_picture_and_frame_once(tmp_path: Path) -> None:
    config = SimulatorsConfig(
        cameras=tuple(
            DeviceConfig(name=name, video=video, audio=audio, record=True)
            for name, (video, audio, _) in CAMERAS.items()
        ),
        recorders=(DeviceConfig(name="recorder", video=RECORDER[0], audio=RECORDER[1], record=True),),
    )
    data = tmp_path / "data"
    async with Simulators(config) as simulators:
        async with HubProcess(data, {"HUB_REEL_MINUTES": REEL_MINUTES}) as hub:
            for (name, (_, _, transport)), url in zip(CAMERAS.items(), simulators.urls, strict=True):
                await add_camera(hub, name, url, transport)
            await add_recorder(hub, simulators, "recorder")
            await until_live(hub, len(CAMERAS) + 1)
            await asyncio.sleep(SECONDS)
            assert await hub.stop() == 0
        sent = {name: await simulators.sent(name) for name in (*CAMERAS, "recorder")}

    assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0
    for name in sent:
        assert len(reels_of(data, name)) >= 2, f"{name}: the test is to see seams between reels"
        for kind in ("video", "audio"):
            truth = sent_digests(sent[name], kind)
            if not truth:
                continue
            if kind == "audio" and name.endswith(("pcma", "pcmu")):
                found = recorded_g711(data, name, "a" if name.endswith("pcma") else "u")
            else:
                found = recorded(data, name, kind)
            # At the end: what was on the wire when the hub took its leave. At the start a recorder over
            # WebRTC sends before the path is open both ways.
            start = 60 if name == "recorder" else 0
            assert_unbroken(found, truth, may_miss_at_end=50, may_miss_at_start=start)
