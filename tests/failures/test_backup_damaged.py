"""A backup that was damaged, altered, cut off or made by an enemy: refused with the reason, and nothing is left."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.backup.archive import FORMAT, Archive, BadBackup, is_plain, unpack
from hub.backup.restoring import restore
from hub.backup.taking import back_up
from hub.clock import ManualClock
from tests.ledger_folder import build

CLOCK = ManualClock()


def plain(name: str, size: int = 0) -> tarfile.TarInfo:
    item = tarfile.TarInfo(name)
    item.size = size
    return item


def whole(path: Path, members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> Path:
    """An archive whose sums and manifest are right, whatever its members are called."""
    sums = b"".join(f"{hashlib.sha256(data).hexdigest()}  {item.name}\n".encode() for item, data in members)
    head = {"origin": "test.example/log", "size": 1, "root": "00" * 32}
    manifest: dict[str, object] = {"format": FORMAT, "sums_sha256": hashlib.sha256(sums).hexdigest(), "head": head}
    manifest["sha256"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    text = json.dumps(manifest).encode()
    with tarfile.open(path, "w") as tar:
        for item, data in members:
            tar.addfile(item, io.BytesIO(data))
        tar.addfile(plain("SHA256SUMS", len(sums)), io.BytesIO(sums))
        tar.addfile(plain("manifest.json", len(text)), io.BytesIO(text))
    return path


def refused(path: Path, data: Path, because: str) -> None:
    with pytest.raises(BadBackup, match=because):
        restore(path, data, CLOCK)
    assert not data.exists()


@pytest.mark.parametrize(
    "name",
    [
        "data/../../climbed", "../climbed", "/etc/climbed", "data//climbed", "data/./climbed", "data/..", "data/",
        "data/a\\b", "data/a\nb", "data/" + "x" * 300, "climbed", "data/" + "d/" * 600 + "x",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere(name: str, tmp_path: Path) -> None:
    path = whole(tmp_path / "hostile.tar", [(plain("data/hub.db", 2), b"db"), (plain(name, 4), b"evil")])
    refused(path, tmp_path / "in" / "data", "no name of a file")
    assert not list(tmp_path.rglob("climbed*"))


def linked(kind: bytes, to: str) -> tarfile.TarInfo:
    item = plain("data/way")
    item.type, item.linkname = kind, to
    return item


@pytest.mark.parametrize(
    "item",
    [
        linked(tarfile.SYMTYPE, "/etc"), linked(tarfile.LNKTYPE, "/etc/passwd"), linked(tarfile.DIRTYPE, ""),
        linked(tarfile.FIFOTYPE, ""), linked(tarfile.CHRTYPE, ""), linked(tarfile.BLKTYPE, ""),
    ],
    ids=["symlink", "hard link", "folder", "fifo", "character device", "block device"],
)  # fmt: skip
def test_members_that_are_no_files(item: tarfile.TarInfo, tmp_path: Path) -> None:
    through = (plain("data/way/climbed", 4), b"evil")
    path = whole(tmp_path / "hostile.tar", [(plain("data/hub.db", 2), b"db"), (item, b""), through])
    refused(path, tmp_path / "data", "which is none")


def test_a_name_twice_and_a_file_as_a_folder(tmp_path: Path) -> None:
    for name in ("data/hub.db", "data/hub.db/inside"):
        path = whole(tmp_path / "hostile.tar", [(plain("data/hub.db", 2), b"db"), (plain(name, 2), b"no")])
        refused(path, tmp_path / "data", "there twice")


async def test_one_byte_of_a_recording_is_another(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = back_up(folder.data, tmp_path / "backup.tar", CLOCK, reels=True)
    reel = folder.reels("cam-a")[0]
    content = bytearray(taken.path.read_bytes())
    content[content.find(reel.read_bytes()) + 2000] ^= 1
    taken.path.write_bytes(content)
    refused(taken.path, tmp_path / "back", reel.name)


async def test_a_file_taken_out_and_the_end_missing(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    taken = back_up(folder.data, tmp_path / "backup.tar", CLOCK)
    with tarfile.open(taken.path) as source:
        members = [(item, source.extractfile(item)) for item in source]
        for leave_out, because in ((3, "not as SHA256SUMS has it"), (len(members) - 1, "no manifest.json at its end")):
            with tarfile.open(tmp_path / "less.tar", "w") as tar:
                for number, (item, file) in enumerate(members):
                    if number != leave_out and file is not None:
                        file.seek(0)
                        tar.addfile(item, file)
            refused(tmp_path / "less.tar", tmp_path / "back", because)


def test_what_is_no_backup_at_all(tmp_path: Path) -> None:
    for number, data in enumerate((b"", b"hello", b"\x1f\x8b\x08", bytes(20_000))):
        path = tmp_path / f"{number}"
        path.write_bytes(data)
        refused(path, tmp_path / "data", "not a whole backup")


@cache
def small_archive() -> bytes:
    with tempfile.TemporaryFile() as file:
        with Archive(file) as archive:
            archive.add_bytes("data/hub.db", bytes(range(256)) * 3)
            archive.add_bytes("data/reels/一号/2026-01-01.entries", b"entry\n")
            archive.add_bytes("settings/hub.toml", b"data = 1\n")
            archive.finish({"head": None})
        file.seek(0)
        return file.read()


def content_of(data: bytes) -> tuple[dict[str, bytes], object]:
    with tempfile.TemporaryDirectory() as name:
        path, into = Path(name, "a.tar"), Path(name, "into")
        into.mkdir()
        path.write_bytes(data)
        manifest = unpack(path, into, "data")
        assert {entry.name for entry in Path(name).iterdir()} == {"a.tar", "into"}
        return {str(one.relative_to(into)): one.read_bytes() for one in into.rglob("*") if one.is_file()}, manifest


def flipped(at: int, bit: int) -> bytes:
    data = bytearray(small_archive())
    data[at] ^= 1 << bit
    return bytes(data)


def refused_or_the_same(data: bytes) -> None:
    """What is accepted is what was written: a bit of padding or of a time stamp may differ."""
    try:
        found = content_of(data)
    except BadBackup:
        return
    assert found == content_of(small_archive())


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(small_archive()) - 1), st.integers(0, 7))
def test_a_bit_that_turned(at: int, bit: int) -> None:
    refused_or_the_same(flipped(at, bit))


def test_each_byte_of_the_manifest_counts() -> None:
    """What it says of the head decides what the next log cites."""
    begin = small_archive().find(b'{\n "format"')
    for at in range(begin, small_archive().find(b"}\n", begin)):
        refused_or_the_same(flipped(at, 0))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, len(small_archive())))
def test_an_end_that_is_missing(size: int) -> None:
    refused_or_the_same(small_archive()[:size])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=3000))
def test_any_bytes(data: bytes) -> None:
    refused_or_the_same(data)


@given(st.text(max_size=40))
def test_a_plain_name_stays_below(name: str) -> None:
    if is_plain(name):
        assert Path("/top", name).is_relative_to("/top")
        assert ".." not in Path(name).parts


def test_the_whole_one_is_taken() -> None:
    files, _ = content_of(small_archive())
    assert set(files) == {"hub.db", "reels/一号/2026-01-01.entries"}
