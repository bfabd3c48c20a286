"""A node is drained with `hub drain`: others have its streams, a recorder's too, and no picture is missing."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from hub.clock import US_PER_S
from hub.demo.feed import Sent
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.cluster.whole import (
    FPS,
    INGEST,
    MARKS,
    RECORDED,
    Figures,
    Whole,
    begun_us,
    cameras,
    now_us,
    of_stream,
    run_of,
)
from tests.hub_line import recorded_in

pytestmark = MARKS

NAME = "worn"
WORN = DeviceConfig(name=NAME, video=RECORDED, aligned=True, record=True, telemetry=True)


@asynccontextmanager
async def worn(whole: Whole) -> AsyncIterator[Simulators]:
    """A recorder that pushes by WHIP, and hears when it is told to move; it is recorded."""
    body = {"id": NAME, "name": NAME, "kind": "recorder", "source": {"type": "whip"}}
    made = await whole.call("POST", "/api/streams", body)
    async with Simulators(SimulatorsConfig(recorders=(WORN,))) as simulators:
        await simulators.publish(NAME, f"{whole.node('api-1').url}/whip/{NAME}", made["token"])
        await whole.recorded_since(0, streams=[NAME])
        yield simulators
        await simulators.retire(NAME)
    await whole.call("DELETE", f"/api/streams/{NAME}")


async def drain(whole: Whole, name: str) -> str:
    node = whole.node(name)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", "drain", "--data", str(node.data),
        env={**os.environ, **whole.cluster.environ, **node.own}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said
    return said.decode()


def kept(whole: Whole, folder: Path) -> Mapping[str, Sequence[Path]]:
    """The reels on each node's disk, linked to: they leave it soon after they end."""
    for node in INGEST:
        for reel in whole.reels(node):
            link = folder / node / reel.relative_to(whole.cluster.folder / node)
            link.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError, FileExistsError):  # it has just left; it was linked to before
                link.hardlink_to(reel)
    return {node: sorted((folder / node).rglob("*.mp4")) for node in INGEST}


def every_picture(sent: Sequence[Sent], olds: Sequence[Path], news: Sequence[Path]) -> None:
    """What a node had last and the next one had first, side by side: no picture of the camera in between is missing."""
    last, _ = placed(sent, olds[-1])
    _, first = placed(sent, min(one for one in news if run_of(one) > run_of(olds[-1])))
    missing_us = first.due_us - last.due_us
    assert missing_us < 1.5 * US_PER_S / FPS, (olds[-1], missing_us / US_PER_S)


def placed(sent: Sequence[Sent], reel: Path) -> tuple[Sent, Sent]:
    """The last and the first picture of a reel, as the camera sent them. Its loop repeats, so that of all places
    where they fit the one is meant that was sent when the reel was begun."""
    pictures = recorded_in(reel, "video")
    sessions: dict[int, list[Sent]] = {}
    for one in sent:
        sessions.setdefault(one.session, []).append(one)
    fits = [
        (abs(units[at].utc_us - begun_us(reel)), units[at + len(pictures) - 1], units[at])
        for units in sessions.values()
        for at in range(len(units) - len(pictures) + 1)
        if units[at].sha256 == pictures[0] and [one.sha256 for one in units[at : at + len(pictures)]] == pictures
    ]
    assert fits, f"{reel}: {len(pictures)} pictures that were not sent so"
    _, last, first = min(fits, key=lambda fit: fit[0])
    return last, first


async def test_no_picture_is_missing(whole: Whole, figures: Figures, tmp_path: Path) -> None:
    async with worn(whole) as simulators:
        victim, from_us = whole.owner(NAME), now_us()
        streams = whole.owned_by(victim)
        begun = time.monotonic()
        whole.drained.add(victim)
        await drain(whole, victim)
        figures("drained", f"{len(streams)} streams and a recorder in {time.monotonic() - begun:.1f} s")
        assert whole.owned_by(victim) == []
        assert whole.owner(NAME) != victim
        kept(whole, tmp_path)
        await whole.recorded_since(now_us(), streams=[*cameras(), NAME])
        reels = kept(whole, tmp_path)
        assert [one for one in whole.interruptions(from_us) if one["stream"] == NAME] == []
        assert await whole.invented(from_us) == []
        for stream in (*streams, NAME):
            units = await (simulators if stream == NAME else whole.simulators).sent(stream)
            olds, news = (
                [one for one in reels[node] if of_stream(one) == stream] for node in (victim, whole.owner(stream))
            )
            every_picture([one for one in units if one.kind == "video"], olds, news)
        whole.never_twice()
        for stream in (*streams[:3], NAME):
            await whole.shown_once(stream, from_us, now_us())
        await whole.judged()
    assert await whole.node(victim).stop() == 0
    whole.drained.discard(victim)
