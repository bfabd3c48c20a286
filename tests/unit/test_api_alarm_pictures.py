"""GET /api/interruptions/{id}/picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.api.services import Services
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.content.pictures import alarm_picture, write_picture
from hub.people.changes import HUB
from hub.people.rights import Role
from tests.api_support import Hub, running_hub

T0 = 1_767_225_600_000_000
PICTURE = alarm_picture("cam", f"cam-{T0}-black", T0, b"\xff\xd8 a picture")
PATH = f"/api/interruptions/cam-{T0}-black/picture"


def known(services: Services, path: str = PICTURE.path) -> None:
    one = Interruption(
        f"cam-{T0}-black", "cam", InterruptionKind.BLACK, InterruptionState.CLOSED, T0, T0, T0 + 1,
        evidence={"picture": path, "picture_sha256": PICTURE.sha256},
    )  # fmt: skip
    services.reader.rows = [one]  # type: ignore[attr-defined]


async def get(hub: Hub, cookie: str = "") -> tuple[int, bytes, str]:
    headers = {"Cookie": f"hub_session={cookie}"} if cookie else {}
    client = hub.stranger if cookie else hub.program
    async with client.get(PATH, headers=headers) as answer:
        return answer.status, await answer.read(), answer.content_type


async def test_the_picture_is_answered_as_it_was_stored(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        assert (await get(hub))[0] == 404
        known(hub.services)
        assert (await get(hub))[0] == 404, "the entry names it, and it is not there"
        write_picture(hub.services.settings.data, PICTURE)
        assert await get(hub) == (200, PICTURE.data, "image/jpeg")
        (hub.services.settings.data / PICTURE.path).write_bytes(b"\xff\xd8 another one")
        status, body, _ = await get(hub)
        assert status == 404
        assert b"picture_changed" in body


@pytest.mark.parametrize("path", ["", "../keys/x.jpg", "pictures/other/2026-01-01/x.jpg", "pictures/cam/../../hub.db"])
async def test_no_other_file_is_answered(tmp_path: Path, path: str) -> None:
    async with running_hub(tmp_path) as hub:
        known(hub.services, path)
        write_picture(hub.services.settings.data, PICTURE)
        status, body, _ = await get(hub)
        assert status == 404
        assert b"no_picture" in body


async def test_the_watcher_sees_the_picture_and_the_engineer_does_not(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        known(hub.services)
        write_picture(hub.services.settings.data, PICTURE)
        statuses = {}
        for role in (Role.WATCHER, Role.INSPECTOR, Role.AUDITOR, Role.ENGINEER):
            name = f"a-{role.value}"
            _, given = await hub.services.accounts.new_person(name, name, by=HUB, roles=frozenset({role}))
            first = await hub.services.accounts.sign_in(name, given)
            assert first is not None
            await hub.services.accounts.change_password(first[0], given, "a password of one's own")
            statuses[role] = (await get(hub, first[1]))[0]
        assert statuses == {Role.WATCHER: 200, Role.INSPECTOR: 200, Role.AUDITOR: 403, Role.ENGINEER: 403}
