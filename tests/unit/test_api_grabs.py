"""截图: a saved picture of the wall is entered with its digest, or not granted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hub.clock import rfc3339
from hub.errors import LedgerError
from hub.ledger.entries import JsonValue
from hub.model import StreamKind
from tests.api_support import running_hub

DIGEST = "ab" * 32


async def test_a_grab_is_entered_with_who_when_and_the_digest(tmp_path: Path) -> None:
    entries = []
    async with running_hub(tmp_path) as hub:
        hub.services.write_access = lambda stream, body: entries.append((stream, body))
        await hub.services.registry.add("cam", "1号窗口", StreamKind.WINDOW, "whip")
        await hub.sign_in()
        at_us = hub.clock.now().utc_us - 300_000
        body = {"sha256": DIGEST, "at": rfc3339(at_us)}
        async with hub.person.post("/api/streams/cam/grabs", json=body) as answer:
            assert answer.status == 201
            assert (await answer.json())["by"] == "admin"
        assert entries == [
            ("cam", {"by": "admin", "what": "live.grab", "reason": "", "picture_us": at_us, "sha256": DIGEST})
        ]


@pytest.mark.parametrize(
    ("digest", "ahead_us", "path", "status"),
    [("AB" * 32, 0, "cam", 400), ("ab", 0, "cam", 400), (DIGEST, 60_000_000, "cam", 400), (DIGEST, 0, "none", 404)],
)
async def test_what_cannot_be_a_grab_is_refused(
    tmp_path: Path, digest: str, ahead_us: int, path: str, status: int
) -> None:
    async with running_hub(tmp_path) as hub:
        await hub.services.registry.add("cam", "1号窗口", StreamKind.WINDOW, "whip")
        body = {"sha256": digest, "at": rfc3339(hub.clock.now().utc_us + ahead_us)}
        async with hub.program.post(f"/api/streams/{path}/grabs", json=body) as answer:
            assert answer.status == status


async def test_a_grab_that_cannot_be_entered_is_told_so(tmp_path: Path) -> None:
    def refuse(stream: str, body: Mapping[str, JsonValue]) -> None:
        raise LedgerError("the disk is full")

    async with running_hub(tmp_path) as hub:
        hub.services.write_access = refuse
        await hub.services.registry.add("cam", "1号窗口", StreamKind.WINDOW, "whip")
        body = {"sha256": DIGEST, "at": rfc3339(hub.clock.now().utc_us)}
        async with hub.program.post("/api/streams/cam/grabs", json=body) as answer:
            assert answer.status == 503
