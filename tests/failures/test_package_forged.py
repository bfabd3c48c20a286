"""A package that somebody changed, with the manifest brought in step: what the manifest says proves nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.ledger.entries import canonical
from hub.ledger.verdict import Harm, Step, Verdict
from hub.ledger.verify import verify_path
from tests.ledger_folder import START_US, Folder, build
from tests.package_support import Unpacked, export


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Read only: a package of it is made once."""
    folder = asyncio.run(build(tmp_path_factory.mktemp("package") / "hub"))
    export(folder, folder.root / "good.zip")
    return folder


@pytest.fixture
def package(folder: Folder) -> Unpacked:
    return Unpacked.of(folder.root / "good.zip")


Judge = Callable[[], Verdict]


@pytest.fixture
def judge(folder: Folder, package: Unpacked, tmp_path: Path) -> Judge:
    key = next(folder.keys.glob("*/vkey")).read_text().strip()
    return lambda: verify_path(package.write(tmp_path / "bad.zip"), key)


def first(verdict: Verdict) -> tuple[int, Step, Harm]:
    assert verdict.first is not None
    return verdict.exit_code, verdict.first.step, verdict.first.harm


def flip(package: Unpacked, name: str, at: int = -10) -> None:
    data = bytearray(package.files[name])
    data[at] ^= 1
    package.files[name] = bytes(data)


def test_an_unlisted_file(package: Unpacked, judge: Judge) -> None:
    package.files["media/more.mp4"] = b"more"
    assert first(judge()) == (1, Step.INVENTORY, Harm.UNDECLARED)


def test_a_missing_file(package: Unpacked, judge: Judge) -> None:
    del package.files["README.txt"]
    assert first(judge()) == (1, Step.INVENTORY, Harm.MISSING)


def test_a_file_that_is_longer_than_listed(package: Unpacked, judge: Judge) -> None:
    package.files["README.txt"] += b" "
    assert first(judge()) == (1, Step.INVENTORY, Harm.ALTERED)


@pytest.mark.parametrize("name", ["README.txt", "report.html", "report.pdf", "SHA256SUMS"])
def test_a_file_with_other_bytes_than_listed(package: Unpacked, judge: Judge, name: str) -> None:
    flip(package, name)
    assert first(judge()) == (1, Step.DATABASE, Harm.ALTERED)


def test_a_flipped_byte_in_a_chunk(package: Unpacked, judge: Judge) -> None:
    flip(package, package.name("media/"))
    package.relist()
    verdict = judge()
    assert first(verdict) == (1, Step.FOOTAGE, Harm.ALTERED)
    assert verdict.first is not None
    assert "entry 4" in verdict.first.place


def test_a_flipped_byte_in_an_init_segment(package: Unpacked, judge: Judge) -> None:
    flip(package, package.name("media/"), 50)
    package.relist()
    verdict = judge()
    assert first(verdict) == (1, Step.FOOTAGE, Harm.ALTERED)
    assert verdict.first is not None
    assert "init segment" in verdict.first.place


def test_a_chunk_cut_off(package: Unpacked, judge: Judge) -> None:
    name = package.name("media/")
    package.files[name] = package.files[name][:-100]
    package.relist()
    assert first(judge()) == (1, Step.FOOTAGE, Harm.ALTERED)


def test_footage_that_no_entry_speaks_of(package: Unpacked, judge: Judge) -> None:
    package.files[package.name("media/")] += b"frag"
    package.relist()
    assert first(judge()) == (1, Step.FOOTAGE, Harm.UNDECLARED)


def test_two_reels_swapped(package: Unpacked, judge: Judge) -> None:
    one, two = [name for name in package.files if name.startswith("media/")]
    package.files[one], package.files[two] = package.files[two], package.files[one]
    package.relist()
    assert first(judge()) == (1, Step.FOOTAGE, Harm.ALTERED)


def test_footage_left_out_and_called_absent(package: Unpacked, judge: Judge) -> None:
    name = [name for name in package.files if name.startswith("media/")][1]
    del package.files[name]

    def absent(manifest: dict[str, Any]) -> None:
        manifest["media"] = [row for row in manifest["media"] if row["file"] != name]
        manifest["absent"] = [{"seq": seq, "why": "deleted"} for seq in (7, 8, 9)]

    package.relist(absent)
    verdict = judge()
    assert first(verdict) == (1, Step.FOOTAGE, Harm.MISSING)
    assert verdict.harms == {Harm.MISSING: 3}


def change_entry(package: Unpacked, number: int, change: Callable[[dict[str, Any]], None]) -> None:
    name = "entries/cam-a.entries"
    lines = package.files[name].split(b"\n")
    value = json.loads(lines[number])
    change(value)
    lines[number] = canonical(value)
    package.files[name] = b"\n".join(lines)


def test_an_altered_entry(package: Unpacked, judge: Judge) -> None:
    change_entry(package, 3, lambda value: value["body"].update(reason="stop"))
    package.relist()
    verdict = judge()
    assert first(verdict) == (1, Step.CHAINS, Harm.ALTERED)
    assert verdict.first is not None
    assert "entry 4" in verdict.first.place


def test_the_newest_entry_altered(package: Unpacked, judge: Judge) -> None:
    """Nothing names its leaf hash but the manifest and its proof."""
    from hub.ledger.entries import leaf_hash

    change_entry(package, 10, lambda value: value["body"].update(reason="other"))
    leaf = leaf_hash(package.files["entries/cam-a.entries"].split(b"\n")[10]).hex()
    package.relist(lambda manifest: manifest["range"]["last"].update(leaf=leaf))
    assert first(judge()) == (1, Step.LOG, Harm.ALTERED)


@pytest.mark.parametrize("number", [2, 5])
def test_an_entry_left_out(package: Unpacked, judge: Judge, number: int) -> None:
    name = "entries/cam-a.entries"
    lines = package.files[name].split(b"\n")
    package.files[name] = b"\n".join(lines[:number] + lines[number + 1 :])
    package.relist()
    assert first(judge()) == (1, Step.CHAINS, Harm.MISSING)


def test_the_tail_left_out(package: Unpacked, judge: Judge) -> None:
    """The range cut shorter by hand: its new last entry has no proof."""
    from hub.ledger.entries import leaf_hash

    name = "entries/cam-a.entries"
    lines = package.files[name].split(b"\n")[:9]
    package.files[name] = b"\n".join(lines) + b"\n"
    leaf = leaf_hash(lines[-1]).hex()

    def shorter(manifest: dict[str, Any]) -> None:
        manifest["range"]["last"] = {"seq": 8, "leaf": leaf}
        manifest["parts"][0]["last_seq"] = 8

    package.relist(shorter)
    assert any(f.step is Step.LOG and f.harm is Harm.MISSING for f in judge().findings)
    package.relist(lambda manifest: manifest.update(unproven=[8]))
    verdict = judge()
    assert verdict.exit_code == 1
    assert any(f.step is Step.LOG and f.harm is Harm.MISSING for f in verdict.findings)


def test_entries_doubled(package: Unpacked, judge: Judge) -> None:
    name = "entries/cam-a.entries"
    lines = package.files[name].split(b"\n")
    package.files[name] = b"\n".join([*lines[:3], lines[2], *lines[3:]])
    package.relist()
    assert first(judge()) == (1, Step.CHAINS, Harm.ALTERED)


def test_a_line_that_is_not_canonical(package: Unpacked, judge: Judge) -> None:
    name = "entries/cam-a.entries"
    package.files[name] = package.files[name].replace(b'"v":1}', b'"v":1 }', 1)
    package.relist()
    assert first(judge()) == (1, Step.ENTRIES, Harm.ALTERED)


def test_a_proof_left_out(package: Unpacked, judge: Judge) -> None:
    del package.files["proofs/cam-a/5.tlog-proof"]
    package.relist()
    assert first(judge()) == (1, Step.LOG, Harm.MISSING)


def test_a_proof_of_another_entry(package: Unpacked, judge: Judge) -> None:
    package.files["proofs/cam-a/5.tlog-proof"] = package.files["proofs/cam-a/6.tlog-proof"]
    package.relist()
    assert first(judge()) == (1, Step.LOG, Harm.ALTERED)


@pytest.mark.parametrize("change", ["hash", "index", "shorter", "longer", "size"])
def test_a_false_proof(package: Unpacked, judge: Judge, change: str) -> None:
    name = "proofs/cam-a/5.tlog-proof"
    lines = package.files[name].decode().split("\n")
    if change == "hash":
        lines[2] = "A" * 43 + "="
    elif change == "index":
        lines[1] = "index 999999"
    elif change == "shorter":
        del lines[2]
    elif change == "longer":
        lines.insert(2, lines[2])
    else:
        blank = lines.index("")
        lines[blank + 2] = "26"
    package.files[name] = "\n".join(lines).encode()
    package.relist()
    assert first(judge()) == (1, Step.LOG, Harm.ALTERED)


def test_an_open_of_another_stream_in_the_context(folder: Folder, judge: Judge, package: Unpacked) -> None:
    line = folder.entry_files("cam-b")[0].read_bytes().split(b"\n")[0]
    package.files["entries/context.entries"] += line + b"\n"
    package.relist()
    assert first(judge()) == (1, Step.ENTRIES, Harm.ALTERED)


async def test_everything_made_anew_with_another_key(folder: Folder, tmp_path: Path) -> None:
    other = await build(tmp_path / "other")
    export(other, tmp_path / "other.zip")
    key = next(folder.keys.glob("*/vkey")).read_text().strip()
    assert verify_path(tmp_path / "other.zip").exit_code == 0  # by itself it looks right, and says what that is worth
    assert first(verify_path(tmp_path / "other.zip", key)) == (1, Step.CHECKPOINTS, Harm.ALTERED)


def test_a_signature_line_that_is_gone(package: Unpacked, judge: Judge) -> None:
    name = package.name(".checkpoint")
    text = package.files[name].decode()
    head, line = text.split("\n\n")
    package.files[name] = f"{head}\n\n{line[:-10]}AAAAAAAA=\n".encode()
    package.relist()
    assert judge().exit_code == 1


def test_a_range_that_the_entries_do_not_give(package: Unpacked, judge: Judge) -> None:
    def longer(manifest: dict[str, Any]) -> None:
        manifest["range"]["given"]["from_us"] = START_US - 1
        manifest["notes"]["time"]["from_us"] = START_US - 1

    package.relist(longer)
    assert first(judge()) == (1, Step.DATABASE, Harm.ALTERED)


def test_an_empty_note(package: Unpacked, judge: Judge) -> None:
    package.relist(lambda manifest: manifest["notes"].update(place=""))
    assert first(judge()) == (1, Step.DATABASE, Harm.MISSING)
