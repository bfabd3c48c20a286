"""A whole hub: thresholds of a unit and planned maintenance reach the detectors that run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from hub.app import Hub
from hub.clock import US_PER_S, rfc3339
from hub.ledger.entries import EntryType, read_entry
from hub.ledger.files import SUFFIX
from hub.model import InterruptionKind
from hub.monitor.rules import DetectorRules
from hub.settings import Settings
from tests.api_support import ADMIN_TOKEN, BEARER

RECORDER = {"id": "rec-1", "name": "r", "kind": "recorder", "unit": "team", "source": {"type": "whip"}}


async def test_rules_and_maintenance_reach_what_runs(tmp_path: Path) -> None:
    values = {"listen": "127.0.0.1:0", "data": tmp_path / "data", "keys_dir": tmp_path / "keys"}
    settings = Settings.model_validate(values | {"admin_token": ADMIN_TOKEN})
    async with Hub.running(settings) as hub, aiohttp.ClientSession(hub.url, headers=BEARER) as client:

        async def call(method: str, path: str, body: Any = None, status: int = 200) -> Any:
            async with client.request(method, path, json=body) as response:
                assert response.status == status, await response.text()
                return await response.json()

        for unit, parent in (("brigade", "root"), ("team", "brigade")):
            body = {"id": unit, "name": unit, "parent": parent, "kind": "brigade"}
            await call("POST", "/api/units", body, 201)
        await call("POST", "/api/streams", RECORDER, 201)
        pipeline = hub.recording.now("rec-1")
        assert pipeline is not None

        # thresholds: of the unit above, without a restart; nonsense is refused before it is kept
        rules = {"interruptions": {"stall": {"ring_from_s": 42}}}
        await call("PATCH", "/api/units/brigade", {"rules": rules})
        assert pipeline.detector.rules.of(InterruptionKind.STALL).ring_from_us == 42 * US_PER_S
        refused = await call("PATCH", "/api/units/team", {"rules": {"interruptions": {"stal": {}}}}, 400)
        assert "interruptions.stal" in refused["error"]["message"]
        await call("PATCH", "/api/streams/rec-1", {"unit": "root"})
        for _ in range(50):
            if pipeline.detector.rules.of(InterruptionKind.STALL).ring_from_us != 42 * US_PER_S:
                break
            await asyncio.sleep(0.02)
        assert (
            pipeline.detector.rules.of(InterruptionKind.STALL).ring_from_us
            == DetectorRules().of(InterruptionKind.STALL).ring_from_us
        )

        # maintenance: asked for here, approved by another, and on the detector within its second
        now_us = hub.clock.now().utc_us
        times = {"from": rfc3339(now_us), "to": rfc3339(now_us + 3600 * US_PER_S)}
        await call("POST", "/api/maintenance", {"unit": "brigade", "stream": "rec-1", **times, "reason": "换"}, 400)
        past = {"from": rfc3339(now_us - 7200 * US_PER_S), "to": times["to"]}
        await call("POST", "/api/maintenance", {"stream": "rec-1", **past, "reason": "换"}, 400)
        asked = await call("POST", "/api/maintenance", {"stream": "rec-1", **times, "reason": "换电池"}, 201)
        await call("POST", f"/api/maintenance/{asked['id']}/approve", {}, 403)
        await hub.maintenance.decide(asked["id"], approve=True, by="someone-else")
        (listed,) = await call("GET", "/api/maintenance?state=running")
        assert (listed["id"], listed["decided_by"]) == (asked["id"], "someone-else")
        for _ in range(100):
            if pipeline.detector.maintenance:
                break
            await asyncio.sleep(0.02)
        assert pipeline.detector.maintenance == asked["id"]
        await call("POST", f"/api/maintenance/{asked['id']}/cancel", {"note": "完成"})
        assert await call("GET", "/api/maintenance?state=running") == []
        await call("POST", "/api/maintenance/none/cancel", {}, 404)

    lines = [line for path in (tmp_path / "data").rglob(f"*{SUFFIX}") for line in path.read_bytes().splitlines()]
    kept = [entry for entry in map(read_entry, lines) if entry.type is EntryType.MAINTENANCE]
    assert [(one.stream_id, one.body["action"], one.body["by"]) for one in kept] == [
        ("rec-1", "requested", "program:admin"),
        ("rec-1", "approved", "someone-else"),
        ("rec-1", "cancelled", "program:admin"),
    ]
