"""A backup of a small data folder and the way back: what returns, what is refused, what the next log says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import tarfile
import tomllib
from pathlib import Path

import pytest

from hub.backup import taking
from hub.backup.keys import back_up_keys, restore_keys
from hub.backup.restoring import next_origin, restore
from hub.backup.snapshot import Snapshot
from hub.backup.taking import Taken, back_up, name_of
from hub.clock import ManualClock
from hub.commands.backup import not_here, without_secrets
from hub.errors import LedgerError, StorageError
from hub.ledger.entries import EntryType, read_entry
from hub.ledger.ledger import Ledger
from hub.ledger.signing.vault import read_memory
from tests.ledger_folder import START_US, Folder, build, lines, record, scan_fake

NOW_US = START_US + 86_400_000_000
CLOCK = ManualClock(NOW_US)


def files_of(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name != "hub.lock" and "hub.db" not in name}


def rows(database: Path) -> list[tuple[int, str, int]]:
    with sqlite3.connect(database) as connection:
        return connection.execute("SELECT id, stream, seq FROM ledger_entries ORDER BY id").fetchall()


def take(folder: Folder, *, reels: bool = False) -> Taken:
    return back_up(folder.data, folder.root / "backup.tar", CLOCK, reels=reels)


async def test_with_reels_everything_comes_back(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder, reels=True)
    assert oct(taken.path.stat().st_mode & 0o777) == "0o600"
    assert (taken.manifest["running"], taken.manifest["orderly"], taken.gone) == (False, True, 0)
    back = Folder(tmp_path / "back")
    done = restore(taken.path, back.data, CLOCK, moved=True)
    assert done.origin == ""
    expected = {name: data for name, data in files_of(folder.data).items() if "/hashes." not in name}
    assert files_of(back.data) == expected
    assert rows(back.data / "hub.db") == rows(folder.data / "hub.db")
    assert oct((back.data / "hub.db").stat().st_mode & 0o777) == "0o600"
    assert back.verify(keys_dir=folder.keys).exit_code == 0
    assert not (tmp_path / ".hub-backup").exists()


async def test_coreutils_check_it_too(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder)
    with tarfile.open(taken.path) as tar:
        names = tar.getnames()
        sums = tar.extractfile("SHA256SUMS")
        manifest = tar.extractfile("manifest.json")
        assert sums is not None
        assert manifest is not None
        told = dict(reversed(line.split("  ", 1)) for line in sums.read().decode().splitlines())
        assert hashlib.sha256(manifest.read()).hexdigest() == taken.digest
        for name in names[:-2]:
            file = tar.extractfile(name)
            assert file is not None
            assert told[name] == hashlib.sha256(file.read()).hexdigest()
    assert len(told) == len(names) - 2 == taken.files


async def test_the_head_is_that_of_the_log(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    head = take(folder).manifest["head"]
    signed = read_memory(next(folder.keys.iterdir()))
    assert (head["origin"], head["size"], head["root"]) == ("test.example/log", signed.size, signed.root.hex())


async def test_without_reels_they_are_named_as_missing(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder)
    back = Folder(tmp_path / "back")
    restore(taken.path, back.data, CLOCK)
    assert not list(back.data.rglob("*.mp4"))
    verdict = back.verify(keys_dir=folder.keys)
    assert verdict.exit_code == 1
    reels = {folder.name(reel) for stream in ("cam-a", "cam-b") for reel in folder.reels(stream)}
    assert reels
    told = " ".join(finding.place for finding in verdict.findings)
    assert all(reel in told for reel in reels), verdict.findings
    for reel in reels:  # the footage lay elsewhere and is put back
        (back.data / reel).write_bytes((folder.data / reel).read_bytes())
    assert back.verify(keys_dir=folder.keys).exit_code == 0


async def test_while_the_ledger_writes_it_is_one_moment(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ledger = await folder.open(ManualClock(START_US + 10**9))
    try:
        for number in range(40):
            ledger.append("cam-a", EntryType.CLOSE, {"reason": f"test {number}"})
        taken = take(folder, reels=True)  # entries wait, some in files and not in the database
        assert taken.manifest["running"] is True
    finally:
        await ledger.close()
    back = Folder(tmp_path / "back")
    restore(taken.path, back.data, CLOCK)
    verdict = back.verify(keys_dir=tmp_path / "none")
    assert verdict.exit_code == 0, verdict.findings
    assert len(rows(back.data / "hub.db")) == taken.manifest["head"]["size"]
    assert (next((back.data / "log").glob("*/leaves"))).stat().st_size == 32 * taken.manifest["head"]["size"]


async def test_what_comes_after_the_snapshot_is_left_to_the_next_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = await build(tmp_path)
    ledger, loop = await folder.open(ManualClock(START_US + 10**9)), asyncio.get_running_loop()

    async def further() -> None:
        ledger.append("cam-a", EntryType.CLOSE, {"reason": "after the snapshot"})
        await ledger.committed()

    def snapshot(database: Path, work: Path) -> Snapshot:
        taken = Snapshot(database, work)
        asyncio.run_coroutine_threadsafe(further(), loop).result(10)
        return taken

    monkeypatch.setattr(taking, "Snapshot", snapshot)
    try:
        taken = await asyncio.to_thread(take, folder, reels=True)
    finally:
        await ledger.close()
    back = Folder(tmp_path / "back")
    restore(taken.path, back.data, CLOCK)
    assert b"after the snapshot" in b"".join(files_of(folder.data).values())
    assert b"after the snapshot" not in b"".join(files_of(back.data).values())
    assert back.verify(keys_dir=tmp_path / "none").exit_code == 0


async def test_the_restored_log_is_finished_and_the_next_one_cites_it(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder, reels=True)
    keys = back_up_keys(folder.keys, tmp_path / "keys.tar", CLOCK)
    assert keys == ["test.example/log"]
    ledger = await folder.open()  # the hub goes on after its backup
    await record(ledger, folder, ManualClock(START_US + 10**9), "cam-c")
    await ledger.close()

    back = Folder(tmp_path / "back")
    done = restore(taken.path, back.data, CLOCK)
    assert restore_keys(tmp_path / "keys.tar", back.keys) == [path.name for path in folder.keys.iterdir()]
    # The keys of the backup remember no more than the backup: nothing but the mark tells that this is an old copy.
    with pytest.raises(LedgerError) as refused:
        await back.open()
    assert refused.value.code == "restored"
    assert done.origin in str(refused.value)

    settings = back.settings.model_copy(update={"log_origin": done.origin})
    await (await Ledger.open(settings, ManualClock(NOW_US), scan_fake)).close()
    genesis = [line for line in lines(next(back.data.glob("_hub/2026-01-02.entries"))) if b'"genesis"' in line][-1]
    cited = read_entry(genesis).body["cites"]
    assert (cited["origin"], cited["size"]) == ("test.example/log", taken.manifest["head"]["size"])
    assert cited["root"] == taken.manifest["head"]["root"]
    assert back.verify().exit_code == 0
    # and later starts need no setting
    settings = back.settings.model_copy(update={"log_origin": ""})
    await (await Ledger.open(settings, ManualClock(NOW_US), scan_fake)).close()


async def test_where_the_signer_knows_more_the_new_log_cites_what_was_signed(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder, reels=True)
    ledger = await folder.open()
    await record(ledger, folder, ManualClock(START_US + 10**9), "cam-c")
    await ledger.close()
    back = Folder(tmp_path / "back")
    folder.keys.rename(tmp_path / "kept")
    back.root.mkdir()
    (tmp_path / "kept").rename(back.keys)
    done = restore(taken.path, back.data, CLOCK)
    settings = back.settings.model_copy(update={"log_origin": done.origin})
    await (await Ledger.open(settings, ManualClock(NOW_US), scan_fake)).close()
    genesis = [line for line in lines(next(back.data.glob("_hub/2026-01-02.entries"))) if b'"genesis"' in line][-1]
    signed = read_entry(genesis).body["cites"]["signed"]
    assert int(signed.splitlines()[1]) > taken.manifest["head"]["size"]
    assert back.verify().exit_code == 1, "what was signed and is gone stays visible"


async def test_moved_goes_on_with_its_log(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder, reels=True)
    back_up_keys(folder.keys, tmp_path / "keys.tar", CLOCK)
    back = Folder(tmp_path / "back")
    restore(taken.path, back.data, CLOCK, moved=True)
    restore_keys(tmp_path / "keys.tar", back.keys)
    before = read_memory(next(back.keys.iterdir())).size
    await (await back.open()).close()
    assert read_memory(next(back.keys.iterdir())).size > before
    assert back.verify().exit_code == 0


async def test_a_running_hub_is_not_moved(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    ledger = await folder.open()
    try:
        taken = take(folder)
    finally:
        await ledger.close()
    with pytest.raises(StorageError, match="without --moved"):
        restore(taken.path, tmp_path / "back", CLOCK, moved=True)
    assert not (tmp_path / "back").exists()


async def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder)
    before = files_of(folder.data)
    with pytest.raises(StorageError, match="expected an empty or new folder"):
        restore(taken.path, folder.data, CLOCK)
    assert files_of(folder.data) == before
    empty = tmp_path / "empty"
    empty.mkdir()
    restore(taken.path, empty, CLOCK)
    assert (empty / "hub.db").exists()


async def test_keys_stay_apart_and_are_never_written_over(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = take(folder, reels=True)
    back_up_keys(folder.keys, tmp_path / "keys.tar", CLOCK)
    assert oct((tmp_path / "keys.tar").stat().st_mode & 0o777) == "0o600"
    (pem,) = folder.keys.glob("*/*.pem")
    assert pem.read_bytes() not in taken.path.read_bytes()
    assert pem.read_bytes() in (tmp_path / "keys.tar").read_bytes()
    with pytest.raises(StorageError, match="stay as they are"):
        restore_keys(tmp_path / "keys.tar", folder.keys)
    with pytest.raises(StorageError, match="holds no keys"):
        restore_keys(taken.path, tmp_path / "other")
    with pytest.raises(StorageError, match="no backup of a data folder"):
        restore(tmp_path / "keys.tar", tmp_path / "back", CLOCK)
    restore_keys(tmp_path / "keys.tar", tmp_path / "other")
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "other").rglob("*.pem")} == {"0o600"}


async def test_no_keys_here(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="run this as its user"):
        back_up_keys(tmp_path / "none", tmp_path / "keys.tar", CLOCK)
    assert not (tmp_path / "keys.tar").exists()


async def test_a_backup_is_never_written_over(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    first = take(folder).path.read_bytes()
    with pytest.raises(StorageError, match="never written over"):
        take(folder)
    assert (tmp_path / "backup.tar").read_bytes() == first


def test_names() -> None:
    assert name_of(NOW_US) == "recorder-hub-20260102T000000Z.tar"
    once = next_origin("recorder-hub.local/abc", NOW_US)
    assert once == "recorder-hub.local/abc.20260102T000000Z"
    assert next_origin(once, NOW_US + 1_000_000) == "recorder-hub.local/abc.20260102T000001Z"


def test_settings_without_secrets() -> None:
    values = {
        "data": "/srv/数据",
        "admin_token": "s3cret-token",
        "signing_key": "-----BEGIN\nkey",
        "session_hours": 8.5,
        "behind_proxy": True,
        "origins": ["https://a", 'https://b"\\'],
    }
    text = without_secrets(values)
    assert "s3cret" not in text
    assert "BEGIN" not in text
    kept = {name: value for name, value in values.items() if name not in ("admin_token", "signing_key")}
    assert tomllib.loads(text) == json.loads(json.dumps(kept))
    assert "# admin_token was set" in text


async def test_reels_that_left_the_disk_are_told(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    next(folder.data.glob("reels/*/*/*.mp4")).unlink()
    taken = take(folder, reels=True)
    assert taken.gone == 1
    assert "1 files had left this disk" in not_here(taken.gone, "s3://bucket/county")
    assert "in the archive, s3://bucket/county" in not_here(taken.gone, "s3://bucket/county")
    assert "hub verify" in not_here(taken.gone, "")
