"""Exports in the background, what left the hub in its ledger, and the command."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from hub.__main__ import main
from hub.clock import rfc3339
from hub.database import Database, create_tables, open_engine
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.evidence import jobs
from hub.evidence.job import Job, JobState
from hub.evidence.jobs import Exports, Wanted
from hub.evidence.source import Source
from hub.evidence.spool import PENDING, REFUSED, Intake, put
from hub.ledger.entries import EntryType
from hub.ledger.package.format import Notes
from hub.ledger.verify import verify_path
from hub.model import StreamKind
from hub.settings import Settings
from tests.activity_support import FULL, S, bench, recorder
from tests.api_support import Hub as Face
from tests.api_support import TestClock, running_hub
from tests.ledger_folder import START_US, Folder, build
from tests.package_support import END_US, NOTES, export

WANTED = Wanted("cam-a", START_US, END_US, NOTES, "案件移送", "县人民法院", movie=False)


@pytest.fixture
async def folder(tmp_path: Path) -> Folder:
    return await build(tmp_path / "hub")


def names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


class Room:
    """Exports over a folder, with all that they told."""

    def __init__(self, folder: Folder, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        self.clock = TestClock()  # a sleeper sleeps on: nothing is swept away by itself
        self.clock.utc_us = END_US + 10**9
        self.told: list[Job] = []

    async def open(self) -> Exports:
        settings = self.folder.settings.model_copy(update={"min_free_mb": 0})
        return await Exports.open(settings, self.clock, self.engine, self.told.append)


@pytest.fixture
def room(folder: Folder, tmp_path: Path) -> Room:
    engine = open_engine(Database(tmp_path / "jobs.db"))
    create_tables(engine)
    return Room(folder, engine)


async def ended(exports: Exports, job_id: str) -> Job:
    for _ in range(600):
        job = exports.get(job_id)
        if job.finished_us is not None:
            return job
        await asyncio.sleep(0.02)
    raise TimeoutError(job)


async def test_asked_approved_written_fetched_and_removed(room: Room) -> None:
    exports = await room.open()
    exports.start()
    job = await exports.request(WANTED, "zhang")
    assert job.state is JobState.REQUESTED
    with pytest.raises(Conflict):
        exports.file(job.id, 1)
    with pytest.raises(Conflict) as refused:
        await exports.approve(job.id, "zhang")
    assert refused.value.code == "same_person"
    await exports.approve(job.id, "li")
    job = await ended(exports, job.id)
    assert (job.state, job.problem, job.progress) == (JobState.READY, "", 1.0)
    path, file = exports.file(job.id, 1)
    verdict = verify_path(path)
    assert verdict.exit_code == 0
    assert path.stat().st_size == file.size
    states = [one.state for one in room.told]
    assert list(dict.fromkeys(states)) == ["requested", "approved", "running", "ready"]
    assert any(0 < one.progress < 1 for one in room.told)
    with pytest.raises(NotFound):
        exports.file(job.id, 2)
    assert (await exports.remove(job.id)).state is JobState.REMOVED
    assert not path.exists()
    await exports.close()


async def test_what_was_asked_for_outlives_a_restart(room: Room) -> None:
    """Approved and not begun, or begun: either way it is written by the next start."""
    exports = await room.open()
    job = await exports.request(WANTED, "zhang")
    other = await exports.request(WANTED, "zhang")
    await exports.approve(job.id, "li")
    exports._save(replace(exports.get(job.id), state=JobState.RUNNING))
    await exports.close()
    again = await room.open()
    assert again.get(job.id).state is JobState.APPROVED
    assert again.get(other.id).state is JobState.REQUESTED
    again.start()
    assert (await ended(again, job.id)).state is JobState.READY
    await again.close()
    third = await room.open()
    assert third.get(job.id).files == again.get(job.id).files
    assert third.get(job.id).notes == NOTES


async def test_a_database_that_is_away_is_waited_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "RETRY_S", 0)
    monkeypatch.setattr(room.clock, "sleep", asyncio.sleep)
    exports = await room.open()
    job = await exports.request(WANTED, "zhang")
    await exports.approve(job.id, "li")
    save, refused = exports._save, 0

    def away(kept: Job) -> None:
        nonlocal refused
        if (refused := refused + 1) < 4:
            raise OperationalError("INSERT", {}, Exception("connection refused"))
        save(kept)

    monkeypatch.setattr(exports, "_save", away)
    exports.start()
    assert (await ended(exports, job.id)).state is JobState.READY
    await exports.close()


async def test_old_packages_are_removed(room: Room) -> None:
    exports = await room.open()
    job = await exports.request(WANTED, "zhang")
    await exports.approve(job.id, "li")
    await exports._run(exports.get(job.id))
    room.clock.advance(6 * 86_400)
    await exports.sweep()
    assert exports.get(job.id).state is JobState.READY
    room.clock.advance(2 * 86_400)
    await exports.sweep()
    assert exports.get(job.id).state is JobState.REMOVED
    assert names(room.folder.data / "exports", "export-*") == []


async def test_rejected_cancelled_and_failed(room: Room) -> None:
    exports = await room.open()
    job = await exports.request(WANTED, "zhang")
    rejected = await exports.reject(job.id, "li", "与案件无关")
    assert (rejected.state, rejected.problem) == (JobState.REJECTED, "与案件无关")
    with pytest.raises(Conflict):
        await exports.approve(job.id, "li")
    job = await exports.request(WANTED, "zhang")
    assert (await exports.remove(job.id)).state is JobState.CANCELLED
    job = await exports.request(Wanted("cam-z", START_US, END_US, NOTES, "x"), "zhang")
    await exports.approve(job.id, "li")
    await exports._run(exports.get(job.id))
    assert exports.get(job.id).state is JobState.FAILED
    assert "nothing of cam-z" in exports.get(job.id).problem


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("cam-a", START_US, END_US, Notes("", "p", "m", ("o",)), "x"),
        Wanted("cam-a", START_US, END_US, NOTES, " "),
        Wanted("cam-a", END_US, START_US, NOTES, "x"),
    ],
)
async def test_what_cannot_be_asked_for(room: Room, wanted: Wanted) -> None:
    with pytest.raises(InvalidRequest):
        await (await room.open()).request(wanted, "zhang")


async def test_a_running_export_is_given_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    exports = await room.open()
    job = await exports.request(WANTED, "zhang")
    await exports.approve(job.id, "li")
    begun = asyncio.create_task(exports._run(exports.get(job.id)))
    while exports._cancelled is None:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await exports.remove(job.id)
    await begun
    assert exports.get(job.id).state is JobState.CANCELLED
    assert names(room.folder.data / "exports", "export-*") == []


# --------------------------------------------------------------------------------------- the ledger


def in_ledger(folder: Folder, kind: EntryType) -> list[dict[str, Any]]:
    with Source(folder.data, Database.in_folder(folder.data)) as source:
        return [dict(source.read(row).body) for row in source.special("cam-a", [kind])]


async def test_an_export_is_entered_once(folder: Folder, tmp_path: Path) -> None:
    result = export(folder, tmp_path / "a.zip", recipient="县人民法院")
    waiting = put(folder.data, result)
    kept = waiting.read_bytes()
    ledger = await folder.open()
    intake = Intake(folder.data, Database.in_folder(folder.data), ledger.append, ledger.committed)
    assert await intake.take_in() == 1
    assert names(folder.data / PENDING) == []
    waiting.write_bytes(kept)  # as after a kill between the commit and the removal
    assert await intake.take_in() == 1
    await ledger.close()
    (body,) = in_ledger(folder, EntryType.EXPORT)
    assert (body["sha256"], body["size"]) == (result.parts[0].sha256, result.parts[0].size)
    assert body["recipient"] == "县人民法院"
    assert folder.verify().exit_code == 0


async def test_a_note_of_an_export_that_makes_no_sense_is_put_aside(folder: Folder) -> None:
    pending = folder.data / PENDING
    pending.mkdir(parents=True)
    bad: dict[str, bytes] = {
        "a.json": b"{",
        "b.json": json.dumps({"stream": "cam-a", "entries": [{"type": "genesis", "body": {}}]}).encode(),
        "c.json": b'{"entries":[],"stream":"cam-new"}',
        "d.json": b'{"entries":[{"body":{},"type":"export"}],"stream":"cam-a"}',
    }
    for name, data in bad.items():
        (pending / name).write_bytes(data)
    ledger = await folder.open()
    heads = dict(ledger._heads)
    await Intake(folder.data, Database.in_folder(folder.data), ledger.append, ledger.committed).take_in()
    assert ledger._heads == heads
    await ledger.close()
    assert names(folder.data / REFUSED) == sorted(bad)
    assert names(pending) == []


# -------------------------------------------------------------------------------------- the command

FROM_TO = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T00:01:00Z"]
GIVEN = ["--matter", "检查", "--place", "人民路", "--method", "执法记录仪", "--officer", "张三", "--officer", "李四"]


def command(folder: Folder, out: Path, *more: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("HUB_KEYS_DIR", str(folder.keys))
    return main(["export", "--data", str(folder.data), "--stream", "cam-a", *FROM_TO, "--out", str(out), *more])


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder = asyncio.run(build(tmp_path / "hub"))
    assert command(folder, tmp_path / "a.zip", *GIVEN, "--no-movie", monkeypatch=monkeypatch) == 0
    assert "integrity ok" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "a.zip")]) == 0
    assert len(names(folder.data / PENDING)) == 1


@pytest.mark.parametrize("note", ["--matter", "--place", "--method", "--officer"])
def test_the_command_names_a_missing_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], note: str
) -> None:
    left = [text for pair in zip(GIVEN[::2], GIVEN[1::2], strict=True) if pair[0] != note for text in pair]
    assert command(Folder(tmp_path), tmp_path / "a.zip", *left, monkeypatch=monkeypatch) == 2
    assert note in capsys.readouterr().err
    assert names(tmp_path, "*.zip") == []


def test_the_command_names_a_session_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(Folder(tmp_path), tmp_path / "a.zip", "--session", "s-1", monkeypatch=monkeypatch) == 2
    assert "no session s-1" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------ the API

BODY = {
    "stream": "cam-a",
    "from": "2026-01-01T00:00:00Z",
    "to": "2026-01-01T00:01:00Z",
    "notes": {"matter": "检查", "place": "人民路", "method": "执法记录仪", "officers": ["张三", "李四"]},
    "reason": "案件移送",
    "recipient": "县人民法院",
    "movie": False,
}


async def call(face: Face, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    client = face.program if who == "program" else face.person
    async with client.request(method, path, json=body) as response:
        return response.status, await response.json()


async def test_over_http(folder: Folder, room: Room, tmp_path: Path) -> None:
    exports = await room.open()
    exports.start()
    noted: list[tuple[str, Any]] = []
    parts: list[Any] = []

    def note(stream: str, body: Any) -> None:
        noted.append((stream, body["what"]))
        if body["what"] == "exports.fetch":
            parts.append((body["by"], body["part"], body["bytes"]))

    (tmp_path / "face").mkdir()
    async with running_hub(tmp_path / "face") as face:
        face.services.exports = exports
        face.services.write_access = note
        await face.services.registry.add("cam-a", "窗口一", StreamKind.WINDOW, "whip")
        await face.sign_in()
        status, job = await call(face, "program", "POST", "/api/exports", BODY)
        assert (status, job["state"], job["requested_by"]) == (201, "requested", "program:admin")
        status, answer = await call(face, "program", "POST", f"/api/exports/{job['id']}/approve")
        assert (status, answer["error"]["code"]) == (403, "not_a_person")
        status, own = await call(face, "person", "POST", "/api/exports", BODY)
        status, answer = await call(face, "person", "POST", f"/api/exports/{own['id']}/approve")
        assert (status, answer["error"]["code"]) == (409, "same_person")
        status, answer = await call(face, "person", "POST", f"/api/exports/{own['id']}/reject", {"reason": "重复"})
        assert (status, answer["state"]) == (200, "rejected")
        status, job = await call(face, "person", "POST", f"/api/exports/{job['id']}/approve")
        assert (status, job["state"]) == (200, "approved")
        await ended(exports, job["id"])
        async with face.person.get(f"/api/exports/{job['id']}/file") as response:
            assert response.status == 200
            (tmp_path / "a.zip").write_bytes(await response.read())
        assert verify_path(tmp_path / "a.zip").exit_code == 0
        for at in ("bytes=0-9", "bytes=10-"):  # in pieces it is noted as well, once an hour and person
            async with face.program.get(f"/api/exports/{job['id']}/file", headers={"Range": at}) as response:
                assert response.status == 206
        assert parts == [("admin", 1, "all"), ("program:admin", 1, "some")]
        status, listed = await call(face, "program", "GET", "/api/exports")
        assert [(one["id"], one["state"]) for one in listed if one["id"] == job["id"]] == [(job["id"], "ready")]
        status, job = await call(face, "program", "DELETE", f"/api/exports/{job['id']}")
        assert (status, job["state"]) == (202, "removed")
        assert [what for _, what in noted] == [
            "exports.request", "exports.request", "exports.reject", "exports.approve", "exports.fetch",
            "exports.fetch", "exports.remove",
        ]  # fmt: skip
        for field, value in (
            ("reason", ""),
            ("recipient", ""),
            ("recipient", " "),
            ("notes", {**BODY["notes"], "place": ""}),
            ("split_bytes", 5),
        ):
            status, answer = await call(face, "program", "POST", "/api/exports", {**BODY, field: value})
            assert status == 400
            assert field in answer["error"]["message"]
        assert (await call(face, "program", "POST", "/api/exports", {**BODY, "stream": "nobody"}))[0] == 404
    await exports.close()


async def test_a_session_gives_what_is_not_said(room: Room, tmp_path: Path) -> None:
    exports = await room.open()
    (tmp_path / "face").mkdir()
    async with bench(tmp_path / "bench", at_us=START_US + 3600 * S) as b, running_hub(tmp_path / "face") as face:
        kept = await b.activities.begin(recorder("cam-a"), FULL, by="x", at_us=START_US, ended_us=START_US + 60 * S)
        still = await b.activities.begin(recorder("cam-b"), FULL, by="x", at_us=START_US)
        face.services.exports, face.services.activities = exports, b.activities
        face.services.write_access = lambda stream, body: None
        for name in ("cam-a", "cam-b"):
            await face.services.registry.add(name, name, StreamKind.WINDOW, "whip")
        await face.sign_in()
        asked: dict[str, Any] = {"session": kept.activity.id, "reason": "立案", "recipient": "法制科", "movie": False}
        status, job = await call(face, "person", "POST", "/api/exports", asked)
        assert status == 201, job
        assert (job["stream"], job["from"], job["to"]) == ("cam-a", rfc3339(START_US), rfc3339(START_US + 60 * S))
        assert job["notes"]["officers"] == [one.text for one in kept.activity.officers]
        own = {"notes": {"place": "他处"}, "to": rfc3339(START_US + 30 * S)}
        status, job = await call(face, "person", "POST", "/api/exports", asked | own)
        assert (status, job["notes"]["place"], job["to"]) == (201, "他处", rfc3339(START_US + 30 * S))
        assert job["notes"]["matter"].startswith("路面检查")
        for wrong, code, word in (
            ({"session": "nobody"}, 404, "nobody"),
            ({"stream": "cam-b"}, 400, "stream"),
            ({"session": still.activity.id}, 400, "ended"),
            ({"session": ""}, 404, "stream"),
        ):
            status, answer = await call(face, "person", "POST", "/api/exports", asked | wrong)
            assert (status, word in answer["error"]["message"]) == (code, True), answer
    await exports.close()


def test_the_setting_is_days() -> None:
    assert Settings().export_days == 7.0
