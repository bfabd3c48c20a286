"""Reels that a process of its own compares: it says yes where all is as told, and nothing is judged by it otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.ledger.verify import hasher as hasher_module
from hub.ledger.verify import verify_path
from hub.ledger.verify.footage import Read, ReelJob
from hub.ledger.verify.hasher import Hasher
from hub.ledger.verify.hasher_program import as_told
from tests.ledger_folder import build, flip

REEL = "reels/cam-a/2026-01-01/000.mp4"


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hasher]:
    monkeypatch.setattr(hasher_module, "WORTH_BYTES", 0)
    with Hasher() as made:
        yield made


def chunks_of(data: bytes, sizes: list[int]) -> list[tuple[int, str]]:
    found, at = [], 0
    for size in sizes:
        found.append((size, hashlib.sha256(data[at : at + size]).hexdigest()))
        at += size
    return found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 200), min_size=1, max_size=12),
    before=st.integers(0, 50),
    flipped=st.none() | st.integers(0, 2400),
    cut=st.integers(0, 3),
    block=st.integers(1, 300),
)
def test_as_told_and_only_then(
    tmp_path: Path, sizes: list[int], before: int, flipped: int | None, cut: int, block: int
) -> None:
    path, data = tmp_path / "reel", bytes(number * 7 % 256 for number in range(sum(sizes)))
    chunks = chunks_of(data, sizes)
    there = bytearray(data)
    if flipped is not None and flipped < len(there):
        there[flipped] ^= 1
    there = there[: max(0, len(there) - cut)]
    path.write_bytes(bytes(before) + there)
    assert as_told(bytes(path), before, chunks, memoryview(bytearray(block))) == (there == data)


def job(data: Path, sizes: tuple[int, ...]) -> ReelJob:
    """A reel of these chunks behind an init segment, and what its entries say of it."""
    content = bytes(number * 11 % 256 for number in range(40 + sum(sizes)))
    (data / REEL).parent.mkdir(parents=True, exist_ok=True)
    (data / REEL).write_bytes(content)
    told, at = ReelJob(data, REEL, "cam-a"), 40
    for number, size in enumerate(sizes):
        told.add(
            {
                "init_size": 40, "init_sha256": hashlib.sha256(content[:40]).hexdigest(), "offset": at, "size": size,
                "sha256": hashlib.sha256(content[at : at + size]).hexdigest(), "first_us": number, "end_us": number + 1,
            },
            number + 1, number,
        )  # fmt: skip
        at += size
    return told


def read(told: ReelJob, hasher: Hasher | None) -> list[Read]:
    return [part(lambda _: None, hasher) for part in told.parts()]


@pytest.mark.parametrize("what", ["nothing", "a bit", "the init segment", "cut", "longer", "another place", "gone"])
def test_the_same_is_found_with_it_and_without(tmp_path: Path, hasher: Hasher, what: str) -> None:
    told = job(tmp_path, (300, 5_000_000, 17, 9_000_000, 4_000_000, 100))
    path = tmp_path / REEL
    match what:
        case "a bit":
            flip(path, 9_000_000)
        case "the init segment":
            flip(path, 3)
        case "cut":
            path.write_bytes(path.read_bytes()[:-1])
        case "longer":
            path.write_bytes(path.read_bytes() + b"!")
        case "another place":
            told.pieces[2] = told.pieces[2]._replace(offset=told.pieces[2].offset + 1)
        case "gone":
            path.unlink()
    expected = read(told, None)
    assert len(expected) == 2, "two parts: what one does must not hide what the other does"
    assert read(told, hasher) == expected
    assert all(one.absent or one.findings for one in expected) == (what == "gone")
    assert any(one.absent or one.findings for one in expected) == (what != "nothing")


def test_it_is_asked_and_goes_on_after_what_it_cannot_read(tmp_path: Path, hasher: Hasher) -> None:
    told = job(tmp_path, (300, 400))
    assert told._as_told(0, 2, hasher) == Read(bytes=740)
    assert not hasher.agrees(str(tmp_path / "no such reel"), 0, [(1, "0" * 64)])
    assert not hasher.agrees(str(tmp_path), 0, [(1, "0" * 64)])
    assert told._as_told(0, 2, hasher) == Read(bytes=740)


def test_little_is_hashed_without_it(tmp_path: Path) -> None:
    told = job(tmp_path, (300, 400))
    with Hasher() as hasher:
        assert told._as_told(0, 2, hasher) is None
        assert read(told, hasher)[0].findings == []
        assert hasher._process is None


def test_its_death_is_nothing_to_what_is_found(tmp_path: Path, hasher: Hasher) -> None:
    told = job(tmp_path, (300, 400))
    assert told._as_told(0, 2, hasher) is not None
    assert hasher._process is not None
    hasher._process.kill()
    hasher._process.wait()
    assert told._as_told(0, 2, hasher) is None
    flip(tmp_path / REEL, 50)
    assert read(told, hasher) == read(told, None)


async def test_the_verdict_is_the_same_with_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = await build(tmp_path)
    monkeypatch.setattr(hasher_module, "WORTH_BYTES", 0)
    for path in sorted(folder.data.glob("reels/*/*/*.mp4"))[::2]:
        flip(path, path.stat().st_size - 1)
    alone, together = (verify_path(folder.data, keys_dir=folder.keys, threads=threads) for threads in (1, 4))
    assert len(alone.findings) == 2
    assert (alone.findings, alone.counts) == (together.findings, together.counts)
