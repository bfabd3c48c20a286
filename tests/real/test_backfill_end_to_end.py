"""The common case, with real processes: the link of a recorder is cut while it records on its own card; the link
returns, the footage comes in two pieces with a broken connection between, and the interruption is filled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from tusclient.client import TusClient

from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339, rfc3339
from hub.demo.encode import VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import Completeness
from hub.ledger.verify import verify_path
from tests.hub_line import SOUND, until, until_live

pytestmark = pytest.mark.real

CUT_S = 20.0
LONG = VideoSpec(width=320, height=180, bitrate=300_000, gop=25, seconds=40)
"""A scene that does not come again within the test: equal pictures are the same pictures."""


async def test_a_link_that_was_cut_for_twenty_seconds_is_filled_from_the_card(tmp_path: Path) -> None:
    data, card = tmp_path / "data", tmp_path / "card.mp4"
    device = DeviceConfig(name="rec", video=LONG, audio=SOUND, aligned=True)
    async with Simulators(SimulatorsConfig(cameras=(device,))) as simulators, HubProcess(data) as hub:
        source = {"type": "rtsp", "url": simulators.urls[0], "transport": "tcp"}
        await hub.call("POST", "/api/streams", {"id": "rec", "name": "rec", "kind": "recorder", "source": source})
        await until_live(hub, 1)
        await asyncio.sleep(5)
        listening = asyncio.create_task(_events(hub, "interruption.resumed"))
        await asyncio.sleep(0.3)
        began_us, _ = await simulators.play("rec", [Fault(FaultKind.CUT, 0.0, CUT_S)])
        events = await asyncio.wait_for(listening, 60)
        await asyncio.sleep(5)
        first_us = await simulators.keep("rec", began_us - 4_000_000, began_us + 24_000_000, card)

        # what the recorder says of the time is half a second off: its pictures say it better
        ident = await asyncio.to_thread(_upload, hub, card, first_us + 500_000)
        done = await until(lambda: _settled(hub, ident), 40)
        (cut,) = await hub.call("GET", "/api/interruptions?stream=rec")
        span = f"from={quote(rfc3339(began_us - 4_000_000))}&to={quote(rfc3339(began_us + 24_000_000))}"
        line = await hub.call("GET", f"/api/streams/rec/timeline?{span}")
        playlist = await hub.call("GET", f"/api/streams/rec/playback.m3u8?{span}")
        await asyncio.sleep(max(0.0, (began_us + 40_000_000) / 1e6 - time.time()))  # from then on it is complete
        pictures = await _pictures(hub, span)
        assert verify_path(data, None, keys_dir=hub.keys_dir).exit_code == 0  # of the running hub
        assert await hub.stop() == 0

    suspected = next(event for event in events if event["type"] == "interruption.suspected")
    assert parse_rfc3339(suspected["data"]["detected_at"]) - parse_rfc3339(suspected["data"]["started_at"]) <= 1_040_000
    assert sum(event["type"] == "interruption.confirmed" for event in events) >= 1

    assert (done["state"], done["method"]) == ("recorded", "pictures"), done
    assert abs(first_us - done["offset_us"]) < 100_000  # the file's own axis begins at 0
    (fill,) = done["fills"]
    assert fill["interruption"] == cut["id"]
    assert fill["whole"], done
    slack = cut["edge_error_us"] + done["edge_error_us"] + 100_000
    assert abs(fill["from_us"] - parse_rfc3339(cut["started_at"])) < slack
    assert abs(fill["to_us"] - parse_rfc3339(cut["ended_at"])) < slack

    shown = [(one["state"], parse_rfc3339(one["to"]) - parse_rfc3339(one["from"])) for one in line["spans"]]
    assert sum(length for state, length in shown if state == "backfilled") > 19_000_000
    assert sum(length for state, length in shown if state == "interrupted") < 600_000, shown
    assert line["completeness"] > 0.97
    assert "EXT-X-GAP" not in playlist
    assert playlist.count("#EXT-X-DISCONTINUITY") == 2
    # 28 s at 25 a second, what chunks reach beyond the range, and a GOP that only helps to decode, shown for no time
    assert 28 * 25 <= len(pictures) <= 28 * 25 + 160
    apart = [after - before for before, after in pairwise(pictures)]
    assert max(apart) < 0.1, "the pictures go on"

    verdict = verify_path(data, None, keys_dir=hub.keys_dir)
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


def _upload(hub: HubProcess, card: Path, claimed_us: int) -> str:
    """By a kept client, in two pieces; between them a connection that breaks in the middle of a piece."""
    client = TusClient(f"{hub.url}/api/uploads", headers={"Authorization": f"Bearer {hub.token}"})
    told = {"stream": "rec", "filename": card.name, "from": rfc3339(claimed_us)}
    size = card.stat().st_size
    with card.open("rb") as stream:
        first = client.uploader(file_stream=stream, chunk_size=size // 5, metadata=told)
        first.upload(stop_at=2 * (size // 5))
        _broken_piece(hub, first.url, card, first.offset)
        second = client.uploader(file_stream=stream, chunk_size=size // 3, url=first.url)
        assert first.offset < second.offset < size, "what came before the connection broke stays"
        second.upload()
    return first.url.rpartition("/")[2]


def _broken_piece(hub: HubProcess, url: str, card: Path, offset: int) -> None:
    rest = card.read_bytes()[offset:]
    head = (
        f"PATCH {urlsplit(url).path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {hub.token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(rest)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", hub.port), timeout=10) as link:
        link.sendall(head.encode() + rest[: len(rest) // 4])
        link.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            link.recv(1)


async def _settled(hub: HubProcess, ident: str) -> dict[str, Any] | None:
    one = await hub.call("GET", f"/api/footage/{ident}")
    return one if one["state"] not in ("receiving", "received", "waiting") else None


async def _events(hub: HubProcess, last: str) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    async with hub.http.ws_connect(f"{hub.url}/api/events") as events:
        async for message in events:
            assert message.type is aiohttp.WSMsgType.TEXT
            seen.append(json.loads(message.data))
            if seen[-1]["type"] == last:
                break
    return seen


async def _pictures(hub: HubProcess, span: str) -> list[float]:
    """When each picture of the playlist is shown, as ffprobe reads it: in s, runs joined to one axis."""
    tool = shutil.which("ffprobe")
    assert tool is not None
    process = await asyncio.create_subprocess_exec(
        tool, "-v", "error", "-headers", f"Authorization: Bearer {hub.token}\r\n",
        "-http_persistent", "0", "-multiple_requests", "0",
        "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0",
        f"{hub.url}/api/streams/rec/playback.m3u8?{span}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    shown, shift, last = [], 0.0, None
    for line in out.decode().split():
        at = float(line.strip(","))
        if last is not None and abs(at - last) > 1.5:
            shift += last + 0.04 - at
        last = at
        shown.append(at + shift)
    return shown
