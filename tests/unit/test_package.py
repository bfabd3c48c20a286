"""Evidence packages: what is in them, and that they verify by themselves."""

from __future__ import annotations

import json
import subprocess
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.errors import InvalidRequest, LedgerError, NotFound, Unavailable
from hub.evidence.plan import parse_size
from hub.ledger.entries import EntryType
from hub.ledger.ledger import Ledger
from hub.ledger.package.format import Notes
from hub.ledger.verdict import Completeness, Harm, Integrity, Provenance, Step
from hub.ledger.verify import verify_path
from tests.ledger_folder import CHUNK_US, ORIGIN, START_US, Folder, build, record, scan_fake
from tests.package_support import NOTES, Unpacked, export


@pytest.fixture
async def folder(tmp_path: Path) -> Folder:
    return await build(tmp_path / "hub")


def names(folder: Path, part: str) -> list[str]:
    return [path.name for path in folder.iterdir() if part in path.name]


def key_of(folder: Folder) -> str:
    return next(folder.keys.glob("*/vkey")).read_text().strip()


async def test_a_package_verifies_with_a_key_that_came_by_another_way(folder: Folder, tmp_path: Path) -> None:
    result = export(folder, tmp_path / "a.zip")
    verdict = verify_path(tmp_path / "a.zip", key_of(folder))
    assert (verdict.exit_code, verdict.findings, verdict.unchecked) == (0, [], [])
    assert verdict.integrity is Integrity.OK
    assert verdict.completeness is Completeness.DECLARED
    assert (verdict.provenance, verdict.key_source) == (Provenance.HUB_KEY, "given")
    assert verdict.counts.chunks == 6
    assert verdict.done == list(Step)
    assert (verdict.from_us, verdict.until_us) == result.parts[0].manifest.given
    assert not result.warnings


async def test_the_key_of_the_package_itself_is_called_worthless(folder: Folder, tmp_path: Path) -> None:
    export(folder, tmp_path / "a.zip")
    verdict = verify_path(tmp_path / "a.zip")
    assert (verdict.exit_code, verdict.key_source) == (0, "the package itself")
    assert any("proves nothing against whoever made the package" in note for note in verdict.notes)


async def test_another_key_of_the_same_name_is_refused(folder: Folder, tmp_path: Path) -> None:
    other = await build(tmp_path / "other")
    export(folder, tmp_path / "a.zip")
    verdict = verify_path(tmp_path / "a.zip", key_of(other))
    assert (verdict.exit_code, verdict.provenance) == (1, Provenance.NONE)
    assert verdict.first is not None
    assert verdict.first.step is Step.CHECKPOINTS


async def test_an_unpacked_package_verifies_as_well(folder: Folder, tmp_path: Path) -> None:
    export(folder, tmp_path / "a.zip")
    root = Unpacked.of(tmp_path / "a.zip").unpack(tmp_path / "a")
    assert verify_path(root, key_of(folder)).exit_code == 0
    command = ["sha256sum", "-c", "--strict", "SHA256SUMS"]
    assert subprocess.run(command, cwd=root, capture_output=True).returncode == 0  # noqa: ASYNC221


async def test_footage_and_entries_are_there_byte_for_byte(folder: Folder, tmp_path: Path) -> None:
    export(folder, tmp_path / "a.zip")
    files = Unpacked.of(tmp_path / "a.zip").files
    media = [data for name, data in sorted(files.items()) if name.startswith("media/")]
    assert media == [path.read_bytes() for path in folder.reels("cam-a")]
    lines = {line for path in folder.data.rglob("*.entries") for line in path.read_bytes().splitlines()}
    assert set(files["entries/cam-a.entries"].splitlines()) <= lines
    assert set(files["entries/context.entries"].splitlines()) <= lines


async def test_a_range_within_is_widened_to_whole_chunks_and_keeps_the_runs_open(
    folder: Folder, tmp_path: Path
) -> None:
    at = START_US + CHUNK_US + 500_000
    result = export(folder, tmp_path / "a.zip", from_us=at, to_us=at + 100)
    manifest = result.parts[0].manifest
    assert manifest.given == (START_US + CHUNK_US, START_US + 2 * CHUNK_US)
    assert manifest.asked == (at, at + 100)
    files = Unpacked.of(tmp_path / "a.zip").files
    context = [json.loads(line) for line in files["entries/context.entries"].splitlines()]
    assert "open" in [entry["type"] for entry in context if entry["stream"] == "cam-a"]
    verdict = verify_path(tmp_path / "a.zip", key_of(folder))
    assert (verdict.exit_code, verdict.counts.chunks, verdict.completeness) == (0, 1, Completeness.CONTIGUOUS)
    media = next(data for name, data in files.items() if name.startswith("media/"))
    reel = folder.reels("cam-a")[0].read_bytes()
    assert media == reel[:100] + reel[100 + 3016 : 100 + 2 * 3016]


async def test_an_interruption_that_began_before_the_range_is_told(folder: Folder, tmp_path: Path) -> None:
    """The range begins inside of the break: its opening lies before the first entry, or is it."""
    start = START_US + 3 * CHUNK_US + 3_000_000
    export(folder, tmp_path / "a.zip", from_us=start)
    files = Unpacked.of(tmp_path / "a.zip").files
    text = files["entries/context.entries"] + files["entries/cam-a.entries"]
    assert b'"interruption_open"' in text
    assert b'"interruption_close"' in text
    verdict = verify_path(tmp_path / "a.zip", key_of(folder))
    assert (verdict.exit_code, verdict.counts.interruptions) == (0, 1)


async def test_the_five_notes_are_in_manifest_and_readme(folder: Folder, tmp_path: Path) -> None:
    export(folder, tmp_path / "a.zip", recipient="县人民法院", reason="案件移送", approved_by="王五")
    package = Unpacked.of(tmp_path / "a.zip")
    notes = package.manifest["notes"]
    assert (notes["matter"], notes["place"], notes["method"]) == (NOTES.matter, NOTES.place, NOTES.method)
    assert notes["officers"] == list(NOTES.officers)
    assert notes["time"] == package.manifest["range"]["given"]
    readme = package.files["README.txt"].decode("utf-8-sig")
    for text in (NOTES.matter, NOTES.place, NOTES.method, *NOTES.officers, "县人民法院", "王五", "2026-01-01 08:00:00"):
        assert text in readme


@pytest.mark.parametrize("missing", ["matter", "place", "method", "officers"])
async def test_without_a_note_there_is_no_package(folder: Folder, tmp_path: Path, missing: str) -> None:
    notes = replace(NOTES, **{missing: () if missing == "officers" else " "})
    with pytest.raises(InvalidRequest):
        export(folder, tmp_path / "a.zip", notes=notes)
    assert names(tmp_path, "zip") == []


async def test_a_range_without_anything_is_refused(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        export(folder, tmp_path / "a.zip", from_us=START_US - 10**10, to_us=START_US - 10**9)
    with pytest.raises(NotFound):
        export(folder, tmp_path / "a.zip", stream_id="nobody")


async def test_runs_of_several_starts_and_logs_are_one_chain(folder: Folder, tmp_path: Path) -> None:
    """The hub was started again, and then went on under a new log."""
    second = Folder(folder.root)
    later = ManualClock(START_US + 30_000_000)
    ledger = await second.open(later)
    await record(ledger, folder, later, "cam-a", reels=1, run=20)
    await ledger.close()
    settings = folder.settings.model_copy(update={"log_origin": "test.example/second"})
    last = ManualClock(START_US + 40_000_000)
    ledger = await Ledger.open(settings, last, scan_fake)
    await record(ledger, folder, last, "cam-a", reels=1, run=30)
    await ledger.close()
    export(folder, tmp_path / "a.zip")
    verdict = verify_path(tmp_path / "a.zip", keys_dir=folder.keys)
    assert verdict.findings == []
    assert verdict.origin == "test.example/second"
    assert verdict.counts.chunks == 12
    package = Unpacked.of(tmp_path / "a.zip")
    assert [log["origin"] for log in package.manifest["logs"]] == [ORIGIN, "test.example/second"]


async def test_parts_respect_the_limit_and_verify_alone(folder: Folder, tmp_path: Path) -> None:
    whole = export(folder, tmp_path / "whole.zip").parts[0]
    rng_bytes = sum(path.stat().st_size for path in folder.reels("cam-a"))
    limit = whole.size - rng_bytes + 10_000
    result = export(folder, tmp_path / "a.zip", split_bytes=limit)
    assert len(result.parts) > 1
    spans = []
    for number, part in enumerate(result.parts, 1):
        assert part.path.name == f"a.part{number}of{len(result.parts)}.zip"
        assert part.path.stat().st_size == part.size <= limit
        verdict = verify_path(part.path, key_of(folder))
        assert (verdict.exit_code, verdict.findings) == (0, [])
        manifest = Unpacked.of(part.path).manifest
        assert manifest["part"] == number
        spans.append(manifest["parts"])
    assert all(parts == spans[0] for parts in spans)
    rows = spans[0]
    assert all(later["first_seq"] == row["last_seq"] + 1 for row, later in pairwise(rows))
    assert not names(tmp_path, ".new")


async def test_a_limit_below_one_chunk_is_refused(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        export(folder, tmp_path / "a.zip", split_bytes=20_000)
    assert names(tmp_path, "zip") == []


def test_sizes_as_they_are_written_on_discs() -> None:
    assert parse_size("4.7G") == 4_700_000_000
    assert parse_size("700MB") == 700_000_000
    assert parse_size("1GiB") == 1 << 30
    assert parse_size("12345") == 12345
    for text in ("", "G", "-1G", "4,7G", "1e9"):
        with pytest.raises(InvalidRequest):
            parse_size(text)


async def test_a_missing_reel_is_declared_and_found(folder: Folder, tmp_path: Path) -> None:
    folder.reels("cam-a")[1].unlink()
    result = export(folder, tmp_path / "a.zip")
    assert [row.why for row in result.parts[0].manifest.absent] == ["missing"] * 3
    assert any("not whole" in warning for warning in result.warnings)
    verdict = verify_path(tmp_path / "a.zip", key_of(folder))
    assert (verdict.exit_code, verdict.integrity) == (1, Integrity.MISSING_PARTS)
    assert verdict.harms == {Harm.MISSING: 3}


async def test_an_altered_chunk_is_exported_and_found(folder: Folder, tmp_path: Path) -> None:
    reel = folder.reels("cam-a")[0]
    data = bytearray(reel.read_bytes())
    data[200] ^= 1
    reel.write_bytes(data)
    result = export(folder, tmp_path / "a.zip")
    assert any("not whole" in warning for warning in result.warnings)
    verdict = verify_path(tmp_path / "a.zip", key_of(folder))
    assert (verdict.exit_code, verdict.integrity) == (1, Integrity.NOT_OK)


async def test_the_folder_of_a_running_hub(tmp_path: Path) -> None:
    """Nothing of it is written, and what is not signed yet is said."""
    folder = Folder(tmp_path / "hub")
    clock = ManualClock(START_US)
    settings = folder.settings.model_copy(update={"checkpoint_s": 3600.0})
    ledger = await Ledger.open(settings, clock, scan_fake)
    await record(ledger, folder, clock, "cam-a")
    before = {path: path.stat().st_mtime_ns for path in folder.data.rglob("*") if path.name != "hub.db-shm"}
    with pytest.raises(Unavailable) as refused:
        export(folder, tmp_path / "a.zip")
    assert refused.value.code == "not_signed_yet"
    await ledger._sign()
    export(folder, tmp_path / "a.zip")
    after = {path: path.stat().st_mtime_ns for path in folder.data.rglob("*") if path.name != "hub.db-shm"}
    changed = {path.name for path in after if before.get(path) != after[path]}
    assert changed <= {"checkpoint", "checkpoints", "hub.db-wal", "log", folder.log.name}
    assert verify_path(tmp_path / "a.zip", ledger.vkey()).exit_code == 0
    await ledger.close()


async def test_deleted_footage_is_told_from_missing(folder: Folder, tmp_path: Path) -> None:
    reel = folder.reels("cam-a")[0]
    name = folder.name(reel)
    ledger = await folder.open()
    body = {
        "id": "t-1", "rule": "patrol", "class": "patrol", "kept_days": 366, "approved_by": "rule",
        "reels": [{"reel": name, "size": reel.stat().st_size, "chunks": 3, "sha256": "0" * 64,
                   "first_us": START_US, "end_us": START_US + 3 * CHUNK_US}],
    }  # fmt: skip
    stone = ledger.append("cam-a", EntryType.TOMBSTONE, body)
    await ledger.committed()
    reel.unlink()
    gone = {"id": "t-1", "tombstone": stone.leaf, "reels": [name], "absent": [], "kept": [], "signed_size": 30}
    ledger.append("cam-a", EntryType.DELETED, gone)
    await ledger.committed()
    await ledger.close()
    result = export(folder, tmp_path / "a.zip")
    assert [row.why for row in result.parts[0].manifest.absent] == ["deleted"] * 3
    verdict = verify_path(tmp_path / "a.zip", key_of(folder))
    assert (verdict.exit_code, verdict.completeness) == (0, Completeness.TOMBSTONED)
    package = Unpacked.of(tmp_path / "a.zip")
    lines = package.files["entries/context.entries"].splitlines(keepends=True)
    package.files["entries/context.entries"] = b"".join(line for line in lines if b'"type":"tombstone"' not in line)
    package.relist()
    verdict = verify_path(package.write(tmp_path / "b.zip"), key_of(folder))
    assert (verdict.exit_code, verdict.harms[Harm.MISSING]) == (1, 3)


async def test_a_killed_hubs_last_entries_are_not_exported_unsigned(folder: Folder, tmp_path: Path) -> None:
    history = folder.log / "checkpoints"
    history.write_text("")
    (folder.log / "checkpoint").write_text("")
    with pytest.raises(LedgerError, match="start it once"):
        export(folder, tmp_path / "a.zip")


async def test_media_is_stored_and_the_zip_is_plain(folder: Folder, tmp_path: Path) -> None:
    export(folder, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            assert info.compress_type == (
                zipfile.ZIP_STORED if info.filename.startswith("media/") else info.compress_type
            )
            assert not info.flag_bits & ~0x800


def test_notes_say_which_are_missing() -> None:
    assert Notes("", " ", "x", ("",)).missing() == ("--matter (事项)", "--place (地点)", "--officer (行政执法人员)")
    assert NOTES.missing() == ()
