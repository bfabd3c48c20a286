"""A whole hub follows its interruptions up: the recorder is cued, reports with its token, and a restart knows of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp

from hub.app import Hub
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER


async def test_a_recorder_is_cued_and_reports(tmp_path: Path) -> None:
    values = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(values | {"admin_token": ADMIN_TOKEN})
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        draft = {"id": "rec-1", "name": "记录仪", "kind": "recorder", "source": {"type": "whip"}}
        async with client.post("/api/streams", json=draft) as response:
            assert response.status == 201, await response.text()
            token = (await response.json())["token"]
        with hub.events.subscribe() as listener:
            now_us = hub.clock.now().utc_us
            fault = Interruption(
                "i-1", "rec-1", InterruptionKind.STALL, InterruptionState.CONFIRMED, now_us, now_us,
                needs_explanation=True,
            )  # fmt: skip
            hub.ledger.append("rec-1", EntryType.INTERRUPTION_OPEN, interruption_body(fault))
            ended = replace(fault, state=InterruptionState.CLOSED, ended_us=now_us + 1_000_000)
            hub.ledger.append("rec-1", EntryType.INTERRUPTION_CLOSE, interruption_body(ended))
            await hub.ledger.committed()
            async with asyncio.timeout(20):
                async for event in listener:
                    if event.type == "interruption.cue":
                        break
            assert event.data["stream"] == "rec-1"
            bearer = {"Authorization": f"Bearer {token}"}
            async with client.post(
                "/api/streams/rec-1/report", json={"reason": "no_signal"}, headers=bearer
            ) as response:
                assert (response.status, await response.json()) == (201, {"interruption": "i-1"})
        rules = {"rules": {"followup": {"signatures": 1}}}
        async with client.patch("/api/units/root", json=rules) as response:
            assert response.status == 400, "the law asks for two"
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        async with client.get("/api/interruptions?followup=awaiting") as response:
            (one,) = await response.json()
        assert one["id"] == "i-1"
        assert one["followup"]["reported_at"] is not None


async def test_a_hub_starts_with_an_interruption_that_a_kill_left_open(tmp_path: Path) -> None:
    """What is still open is asked for its group at once, and that is a matter of the streams that run."""
    values = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(values | {"admin_token": ADMIN_TOKEN})
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:
        draft = {"id": "rec-1", "name": "记录仪", "kind": "recorder", "source": {"type": "whip"}}
        async with client.post("/api/streams", json=draft) as response:
            assert response.status == 201, await response.text()
        now_us = hub.clock.now().utc_us
        fault = Interruption("i-1", "rec-1", InterruptionKind.STALL, InterruptionState.CONFIRMED, now_us, now_us)
        hub.ledger.append("rec-1", EntryType.INTERRUPTION_OPEN, interruption_body(fault))
        await hub.ledger.committed()
    async with Hub.running(settings) as hub:
        assert hub.recording.now("rec-1") is not None
