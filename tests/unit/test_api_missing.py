"""What a device that records by itself is told to bring, and the page that a phone opens for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.clock import rfc3339
from hub.model import StreamKind
from hub.registry import RtspDraft
from tests.api_support import Hub, running_hub
from tests.footage_support import BREAK, END, T0, Room, S, card, room

AGAIN = (BREAK[0] + 4 * S, BREAK[1])


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    (tmp_path / "api").mkdir()
    async with running_hub(tmp_path / "api") as hub:
        yield hub


async def recorder(hub: Hub, ident: str = "rec") -> dict[str, str]:
    """Registered; the headers of its device."""
    body = {"id": ident, "name": ident, "kind": "recorder", "source": {"type": "whip"}}
    async with hub.program.post("/api/streams", json=body) as response:
        return {"Authorization": f"Bearer {(await response.json())['token']}"}


async def asked(hub: Hub, headers: dict[str, str], status: int = 200, *, stream: str = "rec", **query: Any) -> Any:
    path = f"/api/streams/{stream}/missing"
    async with hub.stranger.get(path, params=query, headers=headers) as response:
        assert response.status == status, await response.text()
        return await response.json()


def spans(told: list[dict[str, int]]) -> list[tuple[float, float]]:
    return [((one["from_us"] - T0) / S, (one["to_us"] - T0) / S) for one in told]


async def bring(room_: Room, folder: Path, end: int) -> None:
    first_us = card(folder / f"{end}.mp4", BREAK[0] - 3 * S, end)
    await room_.bring(folder / f"{end}.mp4", claimed_us=first_us, clock_us=0)


async def test_a_device_is_told_which_time_the_hub_lacks_until_it_lacks_nothing(hub: Hub, tmp_path: Path) -> None:
    async with room(tmp_path / "room") as made:
        hub.services.footage = made.footage
        device = await recorder(hub)
        query = {"from": rfc3339(T0), "to": rfc3339(END)}
        told = await asked(hub, device, **query)
        (cut,) = told["interruptions"]
        assert (cut["id"], cut["ended_us"], spans(cut["holes"])) == ("cut-1", BREAK[1], [(6, 16)])
        assert spans(told["unrecorded"]) == [pytest.approx((6, 16), abs=0.2)]
        assert told["received_at_us"] <= told["answered_at_us"]
        await bring(made, tmp_path, AGAIN[0])
        told = await asked(hub, device, **query)
        assert spans(told["interruptions"][0]["holes"]) == [pytest.approx((10, 16), abs=0.2)]
        await bring(made, tmp_path, BREAK[1] + 3 * S)
        told = await asked(hub, device, **query)
        assert (told["interruptions"][0]["holes"], told["unrecorded"]) == ([], [])
        assert (await asked(hub, device, **{"from": rfc3339(BREAK[1])}))["interruptions"] == []


async def test_what_is_not_over_has_no_holes_yet(hub: Hub, tmp_path: Path) -> None:
    async with room(tmp_path / "room", closed=False) as made:
        hub.services.footage = made.footage
        told = await asked(hub, await recorder(hub), **{"from": rfc3339(T0)})
        assert [(one["ended_us"], one["holes"]) for one in told["interruptions"]] == [(None, [])]
        assert told["unrecorded"] is None, "it was not asked"


async def test_a_device_asks_for_its_own_stream_alone(hub: Hub, tmp_path: Path) -> None:
    async with room(tmp_path / "room") as made:
        hub.services.footage = made.footage
        device, other = await recorder(hub), await recorder(hub, "other")
        await hub.services.registry.add("window-01", "1号窗口", StreamKind.WINDOW, RtspDraft("rtsp://h/"))
        query = {"from": rfc3339(T0)}
        await asked(hub, other, 401, **query)
        await asked(hub, device, 401, stream="window-01", **query)
        await asked(hub, {}, 401, **query)


async def test_a_question_has_its_bounds(hub: Hub, tmp_path: Path) -> None:
    device = await recorder(hub)
    assert (await asked(hub, device, 503, **{"from": rfc3339(T0)}))["error"]["code"]
    async with room(tmp_path / "room") as made:
        hub.services.footage = made.footage
        for to_us in (T0, T0 - S, T0 + 6 * 3600 * S + 1):
            await asked(hub, device, 400, **{"from": rfc3339(T0), "to": rfc3339(to_us)})
        await asked(hub, device, 400)
        await asked(hub, device, 400, **{"from": rfc3339(T0), "until": "now"})


async def test_the_phones_page_opens_for_everybody_and_may_use_its_camera(hub: Hub, tmp_path: Path) -> None:
    page = tmp_path / "api" / "page"
    page.mkdir()
    for name in ("recorder.html", "recorder-sw.js", "recorder.webmanifest"):
        (page / name).write_text(name)
    async with hub.stranger.get("/recorder") as response:
        assert (response.status, await response.text()) == (200, "recorder.html")
        assert response.content_type == "text/html"
        assert response.headers["Cache-Control"] == "no-cache"
        assert "camera=(self)" in response.headers["Permissions-Policy"]
        assert "unsafe" not in response.headers["Content-Security-Policy"]
        assert "worker-src 'self'" in response.headers["Content-Security-Policy"]
    async with hub.stranger.get("/recorder-sw.js") as response:
        assert response.content_type.endswith("javascript"), "a browser takes a service worker as nothing else"
    async with hub.stranger.get("/recorder.webmanifest") as response:
        assert response.content_type == "application/manifest+json"
