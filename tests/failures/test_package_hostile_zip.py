"""A zip made to harm whoever opens it: names that climb, hide or double, links, bombs, bytes between files."""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
import zipfile
from pathlib import Path

import pytest

from hub.ledger.package.container import open_package
from hub.ledger.package.format import BadPackage
from hub.ledger.verdict import Integrity
from hub.ledger.verify import verify_path
from tests.ledger_folder import build
from tests.package_support import Unpacked, export


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("package")
    folder = asyncio.run(build(root / "hub", streams=("cam-a",), reels=1, chunks=2))
    export(folder, root / "good.zip")
    return root / "good.zip"


@pytest.fixture
def good(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(made, tmp_path / "good.zip"))


def refused(path: Path, word: str) -> None:
    verdict = verify_path(path)
    assert (verdict.exit_code, verdict.integrity) == (2, Integrity.CANNOT_BE_JUDGED)
    assert word in " ".join(verdict.unchecked)
    with pytest.raises(BadPackage, match=word), open_package(path):
        pass


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/etc/out.txt", "media/../../out.txt", "C:\\out.txt", "media\\out.txt", "./manifest.json", "a//b",
     ".hidden", "media/.hidden", "-rf", "名.txt", "a b", "x" * 300, "con\n"],
)  # fmt: skip
def test_a_name_that_climbs_or_hides(good: Path, name: str) -> None:
    with zipfile.ZipFile(good, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    refused(good, "plain file name")


def test_a_name_twice(good: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(good, "a") as archive:
        archive.writestr("manifest.json", b"{}")
    refused(good, "twice")


def test_a_link(good: Path) -> None:
    with zipfile.ZipFile(good, "a") as archive:
        info = zipfile.ZipInfo("media/link.mp4")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, b"/etc/passwd")
    refused(good, "link or device")


def test_a_bomb(good: Path) -> None:
    with zipfile.ZipFile(good, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("media/bomb.mp4", b"\0" * (64 << 20))
    refused(good, "swells")


def test_an_encrypted_file(good: Path) -> None:
    data = bytearray(good.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    good.write_bytes(data)
    refused(good, "password")


def test_bytes_before_the_zip(good: Path) -> None:
    good.write_bytes(b"#!/bin/sh\n" + good.read_bytes())
    refused(good, "gaps")


def test_bytes_behind_the_zip(good: Path) -> None:
    comment = b"\0" * 10
    data = good.read_bytes()
    good.write_bytes(data[:-2] + struct.pack("<H", len(comment)) + comment)
    refused(good, "comment")


def test_a_file_that_only_a_streaming_reader_sees(good: Path) -> None:
    """Bytes of a whole local file in front of the directory, which does not speak of it."""
    data = good.read_bytes()
    with zipfile.ZipFile(good) as archive:
        start = archive.start_dir
    body = b"hidden"
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 0, 0, len(body), len(body), 5, 0) + b"h.txt" + body
    end = bytearray(data[start:])
    at = end.rindex(b"PK\x05\x06")
    struct.pack_into("<L", end, at + 16, start + len(local))
    good.write_bytes(data[:start] + local + end)
    refused(good, "directory")


def test_a_header_with_another_name(good: Path) -> None:
    data = bytearray(good.read_bytes())
    at = data.index(b"entries/")
    data[at : at + 8] = b"entriez/"
    good.write_bytes(data)
    refused(good, "header of")


def test_a_truncated_zip(good: Path) -> None:
    data = good.read_bytes()
    for size in (0, 1, len(data) // 2, len(data) - 1):
        good.write_bytes(data[:size])
        assert verify_path(good).exit_code == 2


def test_no_zip_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"not a zip")
    refused(tmp_path / "a.zip", "expected an evidence package")


def test_a_link_in_an_unpacked_package(good: Path, tmp_path: Path) -> None:
    root = Unpacked.of(good).unpack(tmp_path / "unpacked")
    still = next(root.glob("media/*/*.mp4"))
    data = still.read_bytes()
    still.unlink()
    (tmp_path / "elsewhere.mp4").write_bytes(data)
    still.symlink_to(tmp_path / "elsewhere.mp4")
    refused(root, "link or device")


def test_a_pipe_in_an_unpacked_package(good: Path, tmp_path: Path) -> None:
    root = Unpacked.of(good).unpack(tmp_path / "unpacked")
    os.mkfifo(root / "pipe")
    refused(root, "link or device")


def test_a_package_that_other_people_packed_again_is_still_one(good: Path, tmp_path: Path) -> None:
    again = Unpacked.of(good).write(tmp_path / "again.zip")
    assert verify_path(again).exit_code == 0
