"""The common case, with real processes: the links of recorders are cut while they record on their own cards; the links
return, the footage comes in two pieces with a broken connection between, and the interruptions are filled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import socket
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tusclient.client import TusClient

from hub.bench.processes import HubProcess
from hub.clock import US_PER_S, parse_rfc3339, rfc3339
from hub.demo.encode import VideoSpec
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verdict import Completeness
from hub.ledger.verify import verify_path
from tests.hub_line import OPUS, SOUND, until, until_live

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

CUT_S = 20.0
LONG = VideoSpec(width=320, height=180, bitrate=300_000, gop=25, seconds=120)
"""A scene that does not come again within the test, on a busy machine either: equal pictures are the same pictures."""


DEVICES = ("cam", "rec")
"""One that is pulled by RTSP, one that publishes by WHIP."""
BEFORE_US, AFTER_US = 3_000_000, 22_500_000
"""What is looked at, and what the card keeps, around the moment of the cut."""


async def test_links_that_were_cut_for_twenty_seconds_are_filled_from_the_cards(tmp_path: Path) -> None:
    cam = DeviceConfig(name="cam", video=LONG, audio=SOUND, aligned=True)
    rec = DeviceConfig(name="rec", video=LONG, audio=OPUS, aligned=True)
    config = SimulatorsConfig(cameras=(cam,), recorders=(rec,))
    async with Simulators(config) as simulators, HubProcess(tmp_path / "data") as hub:
        tokens = await _register(hub, simulators)
        await until_live(hub, 2)
        await asyncio.sleep(BEFORE_US / 1e6 + 1)
        listening = asyncio.create_task(_events(hub, "interruption.resumed", len(DEVICES)))
        await asyncio.sleep(0.3)
        began = {name: (await simulators.play(name, [Fault(FaultKind.CUT, 0.0, CUT_S)]))[0] for name in DEVICES}
        events = await asyncio.wait_for(listening, 60)
        await asyncio.sleep(3)  # of live footage after it, in sealed chunks
        seen = {}
        for name in DEVICES:
            card = tmp_path / f"{name}.mp4"
            first_us = await simulators.keep(name, began[name] - BEFORE_US, began[name] + AFTER_US, card)
            # what the recorder says of the time is half a second off: its pictures say it better
            ident = await asyncio.to_thread(_upload, hub, name, tokens[name], card, first_us + 500_000)
            seen[name] = (ident, first_us)
        for name, (ident, first_us) in seen.items():
            done = await until(partial(_settled, hub, ident), 40)
            assert (done["state"], done.get("method")) == ("recorded", "pictures"), json.dumps(done)
            # The file's own axis begins at 0. Live pictures that a busy machine took late carry it along: how near it
            # lies to them is said below, by the edges.
            assert abs(first_us - done["offset_us"]) < 500_000
            own = [event for event in events if event["data"]["stream"] == name]
            await _assert_filled(hub, name, done, own, began[name])
        assert verify_path(hub.data, None, keys_dir=hub.keys_dir).exit_code == 0  # of the running hub
        assert await hub.stop() == 0
    verdict = verify_path(hub.data, None, keys_dir=hub.keys_dir)
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.BACKFILLED), verdict.findings


async def _register(hub: HubProcess, simulators: Simulators) -> dict[str, str]:
    """Who brings what: a person for the camera, the recorder for itself."""
    source = {"type": "rtsp", "url": simulators.urls[0], "transport": "tcp"}
    await hub.call("POST", "/api/streams", {"id": "cam", "name": "cam", "kind": "recorder", "source": source})
    body = {"id": "rec", "name": "rec", "kind": "recorder", "source": {"type": "whip"}}
    token = (await hub.call("POST", "/api/streams", body))["token"]
    await simulators.publish("rec", f"{hub.url}/whip/rec", token)
    return {"cam": hub.token, "rec": token}


async def _assert_filled(
    hub: HubProcess, name: str, done: dict[str, Any], events: list[dict[str, Any]], began_us: int
) -> None:
    suspected = next(event["data"] for event in events if event["type"] == "interruption.suspected")
    assert parse_rfc3339(suspected["detected_at"]) - parse_rfc3339(suspected["started_at"]) <= 1_040_000
    assert sum(event["type"] == "interruption.confirmed" for event in events) >= 1

    (cut,) = await hub.call("GET", f"/api/interruptions?stream={name}")
    (fill,) = done["fills"]
    assert fill["interruption"] == cut["id"]
    assert fill["whole"], done
    slack = cut["edge_error_us"] + done["edge_error_us"] + 100_000
    assert abs(fill["from_us"] - parse_rfc3339(cut["started_at"])) < slack
    assert abs(fill["to_us"] - parse_rfc3339(cut["ended_at"])) < slack

    begin_us, end_us = began_us - BEFORE_US, began_us + AFTER_US
    span = f"from={quote(rfc3339(begin_us))}&to={quote(rfc3339(end_us))}"
    line = await hub.call("GET", f"/api/streams/{name}/timeline?{span}")
    shown = [(one["state"], parse_rfc3339(one["to"]) - parse_rfc3339(one["from"])) for one in line["spans"]]
    assert sum(length for state, length in shown if state == "backfilled") > 19_000_000
    assert sum(length for state, length in shown if state == "interrupted") < 600_000, shown
    assert line["completeness"] > 0.97

    playlist = await hub.call("GET", f"/api/streams/{name}/playback.m3u8?{span}")
    assert "EXT-X-GAP" not in playlist
    # From live to the card's and back: once for the cut, once more wherever a busy machine lost a live picture
    leaps = playlist.count("#EXT-X-DISCONTINUITY")
    assert leaps in range(2, 20, 2), playlist
    pictures = await _pictures(hub, name, playlist)
    # 25 a second, what chunks reach beyond the range, and a GOP that only helps to decode, shown for no time
    least = (end_us - begin_us) * 25 // US_PER_S - 25
    assert least <= len(pictures) <= least + 185
    apart = [after - before for before, after in pairwise(pictures)]
    assert max(apart) < 0.1, "the pictures go on"


def _upload(hub: HubProcess, name: str, token: str, card: Path, claimed_us: int) -> str:
    """By a kept client, in two pieces; between them a connection that breaks in the middle of a piece."""
    client = TusClient(f"{hub.url}/api/uploads", headers={"Authorization": f"Bearer {token}"})
    told = {"stream": name, "filename": card.name, "from": rfc3339(claimed_us)}
    size = card.stat().st_size
    with card.open("rb") as stream:
        first = client.uploader(file_stream=stream, chunk_size=size // 5, metadata=told)
        first.upload(stop_at=2 * (size // 5))
        _broken_piece(hub, token, first.url, card, first.offset)
        second = client.uploader(file_stream=stream, chunk_size=size // 3, url=first.url)
        assert first.offset < second.offset < size, "what came before the connection broke stays"
        second.upload()
    return first.url.rpartition("/")[2]


def _broken_piece(hub: HubProcess, token: str, url: str, card: Path, offset: int) -> None:
    rest = card.read_bytes()[offset:]
    head = (
        f"PATCH {urlsplit(url).path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
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


async def _events(hub: HubProcess, last: str, count: int) -> list[dict[str, Any]]:
    seen: list[dict[str, Any]] = []
    async with hub.http.ws_connect(f"{hub.url}/api/events") as events:
        async for message in events:
            assert message.type is aiohttp.WSMsgType.TEXT
            seen.append(json.loads(message.data))
            if sum(event["type"] == last for event in seen) >= count:
                break
    return [event for event in seen if event["type"].startswith("interruption.")]


async def _pictures(hub: HubProcess, name: str, playlist: str) -> list[float]:
    """When each picture of the playlist is shown, as ffprobe reads it on connections that it keeps: in s, runs joined
    to one axis. The playlist may still grow; what it has now is read to its end."""
    tool = shutil.which("ffprobe")
    assert tool is not None
    base = f"{hub.url}/api/streams/{name}/"
    lines = [re.sub(r'URI="', f'URI="{base}', line) for line in playlist.splitlines() if line != "#EXT-X-ENDLIST"]
    lines = [line if line.startswith("#") else base + line for line in lines]
    text = "\n".join([*lines, "#EXT-X-ENDLIST", ""])

    async def whole(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/vnd.apple.mpegurl")

    app = web.Application()
    app.router.add_get("/whole.m3u8", whole)
    async with TestServer(app) as server:
        process = await asyncio.create_subprocess_exec(
            tool, "-v", "error", "-headers", f"Authorization: Bearer {hub.token}\r\n",
            "-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0",
            str(server.make_url("/whole.m3u8")), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
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
