"""The same contract, call by call, at the public door of a cluster: who builds on a hub cannot tell them apart."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import aiohttp
import pytest

from hub.bench.processes import HubProcess
from hub.clock import rfc3339
from hub.demo.faults import Fault, FaultKind
from hub.demo.simulators import DeviceConfig, Simulators, SimulatorsConfig
from hub.ledger.verify import verify_path
from tests.api_support import BEARER
from tests.gateway_support import Small, small_cluster
from tests.hub_line import SMALL, SOUND, add_camera, until, until_live
from tests.real import test_hub_contract as contract

pytestmark = pytest.mark.real


class AtGateway:
    """A cluster's door, called as the process of one hub is."""

    call = HubProcess.call

    def __init__(self, small: Small, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.url = small.url


async def test_every_call_answers_as_written_through_a_gateway(tmp_path: Path) -> None:
    config = SimulatorsConfig(cameras=(DeviceConfig(name="cam", video=SMALL, audio=SOUND),))
    more: dict[str, Any] = {"admin_password": contract.PASSWORD, "webrtc_addresses": ("127.0.0.1",)}
    async with (
        Simulators(config) as simulators,
        small_cluster(tmp_path, **more) as small,
        aiohttp.ClientSession(headers=BEARER) as http,
    ):
        hub = cast(HubProcess, AtGateway(small, http))
        await add_camera(hub, "cam", simulators.urls[0])
        await until_live(hub, 1)
        await contract.check_live_socket(hub)
        began_us, _ = await simulators.play("cam", [Fault(FaultKind.CUT, 0.0, 6.0)])
        token = await contract.check_streams(hub)
        await contract.check_access(hub, token)
        await until(lambda: hub.call("GET", "/api/interruptions?state=closed"), 40)
        await contract.check_interruptions(hub, began_us)
        await asyncio.sleep(3)
        span = f"from={quote(rfc3339(began_us - 5_000_000))}&to={quote(rfc3339(began_us + 14_000_000))}"
        await contract.check_timeline(hub, span)
        await contract.check_playback(hub, span, tmp_path)
        await contract.check_log(hub)
        await contract.check_metrics(hub)
    verdict = verify_path(tmp_path / "data", None)
    assert verdict.exit_code == 0, verdict.findings
