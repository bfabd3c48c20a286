"""A whole hub whose log a real timestamp authority stamps and a superior hub cosigns; and one that nobody witnesses."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from hub.api.anchors import LogStatusOut
from hub.app import Hub
from hub.errors import SettingsError
from hub.ledger.anchors.trust import configured_trust
from hub.ledger.verdict import TimeSource
from hub.ledger.verify import verify_path
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER
from tests.real.timestamp_authority import make_authority

pytestmark = pytest.mark.real


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(
        data=folder / "data", keys_dir=folder / "keys", listen="127.0.0.1:0", admin_token=ADMIN_TOKEN, **more
    )


async def get(hub: Hub, path: str) -> aiohttp.ClientResponse:
    async with aiohttp.ClientSession(headers=BEARER) as session, session.get(hub.url + path) as response:
        await response.read()
        return response


async def anchored(hub: Hub, kinds: set[str]) -> dict[str, Any]:
    """The status, once authorities of these kinds have anchored something."""
    async with asyncio.timeout(40):
        while True:
            status: dict[str, Any] = await (await get(hub, "api/log/status")).json()
            if {one["kind"] for one in status["authorities"] if one["size"]} == kinds:
                return status
            await asyncio.sleep(0.2)


async def test_stamped_and_cosigned(tmp_path: Path) -> None:
    lower, upper = tmp_path / "lower", tmp_path / "upper"
    async with Hub.running(settings(lower)) as first:
        vkey = first.ledger.vkey()
    with make_authority(tmp_path / "authority").serving() as played:
        async with Hub.running(settings(upper, witness_for=(vkey,))) as superior:
            witness = (await (await get(superior, "api/witness/vkey")).text()).strip()
            lines = {
                "witnesses": (f"{witness} {superior.url}api/witness",),
                "timestamp_authorities": (f"tsa {played.url} {played.ca}",),
            }
            async with Hub.running(settings(lower, **lines)) as hub:
                status = await anchored(hub, {"witness", "timestamp"})
                assert LogStatusOut.model_validate(status, extra="forbid").state == "ok"
                assert [one["error"] for one in status["authorities"]] == ["", ""]
                metrics = await (await get(hub, "metrics")).text()
                assert f'hub_anchored_size{{authority="tsa"}} {float(status["anchored_size"])}' in metrics
    verdict = verify_path(lower / "data", vkey, trust=configured_trust(**lines))
    assert verdict.exit_code == 0, [str(one) for one in verdict.findings]
    assert [one.source for one in verdict.anchored] == [TimeSource.AUTHORITY, TimeSource.WITNESS]


async def test_an_authority_that_is_down_costs_nothing_but_its_anchors(tmp_path: Path) -> None:
    with make_authority(tmp_path / "authority").serving() as played:
        line = f"tsa {played.url} {played.ca}"
    async with Hub.running(settings(tmp_path, timestamp_authorities=(line,))) as hub:
        async with asyncio.timeout(20):
            status: dict[str, Any] = await (await get(hub, "api/log/status")).json()
            while not status["authorities"][0]["error"]:
                await asyncio.sleep(0.2)
                status = await (await get(hub, "api/log/status")).json()
        assert status["unanchored_since"] is not None
        assert "cannot be reached" in status["authorities"][0]["error"]
        assert (await get(hub, "readyz")).status == 200


async def test_nobody_configured_is_said(tmp_path: Path) -> None:
    async with Hub.running(settings(tmp_path)) as hub:
        status = await (await get(hub, "api/log/status")).json()
        assert (status["state"], status["authorities"]) == ("no outside witness", [])
        assert (await get(hub, "readyz")).status == 200


@pytest.mark.parametrize("line", ["tsa", "tsa http://127.0.0.1/ /nowhere/ca.pem"])
async def test_a_line_that_makes_no_sense_is_refused_before_anything_is_written(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError, match="timestamp_authorities"):
        async with Hub.running(settings(tmp_path, timestamp_authorities=(line,))):
            pass
    assert not (tmp_path / "data").exists()
