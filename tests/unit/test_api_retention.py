"""Retention and holds over HTTP: who may, what is refused, and that nothing there deletes footage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.clock import rfc3339
from hub.ledger.ledger import Ledger
from tests.api_support import Hub, running_hub
from tests.ledger_folder import START_US
from tests.retention_support import Place, running

CAMERA = {"id": "cam-a", "name": "window", "kind": "window", "source": {"type": "rtsp", "url": "rtsp://127.0.0.1/x"}}
RANGE = {"stream": "cam-a", "from": rfc3339(START_US), "to": rfc3339(START_US + 6_000_000)}


async def call(hub: Hub, method: str, path: str, body: Any = None, expected: int = 200) -> Any:
    async with hub.program.request(method, path, json=body) as answer:
        assert answer.status == expected, await answer.text()
        return await answer.json()


async def join(hub: Hub, place: Place) -> Ledger:
    hub.services.retention = place.retention
    hub.services.reader = place.ledger.reader
    await call(hub, "POST", "/api/streams", CAMERA, 201)
    return place.ledger


async def test_a_hold_from_placing_to_release(tmp_path: Path) -> None:
    async with running(tmp_path / "a", retention_classes=("patrol=366..366",)) as place, running_hub(tmp_path) as hub:
        await join(hub, place)
        await place.record("cam-a", 1)
        refused = await call(hub, "POST", "/api/holds", {**RANGE, "reason": "other"}, 400)
        assert "text" in refused["error"]["message"]
        hold = await call(hub, "POST", "/api/holds", {**RANGE, "reason": "complaint", "text": "12345"}, 201)
        assert (hold["by"], hold["reason_text"], hold["deleted"]) == ("program:admin", "当事人投诉", False)
        assert [one["id"] for one in await call(hub, "GET", "/api/holds?state=not_copied")] == [hold["id"]]
        await call(hub, "POST", f"/api/holds/{hold['id']}/copied", {"medium": "光盘", "label": "2026-7"})
        assert await call(hub, "GET", "/api/holds?state=not_copied") == []
        place.days(400)
        refused = await call(hub, "POST", "/api/retention/approvals", RANGE, 409)
        assert refused["error"]["code"] == "kept"
        released = await call(hub, "POST", f"/api/holds/{hold['id']}/release", {"text": "办结"})
        assert released["released_by"] == "program:admin"
        await call(hub, "POST", f"/api/holds/{hold['id']}/release", {"text": "办结"}, 409)
        await call(hub, "POST", "/api/holds/none/release", {"text": "办结"}, 404)
        await place.passes()
        again = await call(hub, "POST", "/api/holds", {**RANGE, "reason": "complaint"}, 201)
        assert again["deleted"], "the caller learns that the hold came too late"
        assert "hold.placed" in [kind for kind, _ in place.told]


async def test_evidence_and_its_case(tmp_path: Path) -> None:
    async with running(tmp_path / "a") as place, running_hub(tmp_path) as hub:
        await join(hub, place)
        await call(hub, "POST", "/api/retention/ranges", RANGE, 400)
        made = await call(hub, "POST", "/api/retention/ranges", {**RANGE, "case": "7号"}, 201)
        assert (made["class"], made["kept_until"], made["closed_at"]) == ("evidence", None, None)
        refused = await call(hub, "POST", "/api/retention/cases/close", {"case": "7号", "term_days": 30}, 409)
        assert refused["error"]["code"] == "too_short"
        (closed,) = await call(hub, "POST", "/api/retention/cases/close", {"case": "7号"})
        assert closed["kept_until"] is not None
        assert [one["id"] for one in await call(hub, "GET", "/api/retention/ranges")] == [made["id"]]


async def test_what_is_due_and_what_is_gone(tmp_path: Path) -> None:
    async with running(tmp_path / "a", retention_classes=("patrol=366..400",)) as place, running_hub(tmp_path) as hub:
        await join(hub, place)
        names = await place.record("cam-a", 2)
        await place.passes(1)
        shown = await call(hub, "GET", "/api/retention")
        (outlook,) = shown["streams"]
        assert outlook["next_at"].startswith("2027-01-02")
        assert shown["storage"]["low"] is False
        assert {one["name"]: one["least_days"] for one in shown["classes"]} == {"patrol": 366, "evidence": 3653}
        place.days(500)
        await place.passes()
        hub.clock.advance(600 * 86_400)
        when = f"from={rfc3339(START_US)}&to={rfc3339(START_US + 12_000_000)}"
        gone = await call(hub, "GET", f"/api/streams/cam-a/playback.m3u8?{when}", expected=404)
        assert gone["error"]["code"] == "deleted"
        gone = await call(hub, "GET", f"/api/streams/cam-a/{names[0].replace('reels/cam-a', 'reels')}", expected=404)
        assert gone["error"]["code"] == "deleted"
        spans = (await call(hub, "GET", f"/api/streams/cam-a/timeline?{when}"))["spans"]
        assert [(one["state"], one["deleted"]) for one in spans] == [("recorded", True)]


async def test_no_call_deletes_footage(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        paths = (await call(hub, "GET", "/api/openapi.json"))["paths"]
        for path, methods in paths.items():
            if any(word in path for word in ("reels", "footage", "playback", "retention", "holds")):
                assert "delete" not in methods, path
