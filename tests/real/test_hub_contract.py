"""The contract, call by call, against a hub that really records: what is promised to those who build on it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hub.bench.processes import HubProcess
from hub.clock import parse_rfc3339, rfc3339
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live

pytestmark = pytest.mark.real

PASSWORD = "chosen by the operator"


async def test_every_call_answers_as_written(tmp_path: Path) -> None:
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    data = tmp_path / "data"
    async with Simulators(config) as simulators, HubProcess(data, {"HUB_ADMIN_PASSWORD": PASSWORD}) as hub:
        await add_camera(hub, "cam", simulators.urls[0])
        await until_live(hub, 1)
        await check_live_socket(hub)
        began_us, _ = await simulators.play("cam", [Fault(FaultKind.CUT, 0.0, 6.0)])
        token = await check_streams(hub)
        await check_access(hub, token)
        await until(lambda: hub.call("GET", "/api/interruptions?state=closed"), 40)
        await check_interruptions(hub, began_us)
        await asyncio.sleep(3)
        span = f"from={quote(rfc3339(began_us - 5_000_000))}&to={quote(rfc3339(began_us + 14_000_000))}"
        await check_timeline(hub, span)
        await check_playback(hub, span, tmp_path)
        await check_log(hub)
        await check_metrics(hub)
        assert await hub.stop() == 0
    verdict = verify_path(data, None)
    assert verdict.exit_code == 0, verdict.findings


# ---------------------------------------------------------------------------------------- streams


async def check_streams(hub: HubProcess) -> str:
    """Made, listed, changed, retired; returns a recorder's device token."""
    body = {"id": "recorder-07", "name": "记录仪", "kind": "recorder", "source": {"type": "whip"}}
    async with hub.http.post(f"{hub.url}/api/streams", json=body) as answer:
        assert answer.status == 201
        assert answer.headers["Location"] == "/api/streams/recorder-07"
        made = await answer.json()
    token = made.pop("token")
    shown = await hub.call("GET", "/api/streams/recorder-07")
    assert made.pop("status")["state"] in ("waiting", "idle")
    assert made.items() <= shown.items()
    assert {one["id"] for one in await hub.call("GET", "/api/streams")} == {"cam", "recorder-07"}
    changed = await hub.call("PATCH", "/api/streams/recorder-07", {"name": "记录仪 07"})
    assert changed["name"] == "记录仪 07"
    refused = {
        ("POST", "/api/streams"): (body, 409, "stream_exists"),
        ("PATCH", "/api/streams/nobody"): ({"name": "x"}, 404, "not_found"),
        ("PATCH", "/api/streams/cam"): ({"nmae": "x"}, 400, "bad_request"),
        ("DELETE", "/api/streams/nobody"): (None, 404, "not_found"),
    }
    for (method, path), (sent, status, code) in refused.items():
        async with hub.http.request(method, hub.url + path, json=sent) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (status, code), path
    await hub.call("POST", "/api/streams", body | {"id": "old"})
    await hub.call("DELETE", "/api/streams/old")
    assert (await hub.call("GET", "/api/streams/old"))["retired"] is True
    assert "old" not in {one["id"] for one in await hub.call("GET", "/api/streams")}
    return str(token)


# --------------------------------------------------------------------------------------- who may


async def check_access(hub: HubProcess, device_token: str) -> None:
    """Every described call: nobody, a wrong token, a recorder's token, and a cookie from a foreign page."""
    document = await hub.call("GET", "/api/openapi.json")
    calls = [
        (method.upper(), re.sub(r"\{[^}]*\}", "cam", path.replace("{leaf}", "0" * 64)), operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    closed = [(method, path) for method, path, operation in calls if operation["security"]]
    people = [(m, p) for m, p, operation in calls if {"session": []} in operation["security"]]
    assert len(closed) > 15
    jar = aiohttp.CookieJar(unsafe=True)  # 127.0.0.1 is no name
    async with aiohttp.ClientSession(cookie_jar=jar) as person, aiohttp.ClientSession() as stranger:
        for headers in ({}, _bearer("wrong"), _bearer(device_token), {"Cookie": "hub_session=forged"}):
            for method, path in closed:
                assert await _status(stranger, hub, method, path, headers) == 401, (method, path, headers)
        wrong = {"username": "admin", "password": "guessed"}
        async with person.post(f"{hub.url}/api/session", json=wrong) as answer:
            assert answer.status == 401
        async with person.post(f"{hub.url}/api/session", json=wrong | {"password": PASSWORD}) as answer:
            assert answer.status == 200
            assert {"httponly", "samesite=strict"} <= {
                p.strip().lower() for p in answer.headers["Set-Cookie"].split(";")
            }
        foreign = {"Origin": "https://elsewhere.example"}
        sockets = {"/api/live", "/api/events"}
        for method, path in people:
            status = await _status(person, hub, method, path, foreign)
            if method != "GET" or path in sockets:
                assert status == 403, (method, path)
            else:
                assert status != 401, (method, path)
        own = {"Origin": hub.url}
        async with person.get(f"{hub.url}/api/session") as answer:
            assert (await answer.json())["username"] == "admin"
        assert await _status(person, hub, "DELETE", "/api/session", own) == 204
        assert await _status(person, hub, "GET", "/api/session", {}) == 401
        for path, word in (("/", "<!doctype html>"), ("/healthz", '"ok"'), ("/readyz", '"ready": true')):
            async with stranger.get(hub.url + path) as answer:
                assert answer.status == 200
                assert word in (await answer.text()).lower()
        async with stranger.options(f"{hub.url}/whip/recorder-07") as answer:
            assert answer.status in (200, 204)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _status(
    session: aiohttp.ClientSession, hub: HubProcess, method: str, path: str, headers: Mapping[str, str]
) -> int:
    async with session.request(method, hub.url + path, headers=headers) as answer:
        if answer.status >= 400:
            assert set((await answer.json())["error"]) == {"code", "message"}
        return answer.status


# ---------------------------------------------------------------------------------- what happened


async def check_live_socket(hub: HubProcess) -> None:
    """Text names the slots, then an init, a key and what follows it: u8 kind, u8 track, u16 slot, bytes."""
    kinds: list[int] = []
    async with hub.http.ws_connect(f"{hub.url}/api/live?streams=nobody,cam") as socket:
        slots: dict[int, Any] = {}
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                slots |= {one["slot"]: one for one in json.loads(message.data)["slots"]}
                continue
            kind, track, slot = struct.unpack_from(">BBH", message.data)
            assert (track, slot) == (1, 1)
            assert message.data[8:12] == (b"ftyp" if kind == 0 else b"moof")
            kinds.append(kind)
            if len(kinds) == 8:
                break
    assert (slots[0]["stream"], slots[0]["state"], slots[0]["reason"]) == ("nobody", "unsupported", "unknown")
    assert (slots[1]["stream"], slots[1]["state"]) == ("cam", "live")
    assert kinds[:2] == [0, 1]
    assert 2 in kinds


async def check_interruptions(hub: HubProcess, began_us: int) -> None:
    (one,) = await hub.call("GET", "/api/interruptions")
    assert {"id", "stream", "kind", "class", "state", "started_at", "detected_at", "ended_at"} <= one.keys()
    assert (one["stream"], one["kind"], one["class"], one["state"]) == ("cam", "no_signal", "transport", "closed")
    before, after = quote(rfc3339(began_us - 60_000_000)), quote(rfc3339(began_us + 60_000_000))
    finds = {
        "stream=cam": 1, "stream=recorder-07": 0, "state=closed": 1, "state=confirmed": 0,
        f"from={before}&to={after}": 1, f"to={before}": 0, f"from={after}": 0, f"limit=1&after={one['id']}": 0,
    }  # fmt: skip
    for query, count in finds.items():
        assert len(await hub.call("GET", f"/api/interruptions?{query}")) == count, query


async def check_timeline(hub: HubProcess, span: str) -> None:
    line = await hub.call("GET", f"/api/streams/cam/timeline?{span}")
    assert [one["state"] for one in line["spans"]] == ["recorded", "interrupted", "recorded"]
    assert {"id", "kind", "state"} <= line["spans"][1]["interruption"].keys()
    assert 0 < line["completeness"] < 1
    for earlier, later in zip(line["spans"], line["spans"][1:], strict=False):
        assert parse_rfc3339(earlier["to"]) <= parse_rfc3339(later["from"])


async def check_playback(hub: HubProcess, span: str, folder: Path) -> None:
    """Init and segments, fetched as a player fetches them and joined, are files that ffprobe plays."""
    address = f"{hub.url}/api/streams/cam/playback.m3u8?{span}"
    async with hub.http.get(address) as answer:
        assert answer.content_type == "application/vnd.apple.mpegurl"
        playlist = await answer.text()
    assert "#EXT-X-PROGRAM-DATE-TIME" in playlist
    assert "#EXT-X-GAP" in playlist
    parts: list[bytes] = []
    length = None
    gap = False
    for line in playlist.splitlines():
        if line.startswith("#EXT-X-MAP:"):
            attributes = dict(re.findall(r'([A-Z]+)="?([^",]+)', line))
            parts.append(await _fetch(hub, urljoin(address, attributes["URI"]), attributes.get("BYTERANGE")))
        elif line.startswith("#EXT-X-BYTERANGE:"):
            length = line.partition(":")[2]
        elif line == "#EXT-X-GAP":
            gap = True
        elif line and not line.startswith("#"):
            if not gap:
                parts[-1] += await _fetch(hub, urljoin(address, line), length)
            length, gap = None, False
    assert len(parts) >= 2, "before and after the break lie different reels"
    pictures = 0
    for number, part in enumerate(parts):
        (folder / f"part-{number}.mp4").write_bytes(part)
        found = await _probe(folder / f"part-{number}.mp4")
        assert found.keys() == {"h264", "aac"}
        pictures += found["h264"]
    assert pictures > 100


async def _fetch(hub: HubProcess, address: str, byte_range: str | None) -> bytes:
    headers = {}
    if byte_range is not None:
        length, _, offset = byte_range.partition("@")
        headers["Range"] = f"bytes={offset}-{int(offset) + int(length) - 1}"
    async with hub.http.get(address, headers=headers) as answer:
        assert answer.status == (206 if headers else 200), address
        body = await answer.read()
    assert byte_range is None or len(body) == int(byte_range.partition("@")[0])
    return body


async def _probe(path: Path) -> dict[str, int]:
    process = await asyncio.create_subprocess_exec(
        "ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=codec_name,nb_read_frames", "-of", "json",
        str(path), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    assert errors == b"", path
    return {one["codec_name"]: int(one["nb_read_frames"]) for one in json.loads(out)["streams"]}


# -------------------------------------------------------------------------------------- the log


async def check_log(hub: HubProcess) -> None:
    """The note verifies with nothing but its text, the key's text and Ed25519 (C2SP signed-note, tlog-checkpoint)."""
    async with aiohttp.ClientSession() as stranger:
        async with stranger.get(f"{hub.url}/api/log/checkpoint") as answer:
            assert answer.content_type == "text/plain"
            note = await answer.text()
        async with stranger.get(f"{hub.url}/api/log/vkey") as answer:
            vkey = (await answer.text()).strip()
    name, identity, key = vkey.split("+", 2)
    public = base64.b64decode(key)
    assert public[0] == 1  # Ed25519
    assert hashlib.sha256(name.encode() + b"\n" + public).digest()[:4].hex() == identity
    text, _, signatures = note.partition("\n\n")
    origin, size, root = text.split("\n")[:3]
    assert origin == name
    assert int(size) > 5
    assert len(base64.b64decode(root)) == 32
    dash, signer, signature = signatures.strip().split(" ")
    assert (dash, signer) == ("—", name)
    signed = base64.b64decode(signature)
    assert signed[:4].hex() == identity
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(signed[4:], text.encode() + b"\n")


# ------------------------------------------------------------------------------------- metrics


async def check_metrics(hub: HubProcess) -> None:
    """What an operator alerts on is there, named by stream; a retired stream's series are gone."""
    text = await hub.call("GET", "/metrics")
    values = dict(re.findall(r"^(hub_\S+) (\S+)$", text, re.MULTILINE))
    assert float(values['hub_stream_state{kind="window",state="live",stream="cam"}']) == 1
    assert float(values['hub_stream_bitrate_bps{stream="cam"}']) > 100_000
    assert float(values['hub_recorded_bytes_total{stream="cam"}']) > 100_000
    assert float(values['hub_check_ok{check="ledger"}']) == 1
    assert float(values["hub_disk_free_bytes"]) > 0
    assert float(values["hub_checkpoint_timestamp_seconds"]) > 1_700_000_000
    for state in ("suspected", "confirmed", "resumed", "closed"):
        assert float(values[f'hub_interruptions_total{{kind="no_signal",state="{state}"}}']) == 1
    assert float(values['hub_http_calls_total{method="POST",route="/api/session",status="401"}']) == 1
    assert any(name.startswith("hub_build_info{version=") for name in values)
    assert {"hub_viewers", "hub_ledger_waiting_bytes", "hub_disk_queue_bytes", "hub_disk_total_bytes"} <= values.keys()
    assert 'stream="old"' not in text
    assert "_created" not in text


# ------------------------------------------------------------------------------------ passwords


async def test_the_first_password_is_shown_once_and_can_be_changed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with HubProcess(data) as hub:
        (first,) = re.findall(r"password, shown this once: (\S+)", hub.log_path.read_text())
        cookie = await _sign_in(hub, first)
        assert cookie
        await hub.stop()
        await hub.start()
        assert hub.log_path.read_text().count("shown this once") == 1
        assert await _me(hub, cookie) == 200, "a restart signs nobody out"
    async with HubProcess(data, {"HUB_ADMIN_PASSWORD": PASSWORD}) as hub:
        assert await _me(hub, cookie) == 401, "another password ends what the old one opened"
        assert await _sign_in(hub, first) is None
        assert await _sign_in(hub, PASSWORD)
    async with HubProcess(data) as hub:  # it stays, also when the variable is gone again
        assert await _sign_in(hub, PASSWORD)
    assert PASSWORD not in hub.log_path.read_text()


async def _sign_in(hub: HubProcess, password: str) -> str | None:
    async with aiohttp.ClientSession() as stranger:
        body = {"username": "admin", "password": password}
        async with stranger.post(f"{hub.url}/api/session", json=body) as answer:
            return answer.cookies["hub_session"].value if answer.status == 200 else None


async def _me(hub: HubProcess, cookie: str) -> int:
    async with aiohttp.ClientSession() as stranger:
        headers = {"Cookie": f"hub_session={cookie}"}
        async with stranger.get(f"{hub.url}/api/session", headers=headers) as answer:
            return answer.status
