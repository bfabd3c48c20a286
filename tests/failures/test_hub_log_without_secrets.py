"""A camera that refuses its password is complained of again and again, and the password is in no complaint."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.bench.processes import HubProcess
from hub.demo.rtsp_server import RtspRules
from hub.demo.rtsp_text import Challenge
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from tests.hub_line import SMALL, until

pytestmark = pytest.mark.real

SECRET = "Wr0ng!pa:ss@word/1"
ESCAPED = "Wr0ng!pa%3Ass%40word%2F1"


@pytest.mark.parametrize("challenge", ["basic", "digest-sha256"])
async def test_no_secret_in_the_log(tmp_path: Path, challenge: Challenge) -> None:
    rules = RtspRules(challenge=challenge)
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL),), rules=rules)
    data = tmp_path / "data"
    async with Simulators(config) as simulators, HubProcess(data, {"HUB_LOG_LEVEL": "debug"}) as hub:
        address = simulators.urls[0].rpartition("@")[2].removeprefix("rtsp://")
        source = {"type": "rtsp", "url": f"rtsp://admin:{ESCAPED}@{address}"}
        made = await hub.call("POST", "/api/streams", {"id": "cam", "name": "cam", "kind": "room", "source": source})
        assert ":***@" in made["source"]["url"]
        recorder = {"id": "rec", "name": "rec", "kind": "recorder", "source": {"type": "whip"}}
        token = (await hub.call("POST", "/api/streams", recorder))["token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with hub.http.post(f"{hub.url}/whip/rec", data="no sdp", headers=headers) as answer:
            assert answer.status == 400

        async def complaint() -> str:
            shown = (await hub.call("GET", "/api/streams/cam"))["status"]
            return str(shown["complaint"]["code"]) if shown["complaint"] and shown["attempts"] > 2 else ""

        assert await until(complaint) == "unauthorized"
        async with hub.http.get(f"{hub.url}/api/streams/cam?token={token}") as answer:
            told = await answer.text()
        admin = hub.token
        assert await hub.stop() == 0
    log = hub.log_path.read_text()
    assert '"code": "unauthorized"' in log
    for secret in (SECRET, ESCAPED, "Wr0ng", token, admin):
        assert secret not in log
        assert secret not in told
