"""A hub that runs: off duty a camera that cannot be reached raises nothing, at opening it has not started."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hub.bench.processes import HubProcess
from hub.ledger.verify import verify_path
from hub.people.tree import ROOT
from tests.hub_line import add_camera, states, until

pytestmark = pytest.mark.real


async def test_a_calendar_decides_what_is_missing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with HubProcess(data, {"HUB_OPENING_GRACE_S": "1"}) as hub:
        closed = {"hours": {"weekly": {}, "holidays": "ignored"}, "reason": "试运行"}
        assert (await hub.call("PUT", f"/api/duty/units/{ROOT}/hours", closed))["of"] == {"kind": "unit", "id": "root"}
        await add_camera(hub, "window", "rtsp://127.0.0.1:1/nobody")

        async def grey() -> bool:
            return (await states(hub))["window"] == "off_duty"

        await until(grey, 20)
        assert await hub.call("GET", "/api/interruptions") == []
        today = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
        day = {"unit": "root", "date": today, "hours": [["00:00", "24:00"]], "reason": "加班"}
        made = await hub.call("POST", "/api/duty/exceptions", day)

        async def started() -> object:
            return await hub.call("GET", "/api/interruptions?state=confirmed")

        (found,) = await until(started, 20)
        assert found["kind"] == "not_started"
        await hub.call("POST", f"/api/duty/exceptions/{made['id']}/withdraw", {"reason": "不加班了"})
        await until(grey, 20)
        assert (await hub.call("GET", "/readyz"))["checks"]["calendar"].startswith("ok")
        assert await hub.stop() == 0
    verdict = verify_path(data, None)
    assert verdict.exit_code == 0, verdict.findings
