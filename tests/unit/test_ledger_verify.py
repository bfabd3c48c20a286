"""The verifier: verdicts on good data, on live data, on no data; reports; and what it needs to run."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.clock import ManualClock
from hub.ledger.bodies import chunk_body, close_body
from hub.ledger.entries import EntryType
from hub.ledger.merkle import tree_root
from hub.ledger.notes import Checkpoint, VerifierKey, parse_checkpoint, parse_note, sign_note
from hub.ledger.verdict import (
    Completeness,
    ExitCode,
    Finding,
    Harm,
    Integrity,
    Provenance,
    Step,
    TimeSource,
    Verdict,
)
from hub.ledger.verify import cli, verify_path
from hub.ledger.verify import progress as progress_module
from hub.ledger.verify import run as run_module
from hub.ledger.verify.log import LogSnapshot
from hub.ledger.verify.progress import ProgressBar
from hub.ledger.verify.report import to_json, to_text
from hub.ledger.verify.words import LANGUAGES
from tests.ledger_folder import ORIGIN, START_US, Folder, Reel, build, edit, flip, fragment, record


async def test_intact(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    seen: list[tuple[int, int]] = []
    verdict = folder.verify(progress=lambda done, total: seen.append((done, total)))
    assert verdict.exit_code == 0
    assert (verdict.integrity, verdict.completeness) == (Integrity.OK, Completeness.DECLARED)
    assert (verdict.provenance, verdict.time) == (Provenance.HUB_KEY, TimeSource.HUB_CLOCK)
    assert (verdict.counts.entries, verdict.counts.chunks, verdict.counts.reels) == (25, 12, 4)
    assert verdict.counts.bytes == sum(path.stat().st_size for path in folder.data.glob("reels/*/*/*.mp4"))
    assert verdict.counts.unsigned_entries == 0
    assert verdict.unchecked == []
    assert set(verdict.done) == set(Step)
    assert seen[-1][0] == seen[-1][1]


async def test_a_copy_without_database_keys_or_lock(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    for path in folder.data.glob("hub.*"):
        path.unlink()
    verdict = verify_path(folder.data)
    assert verdict.exit_code == 0
    assert verdict.key_source == "the data folder itself"
    assert any("database" in text for text in verdict.unchecked)
    key = (folder.log / "vkey").read_text()
    assert verify_path(folder.data, key).key_source == "given"


async def test_verifying_changes_nothing(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.data.rglob("*") if path.is_file()}
    folder.verify()
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.data.rglob("*") if path.is_file()}
    assert after == before


async def test_live_data_is_pending_and_a_copy_of_it_is_undeclared(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "hub")
    clock = ManualClock(START_US)
    ledger = await folder.open(clock)
    await record(ledger, folder, clock, "cam-a")
    import random

    rng = random.Random(2)
    reel = Reel(folder.data, "cam-a", 2, 9, START_US + 30_000_000, rng)
    ledger.append("cam-a", EntryType.CHUNK, chunk_body(reel.chunk(0)))
    await ledger.committed()
    reel.write(fragment(rng, 500))
    verdict = folder.verify()
    assert verdict.exit_code == 0, verdict.findings
    assert verdict.live
    assert verdict.counts.pending_bytes == 508
    copy = folder.copy(tmp_path / "copy").verify()
    assert copy.exit_code == 1
    assert copy.integrity is Integrity.MISSING_PARTS
    (found,) = copy.findings
    assert found.place == f"{reel.name} bytes 3116-3624"
    await ledger.close()


async def test_what_a_live_hub_signs_meanwhile_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signer's memory is read after the log: a hub that runs may have signed more by then."""
    folder = await build(tmp_path)
    ledger = await folder.open(ManualClock(START_US + 10**9))
    take = LogSnapshot.take

    def earlier(path: Path, origin: str = "") -> LogSnapshot:
        now = take(path, origin)
        return replace(now, newest="", history="", size=now.size - 2)

    try:
        monkeypatch.setattr(LogSnapshot, "take", earlier)
        verdict = verify_path(folder.data, keys_dir=folder.keys)
        assert verdict.live
        assert [one for one in verdict.findings if one.place.startswith("log/")] == []
        leaves = folder.log / "leaves"
        leaves.write_bytes(leaves.read_bytes()[:-32] + bytes(32))
        verdict = verify_path(folder.data, keys_dir=folder.keys)
        assert any("as signed" in one.expected for one in verdict.findings), "another root is one still"
    finally:
        await ledger.close()


async def test_a_live_entry_half_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    ledger = await folder.open()
    ledger.append("cam-a", EntryType.CLOSE, close_body("x"))
    await ledger.committed()
    with (folder.data / "reels/cam-a/2026-01-01.entries").open("ab") as file:
        file.write(b'{"body":{"rea')
    verdict = folder.verify()
    assert verdict.exit_code == 0
    assert verdict.counts.pending_entries == 1
    await ledger.close()


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_what_is_no_data_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    verdict = verify_path(tmp_path / name)
    assert verdict.exit_code == 2
    assert verdict.integrity is Integrity.CANNOT_BE_JUDGED
    assert verdict.unchecked
    assert "CANNOT BE JUDGED" in to_text(verdict)


async def test_a_bad_key_cannot_be_judged(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    assert folder.verify(key="nonsense").exit_code == 2


@pytest.mark.parametrize("number", range(len(run_module.STEPS)))
async def test_a_fault_of_the_verifier_is_never_ok(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folder = await build(tmp_path)

    def fail(run: object) -> None:
        raise AssertionError("a bug")

    steps = list(run_module.STEPS)
    steps[number] = (fail, steps[number][1])
    monkeypatch.setattr(run_module, "STEPS", steps)
    verdict = folder.verify()
    assert verdict.exit_code == 2
    assert "a bug" in verdict.unchecked[-1]


async def test_a_fault_while_reading_a_reel_is_never_ok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hub.ledger.verify.footage import ReelJob

    folder = await build(tmp_path)

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(ReelJob, "_read", fail)
    assert folder.verify().exit_code == 2


async def test_a_break_that_nothing_declares(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    clock = ManualClock(START_US)
    ledger = await folder.open(clock)
    import random

    reel = Reel(folder.data, "cam-a", 1, 0, START_US, random.Random(3))
    ledger.append("cam-a", EntryType.CHUNK, chunk_body(reel.chunk(0)))
    reel.at_us += 5_000_000
    entry = ledger.append("cam-a", EntryType.CHUNK, chunk_body(reel.chunk(4)))
    await ledger.close()
    verdict = folder.verify()
    assert verdict.exit_code == 1
    assert (verdict.integrity, verdict.completeness) == (Integrity.OK, Completeness.UNDECLARED_BREAK)
    (found,) = verdict.findings
    assert f"(entry {entry.seq} of cam-a)" in found.place
    assert found.found == "5.000 s of neither"


async def test_a_heartbeat_that_names_other_heads(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    edit(folder.data / "_hub/2026-01-01.entries", 1, lambda value: value["body"].update(digest="ab" * 32))
    steps = {finding.step for finding in folder.verify().findings}
    assert steps == {Step.CHAINS, Step.LOG, Step.COMPLETENESS, Step.DATABASE}


async def test_a_database_that_says_something_else(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    database = sqlite3.connect(folder.data / "hub.db")
    database.execute("UPDATE ledger_entries SET leaf = ? WHERE stream = 'cam-b' AND seq = 4", (bytes(32),))
    database.commit()
    database.close()
    (found,) = folder.verify().findings
    assert (found.step, found.place) == (Step.DATABASE, "hub.db (entry 4 of cam-b)")


async def test_a_database_that_holds_more_than_the_files(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    database = sqlite3.connect(folder.data / "hub.db")
    database.execute(
        "INSERT INTO ledger_entries SELECT 99, stream, 11, type, leaf, t_hub_us, file_id, offset, size "
        "FROM ledger_entries WHERE stream = 'cam-b' AND seq = 4"
    )
    database.commit()
    database.close()
    (found,) = folder.verify().findings
    assert (found.step, found.harm) == (Step.DATABASE, Harm.MISSING)


async def test_reports(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    verdict = folder.verify()
    text = to_text(verdict)
    assert "INTACT." in text
    assert "校验通过：数据完整，未发现改动；有中断，均有记录。" in text
    assert all(f"  {int(step)}. " in text for step in Step)
    folder.reels("cam-a")[0].unlink()
    verdict = folder.verify()
    text = to_text(verdict)
    assert "校验未通过：现存数据未被改动，但有缺失" in text
    assert "expected  a reel with 3 chunks" in text
    value = json.loads(json.dumps(to_json(verdict)))
    assert (value["exit"], value["integrity"]) == (1, "ok_with_missing_parts")
    assert value["first"]["place"] == value["findings"][0]["place"]
    assert value["time"]["from"] == "2026-01-01T00:00:00.000000Z"
    assert value["checkpoint"]["size"] == 25


async def test_a_report_in_chinese(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    text = to_text(folder.verify(), "zh")
    assert "  6. 每个录像文件的内容与记录的摘要值一致" in text
    assert "来源      中枢密钥签名" in text
    assert text.splitlines()[-1] == "所核对的内容与中枢当时的记录一致，凡有缺失均有记录说明。"
    folder.reels("cam-a")[0].unlink()
    text = to_text(folder.verify(), "zh")
    assert "首个问题：第 6 步，缺失" in text
    assert "校验未通过：现存数据未被改动，但有缺失" in text
    text = to_text(verify_path(tmp_path / "nothing"), "zh")
    assert "无法校验：无法判断；连续性无法判断；未验证签名。" in text


def test_both_languages_have_a_word_for_everything() -> None:
    kinds = {"steps": Step, "package_steps": Step, "harms": Harm, "integrity": Integrity, "completeness": Completeness}
    kinds |= {"provenance": Provenance, "time": TimeSource, "summary": ExitCode, "meaning": ExitCode}
    for words in LANGUAGES.values():
        for name, kind in kinds.items():
            assert set(getattr(words, name)) == set(kind), name


async def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = await build(tmp_path)
    assert cli.main([str(folder.data), "--keys", str(folder.keys), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exit"] == 0
    assert cli.main([str(folder.data), "--checkpoint", str(folder.log / "checkpoint"), "--lang", "zh"]) == 0
    assert "其前 25 条记录与当时相同" in capsys.readouterr().out
    assert cli.main([str(folder.data), "--checkpoint", str(tmp_path / "none")]) == 2
    assert cli.main([str(tmp_path / "none"), "--lang", "en"]) == 2
    assert cli.main([str(folder.data), "--key", "no key"]) == 2, "at once, and not after an hour of hashing"
    assert "CANNOT BE JUDGED" in capsys.readouterr().out


def test_a_bar_only_on_a_terminal_and_only_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now)
    out = io.StringIO()
    bar = ProgressBar(out)
    bar(1, 100)
    assert out.getvalue() == ""
    now += 10
    bar(50_000_000_000, 100_000_000_000)
    assert " 50%  50.00 / 100.00 GB  0:00:10" in out.getvalue()
    bar(60, 100)
    assert "60%" not in out.getvalue()
    bar.end()
    assert out.getvalue().endswith(" \r")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("an older one", ""),
        ("another root", "the root"),
        ("more than there is", "at least the 99 leaves"),
        ("another log", "the log other.example/log"),
        ("another key", "a valid signature by"),
    ],
)
async def test_a_checkpoint_from_elsewhere(tmp_path: Path, change: str, said: str) -> None:
    folder = await build(tmp_path)
    signer = Ed25519PrivateKey.generate()
    public = signer.public_key().public_bytes_raw()
    key = VerifierKey(ORIGIN, public)
    signed = parse_checkpoint(parse_note((folder.log / "checkpoint").read_text()).text)
    older = tree_root([(folder.log / "leaves").read_bytes()[at : at + 32] for at in range(0, 32 * 7, 32)])
    head = {
        "an older one": Checkpoint(ORIGIN, 7, older),
        "another root": Checkpoint(ORIGIN, 7, bytes(32)),
        "more than there is": Checkpoint(ORIGIN, 99, bytes(32)),
        "another log": Checkpoint("other.example/log", 7, older),
        "another key": signed,
    }[change]
    note = sign_note(head.text(), ORIGIN, signer, key)
    if change != "another key":  # everything else is to be found whoever signed it
        (folder.log / "vkey").write_text(f"{key}\n")
        (folder.log / "checkpoint").write_text(sign_note(signed.text(), ORIGIN, signer, key))
        (folder.log / "checkpoints").unlink()
    verdict = folder.verify(keys_dir=None, checkpoints=[("the sheet", note)])
    if said:
        assert verdict.exit_code == 1
        assert verdict.first is not None
        assert (verdict.first.step, "the sheet" in str(verdict.first)) == (Step.CHECKPOINTS, True)
        assert said in verdict.first.expected
    else:
        assert verdict.exit_code == 0
        assert "the log extends the checkpoint given, the sheet: its first 7 entries are as then" in verdict.notes


async def test_a_checkpoint_that_cannot_be_read_cannot_be_judged(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    assert folder.verify(checkpoints=[("the sheet", "nonsense")]).exit_code == 2


async def test_what_nobody_signed_cannot_be_judged(tmp_path: Path) -> None:
    """It is good in itself, and so is whatever anybody makes up."""
    folder = await build(tmp_path)
    (folder.log / "vkey").unlink()
    verdict = folder.verify(keys_dir=None)
    assert (verdict.exit_code, verdict.integrity) == (2, Integrity.CANNOT_BE_JUDGED)
    assert Step.CHECKPOINTS not in verdict.done
    assert verdict.first is None


async def test_what_was_not_looked_at_is_not_shown_as_fine(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    for path in folder.data.glob("hub.*"):
        path.unlink()
    verdict = folder.verify()
    assert Step.DATABASE not in verdict.done
    assert next(line for line in to_text(verdict).splitlines() if line.startswith("  8.")).endswith(" -")


async def test_the_first_fault_is_kept_however_many_there_are(tmp_path: Path) -> None:
    verdict = Verdict("x")
    for number in range(300):
        verdict.add(Finding(Step.FOOTAGE, Harm.ALTERED, "", str(number), "", ""))
    verdict.add(Finding(Step.CHAINS, Harm.ALTERED, "", "late", "", ""))
    verdict.add(Finding(Step.CHAINS, Harm.ALTERED, "", "later", "", ""))
    assert verdict.first is not None
    assert verdict.first.place == "late"
    assert "and 282 more" in to_text(verdict)


def test_needs_no_media_library() -> None:
    code = (
        "import sys; import hub.ledger.verify, hub.ledger.verify.report;"
        "heavy = {'av', 'aiortc', 'numpy', 'aiohttp', 'sqlalchemy', 'pydantic', 'structlog'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_ledger_needs_no_media_library() -> None:
    code = (
        "import sys; import hub.ledger.ledger;"
        "heavy = {'av', 'aiortc', 'numpy', 'aiohttp'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


async def test_the_verdict_is_the_same_with_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = await build(tmp_path)
    for path in sorted(folder.data.glob("reels/*/*/*.mp4"))[::2]:
        flip(path, path.stat().st_size - 1)
    monkeypatch.setattr("hub.ledger.verify.reading.JOBS_AT_ONCE", 1)
    first, *others = (folder.verify(threads=threads) for threads in (1, 2, 4))
    assert len(first.findings) == 2
    assert all((one.findings, one.counts) == (first.findings, first.counts) for one in others)
    assert not [thread for thread in threading.enumerate() if thread.name == "verify"]
