"""What an answer about the past costs, in counts that are the same on every machine: SQL statements, steps of SQLite's
machine (its instruction count) and files opened, over a short and a long made-up history.

Rows read by mistake are steps: an answer about ten minutes takes no more of them the longer the history is.
Ceilings as in ``test_speed_guard.py``: whoever makes an answer cheaper lowers them.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode, urljoin

import pytest
from sqlalchemy import event

from hub.bench.history import first_segment, shape
from hub.bench.history_made import DAY_US, History, Told
from hub.clock import US_PER_S, rfc3339
from hub.database import Database
from hub.ledger.files import LEAVES_FILE
from hub.ledger.index import Index
from hub.ledger.reader import Reader
from hub.model import StreamKind
from hub.shelf import LocalShelf
from tests.api_support import Hub, running_hub

END_US = 1_767_225_600 * US_PER_S
WINDOW_US = 600 * US_PER_S
SHORT, LONG = 2_000, 40_000
STREAMS = 20
STEP = 10
MOST_GROWTH = 1.05
"""Of steps, from the short history to the long one: trees are deeper."""
OPENED: list[str] = []
"""Every file that this process opens, once :func:`noting` has begun."""


@dataclass
class Cost:
    statements: list[str] = field(default_factory=list)
    steps: int = 0
    opened: list[str] = field(default_factory=list)


class Asked:
    """A hub's face over the real read side, and what its answers cost."""

    def __init__(self, hub: Hub, history: History, told: list[Told], data: Path) -> None:
        self.hub, self.history, self.told, self._data = hub, history, told, data
        self._cost = Cost()
        reader = Reader(Database.in_folder(data), data)
        event.listen(reader._engine, "before_cursor_execute", lambda *told: self._cost.statements.append(told[2]))
        event.listen(reader._engine, "connect", self._count)
        hub.services.reader, hub.services.shelf = reader, LocalShelf(data)

    def _count(self, connection: sqlite3.Connection, _record: object) -> None:
        def passed() -> int:
            self._cost.steps += STEP
            return 0

        connection.set_progress_handler(passed, STEP)

    @contextmanager
    def counted(self) -> Iterator[Cost]:
        self._cost = Cost()
        OPENED.clear()
        yield self._cost
        self._cost.opened += [path for path in OPENED if "/reels/" in path]

    async def get(self, path: str, **headers: str) -> bytes:
        async with self.hub.program.get(path, headers=headers) as answer:
            body = await answer.read()
            assert answer.status in (200, 206), body
            return body

    async def close(self) -> None:
        cast(Any, self.hub.services.reader).close()


def noting() -> None:
    """Hooks stay for good: one for all tests of the process."""
    if not getattr(noting, "begun", False):
        sys.addaudithook(lambda name, told: OPENED.append(str(told[0])) if name == "open" else None)
        noting.begun = True  # type: ignore[attr-defined]


def broken_off_often(entries: int) -> Told:
    """Months with four interruptions a day."""
    chunks = entries // 4
    return Told("often", END_US - chunks * WINDOW_US, WINDOW_US // US_PER_S, chunks)


@dataclass(frozen=True)
class MadeUp:
    data: Path
    history: History
    told: list[Told]


@pytest.fixture(scope="module")
def histories(tmp_path_factory: pytest.TempPathFactory) -> list[MadeUp]:
    """The short one, and the long one."""
    made = []
    for entries in (SHORT, LONG):
        data = tmp_path_factory.mktemp("history")
        (data / "log" / "hub").mkdir(parents=True)
        (data / "log" / "hub" / LEAVES_FILE).touch()
        Index(Database.in_folder(data)).close()
        told = [*shape(entries, STREAMS, END_US), broken_off_often(entries)]
        made.append(MadeUp(data, History(data), told))
        made[-1].history.add(told)
    return made


@asynccontextmanager
async def asked(made: MadeUp, face: Path) -> AsyncIterator[Asked]:
    noting()
    async with running_hub(face) as hub:
        for one in made.told:
            await hub.services.registry.add(one.stream, one.stream, StreamKind.RECORDER, "whip")
        hub.clock.utc_us = END_US + DAY_US
        costs = Asked(hub, made.history, made.told, made.data)
        yield costs
        await costs.close()


def within(from_us: int, to_us: int) -> str:
    return urlencode({"from": rfc3339(from_us), "to": rfc3339(to_us)})


async def playlist(made: Asked) -> tuple[Cost, str, str]:
    """Of the ten minutes of the last reel: what it costs, its address, and its text."""
    one = made.told[0]
    made.history.reel_file(one, one.chunks // one.per_reel - 1)
    path = f"/api/streams/{one.stream}/playback.m3u8?{within(one.end_us - WINDOW_US, one.end_us)}"
    with made.counted() as cost:
        text = (await made.get(path)).decode()
    return cost, path, text


async def timelines(made: Asked) -> Cost:
    streams = ",".join(one.stream for one in made.told if one.stream.startswith("day-"))
    with made.counted() as cost:
        await made.get(f"/api/timelines?{within(END_US - DAY_US, END_US)}&streams={streams}")
    return cost


async def test_a_playlist_reads_what_is_in_it_and_little_of_each_reel(tmp_path: Path, histories: list[MadeUp]) -> None:
    costs = []
    for number, history in enumerate(histories):
        (face := tmp_path / str(number)).mkdir()
        async with asked(history, face) as made:
            cost, _, text = await playlist(made)
            assert text.count("#EXTINF") == 60
            costs.append(cost)
    short, long = costs
    assert len(long.statements) == len(short.statements) <= 2
    assert long.steps <= MOST_GROWTH * short.steps, f"{short.steps} steps, {long.steps} over a long history"
    assert long.steps / 60 <= 40, f"{long.steps / 60:.0f} steps a segment"
    assert len(long.opened) == len(short.opened) <= 2, f"its init segment, also to look for sound: {long.opened}"


async def test_the_first_frame_of_playback_opens_few_files_and_asks_little(
    tmp_path: Path, histories: list[MadeUp]
) -> None:
    async with asked(histories[1], tmp_path) as made:
        _, path, text = await playlist(made)
        init = next(line.split('"')[1] for line in text.splitlines() if line.startswith("#EXT-X-MAP"))
        media, length, offset = first_segment(text)
        with made.counted() as cost:
            assert await made.get(urljoin(path, init)) == made.history.init.data
            got = await made.get(urljoin(path, media), Range=f"bytes={offset}-{offset + length - 1}")
            assert len(got) == length
        assert len(cost.opened) <= 2, f"one for the init segment, one for the pictures: {cost.opened}"
        assert len(cost.statements) <= 4, "of each: whether it was deleted, and which chunks it is of"
        assert cost.steps <= 5_000, f"{cost.steps} steps"


async def test_time_lines_read_their_own_time_and_ask_as_often_for_many_as_for_few(
    tmp_path: Path, histories: list[MadeUp]
) -> None:
    lines, days = [], []
    for number, history in enumerate(histories):
        (face := tmp_path / str(number)).mkdir()
        async with asked(history, face) as made:
            with made.counted() as cost:
                await made.get(f"/api/streams/often/timeline?{within(END_US - DAY_US, END_US)}")
            lines.append(cost)
            days.append(await timelines(made))
    assert len(lines[0].statements) == len(lines[1].statements) <= 6
    assert len(days[0].statements) == len(days[1].statements) <= 3
    # Of interruptions it reads all that began before: any of them might last still
    assert lines[1].steps <= 2_800, f"{lines[1].steps} steps"
    assert days[1].steps / STREAMS <= 250, f"{days[1].steps / STREAMS:.0f} steps a stream"
    assert not [path for cost in (*lines, *days) for path in cost.opened], "time lines are of the ledger alone"
