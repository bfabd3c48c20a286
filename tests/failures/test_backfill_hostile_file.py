"""Failure: files that are broken on purpose are brought. Each costs an answer and a child process, never more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hub.errors import MediaError
from hub.footage.reading import FileIndex, index_files, read_units
from hub.footage.store import State
from hub.footage.wire import FileHeader
from tests.footage_support import BREAK, S, card, room
from tests.unit.test_footage import remux

CONTAINERS = {"mp4": "mp4", "mkv": "matroska", "ts": "mpegts"}
MUTANTS = 40


def mutants(data: bytes, count: int, seed: int) -> list[bytes]:
    """Flipped bytes, mostly where structure is; pieces moved, cut, doubled; wild sizes."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        made = bytearray(data)
        for _ in range(chance.choice((1, 3, 30, 300))):
            where = chance.choice((0, max(0, len(made) - 3000))) + chance.randrange(3000)
            made[where % len(made)] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
        how = chance.randrange(5)
        at, size = chance.randrange(len(made)), chance.randrange(5000)
        if how == 0:
            del made[at:]
        elif how == 1:
            made[at : at + size] = b""
        elif how == 2:
            made[at:at] = made[at : at + size]
        elif how == 3:
            made[at : at + 4] = b"\xff\xff\xff\xff"
        found.append(bytes(made))
    return found


@pytest.mark.parametrize("name", CONTAINERS)
async def test_mutated_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    card(tmp_path / "card.mp4", BREAK[0], BREAK[0] + 4 * S)
    whole = tmp_path / f"a.{name}"
    remux(tmp_path / "card.mp4", whole, CONTAINERS[name])
    inputs = []
    for number, data in enumerate(mutants(whole.read_bytes(), MUTANTS, 7)):
        path = tmp_path / f"{number}.{name}"
        path.write_bytes(data)
        inputs.append([(str(path), 0, len(data))])
    answers: list[FileIndex] = []
    rest = inputs
    while rest:  # many to a child, for the test's sake; one that ends over a file loses that file alone
        try:
            answers += await index_files(rest)
            break
        except MediaError:
            answers += await _one_by_one(rest[:5])
            rest = rest[5:]
    assert len(answers) == MUTANTS
    assert any(answer.marks for answer in answers), "some can still be read"
    for answer, pieces in list(zip(answers, inputs, strict=True))[::8]:
        wanted = {track.id: (0, 20) for track in answer.header.tracks}
        if answer.marks:
            units = [len(data) async for _, data in read_units(pieces[0:1], wanted, len(answer.header.tracks))]
            assert len(units) <= 21 * len(wanted)


async def _one_by_one(inputs: list[list[tuple[str, int, int]]]) -> list[FileIndex]:
    found = []
    for pieces in inputs:
        try:
            found += await index_files([pieces])
        except MediaError:
            found.append(FileIndex(_nothing(), [], "refused"))
    return found


def _nothing() -> FileHeader:
    return FileHeader("", (), (), None, False)


async def test_mutated_files_brought_to_a_stream_leave_its_record_valid(tmp_path: Path) -> None:
    async with room(tmp_path) as hub:
        first_us = card(tmp_path / "card.mp4", BREAK[0] - 2 * S, BREAK[1] + 2 * S)
        for number, data in enumerate(mutants((tmp_path / "card.mp4").read_bytes(), 12, 11)):
            path = tmp_path / f"{number}.mp4"
            path.write_bytes(data)
            done = await hub.bring(path, claimed_us=first_us, clock_us=0)
            assert done.state in (State.RECORDED, State.APART), done
    verdict = hub.verify()
    assert verdict.exit_code == 0, verdict.findings
