"""Reporting, signing and closing over HTTP: who may, what is refused, what the list then says."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from hub.followup.explaining import Explaining
from hub.followup.followup import Followup
from hub.model import Stream, StreamKind, WhipSource
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import Hub, running_hub
from tests.followup_support import REC, Desk, desk

OWN = "a password of one's own"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
PEOPLE = {
    "zhang": ("A001", Role.OFFICER, ""),
    "li": ("A002", Role.OFFICER, ""),
    "chen": ("", Role.HALL_ADMIN, ""),
    "approver": ("", Role.APPROVER, ""),
    "elsewhere": ("A003", Role.OFFICER, "north"),
}


@asynccontextmanager
async def office(tmp_path: Path) -> AsyncIterator[tuple[Hub, Desk, dict[str, aiohttp.ClientSession], str]]:
    """A hub's face over a real ledger, with signed-in people; the recorder's token."""
    async with desk(tmp_path / "ledger") as at, running_hub(tmp_path) as hub:
        services = hub.services
        await services.units.add("north", "北大队", ROOT, UnitKind.BRIGADE, by=HUB)
        made = await services.registry.add(REC, "执法记录仪1", StreamKind.RECORDER, "whip")
        services.reader = at.ledger.reader
        services.followup = Followup(
            at.clock, at.ledger, at.followup.told, at.ledger.reader, services.units, services.registry.find, list
        )
        services.explaining = Explaining(services.followup, services.people, at.folder.data)
        at.followup = services.followup
        await at.followup.start()
        clients: dict[str, aiohttp.ClientSession] = {}
        for name, (number, role, unit) in PEOPLE.items():
            _, password = await services.accounts.new_person(
                name, name, by=HUB, unit=unit or ROOT, certificate=number, roles=frozenset({role})
            )
            first = await services.accounts.sign_in(name, password)
            assert first is not None
            await services.accounts.change_password(first[0], password, OWN)
            headers = {"Origin": str(hub.base.origin()), "Cookie": f"hub_session={first[1]}"}
            clients[name] = aiohttp.ClientSession(hub.base, headers=headers, cookie_jar=aiohttp.DummyCookieJar())
        try:
            assert made.token is not None
            yield hub, at, clients, made.token
        finally:
            for client in clients.values():
                await client.close()


async def post(client: aiohttp.ClientSession, path: str, body: object = None, **more: Any) -> tuple[int, Any]:
    async with client.post(path, json=body, **more) as response:
        answer = await response.json()
        return response.status, answer.get("error", answer) if isinstance(answer, dict) else answer


async def get(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_closing_is_refused_until_two_have_signed(tmp_path: Path) -> None:
    async with office(tmp_path) as (_, at, people, _token):
        await at.back(await at.fault())
        status, error = await post(people["chen"], "/api/interruptions/i-1/close")
        assert (status, error["code"]) == (409, "not_explained")
        assert "0 have signed" in error["message"]
        status, made = await post(people["zhang"], "/api/interruptions/i-1/statements", {"text": "隧道内无信号。"})
        assert status == 201
        assert "隧道内无信号。" in made["text"]
        path = f"/api/interruptions/i-1/statements/{made['id']}"
        for password, code in (("wrong", "bad_credentials"), (OWN, "")):
            status, answer = await post(
                people["zhang"], f"{path}/signatures", {"password": password, "sha256": made["sha256"]}
            )
            assert (status, answer.get("code", "")) == ((403, code) if code else (201, ""))
        signature = {"password": OWN, "sha256": made["sha256"]}
        assert (await post(people["zhang"], f"{path}/signatures", signature))[1]["code"] == "signed_before"
        assert (await post(people["elsewhere"], f"{path}/signatures", signature))[0] == 404
        assert (await post(people["approver"], f"{path}/signatures", signature))[0] == 403
        assert (await post(people["chen"], "/api/interruptions/i-1/close"))[0] == 409
        status, answer = await post(people["li"], f"{path}/signatures", signature)
        assert (status, answer["followup"]["state"]) == (201, "explained")
        status, answer = await post(people["chen"], "/api/interruptions/i-1/close")
        assert (status, answer["followup"]["state"], answer["followup"]["closed_by"]) == (200, "closed", "chen")
        assert answer["followup"]["findings"] == ["no_spoken_explanation"]
        told = await get(people["chen"], "/api/interruptions/i-1/history")
        assert [(one["what"], one["by"]) for one in told] == [
            ("interruption_open", "hub"), ("interruption_close", "hub"), ("explanation.written.drafted", "zhang"),
            ("explanation.written.signed", "zhang"), ("explanation.written.signed", "li"),
            ("explanation.close", "chen"),
        ]  # fmt: skip


async def test_the_list_says_and_finds_what_became_of_each(tmp_path: Path) -> None:
    async with office(tmp_path) as (hub, at, _, _token):
        await at.back(await at.fault())
        await at.back(await at.fault(ident="i-2", needs_explanation=False))
        await at.fault(ident="i-3")
        found = await get(hub.program, "/api/interruptions")
        assert {one["id"]: one["followup"]["state"] for one in found} == {
            "i-1": "awaiting",
            "i-2": "none",
            "i-3": "open",
        }
        for state, wanted in (("awaiting", ["i-1"]), ("open", ["i-3"]), ("none", ["i-2"]), ("closed", [])):
            found = await get(hub.program, f"/api/interruptions?followup={state}")
            assert [one["id"] for one in found] == wanted, state
        assert (await get(hub.program, "/api/interruptions/i-1"))["followup"]["deadline"].endswith("Z")
        async with hub.program.get("/api/interruptions?followup=strange") as response:
            assert response.status == 400


async def test_a_recorder_reports_with_its_token_and_a_person_with_a_right(tmp_path: Path) -> None:
    async with office(tmp_path) as (hub, at, people, token):
        path, bearer = f"/api/streams/{REC}/report", {"Authorization": f"Bearer {token}"}
        status, answer = await post(hub.stranger, path, {"reason": "no_power"}, headers=bearer)
        assert (status, answer) == (201, {"interruption": None})
        await at.fault()
        status, answer = await post(hub.stranger, path, {"reason": "other"}, headers=bearer)
        assert status == 400
        status, answer = await post(people["zhang"], path, {"reason": "weather"})
        assert (status, answer) == (201, {"interruption": "i-1"})
        assert (await post(people["approver"], path, {"reason": "weather"}))[0] == 403
        assert (await post(people["elsewhere"], path, {"reason": "weather"}))[0] == 404
        assert (await post(hub.stranger, path, {"reason": "weather"}))[0] == 401
        assert await at.state() == "reported"


async def test_a_spoken_clip_is_marked_by_the_device_or_who_watches(tmp_path: Path) -> None:
    async with office(tmp_path) as (hub, at, people, token):
        await at.fault()
        clip = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:05Z"}
        path = f"/api/streams/{REC}/spoken"
        for client, headers in ((hub.stranger, {"Authorization": f"Bearer {token}"}), (people["chen"], {})):
            assert (await post(client, path, clip, headers=headers))[1]["code"] == "not_resumed"
        assert (await post(people["approver"], path, clip))[0] == 403
        hub.services.registry._streams["other"] = Stream("other", "x", StreamKind.RECORDER, WhipSource(), 0)
        status, error = await post(hub.program, "/api/streams/other/spoken", {**clip, "interruption": "i-1"})
        assert (status, error["code"]) == (400, "other_stream")


async def test_a_paper_is_printed_and_comes_back(tmp_path: Path) -> None:
    async with office(tmp_path) as (_, at, people, _token):
        await at.back(await at.fault())
        _, made = await post(people["zhang"], "/api/interruptions/i-1/statements", {"text": "隧道内无信号。"})
        path = f"/api/interruptions/i-1/statements/{made['id']}"
        async with people["zhang"].get(f"{path}/page") as response:
            text = await response.text()
            assert "style-src 'sha256-" in response.headers["Content-Security-Policy"]
        assert made["sha256"] in text
        for data, media, wanted in (
            (b"GIF89a", "application/pdf", 400),
            (PDF, "text/html", 400),
            (PDF, "application/pdf", 201),
        ):
            async with people["zhang"].post(f"{path}/scans", data=data, headers={"Content-Type": media}) as response:
                assert response.status == wanted
                answer = await response.json()
        scan = answer["statements"][0]["scans"][0]
        verdict = {"accepted": True, "certificates": ["A001", "A002"]}
        assert (await post(people["zhang"], f"{path}/scans/{scan['id']}/check", verdict))[0] == 403
        status, answer = await post(people["chen"], f"{path}/scans/{scan['id']}/check", verdict)
        assert (status, answer["followup"]["how"]) == (201, "paper")
        async with people["chen"].get(f"{path}/scans/{scan['id']}") as response:
            assert await response.read() == PDF
            assert response.headers["Content-Disposition"].startswith("attachment")


async def test_a_program_signs_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as (hub, at, _, _token):
        await at.back(await at.fault())
        status, _ = await post(hub.program, "/api/interruptions/i-1/statements", {"text": "隧道内无信号。"})
        assert status == 403


async def test_a_scan_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with office(tmp_path) as (_, at, people, _token):
        await at.back(await at.fault())
        _, made = await post(people["zhang"], "/api/interruptions/i-1/statements", {"text": "隧道内无信号。"})
        path = f"/api/interruptions/i-1/statements/{made['id']}/scans"
        headers = {"Content-Type": "application/pdf"}
        async with people["zhang"].post(
            path, data=io.BytesIO(bytes(21 << 20)), headers=headers, expect100=True
        ) as response:
            assert response.status == 413
