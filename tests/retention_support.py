"""A ledger with footage of long ago, and retention over it, on a clock that the test moves."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.clock import ManualClock
from hub.database import Database
from hub.ledger.bodies import chunk_body, close_body, open_body
from hub.ledger.entries import EntryType
from hub.ledger.keeping import DAY_US
from hub.ledger.ledger import Ledger
from hub.ledger.retained import Retained
from hub.retention.beside import FindBeside, nothing_beside
from hub.retention.files import PosixFiles, Usage
from hub.retention.retention import Retention
from hub.settings import Settings
from tests.ledger_folder import START_US, Folder, Reel, lines, scan_fake, session

GIB = 1 << 30
REEL_US = 6_000_000


class FakeDisk(PosixFiles):
    """Real files on a disk whose size is made up. ``hook`` is called before each call with its name."""

    def __init__(self) -> None:
        self.free = 100 * GIB
        self.hook: Callable[[str], None] = lambda _call: None

    def size(self, path: Path) -> int | None:
        self.hook("size")
        return super().size(path)

    def remove(self, path: Path) -> None:
        self.hook("remove")
        size = super().size(path) or 0
        super().remove(path)
        self.free += size
        self.hook("removed")

    def flush_folder(self, path: Path) -> None:
        self.hook("flush_folder")
        super().flush_folder(path)

    def usage(self, path: Path) -> Usage:
        return Usage(100 * GIB, self.free)


@dataclass
class Place:
    """A running ledger with retention, and what it told."""

    folder: Folder
    clock: ManualClock
    ledger: Ledger
    retained: Retained
    retention: Retention
    disk: FakeDisk
    told: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    async def record(
        self, stream: str, reels: int = 1, chunks: int = 3, run: int = 1, at_us: int = START_US
    ) -> list[str]:
        """Reels of 6 s one after the other; their paths."""
        names = []
        self.ledger.append(stream, EntryType.OPEN, open_body(session(self.clock), run))
        rng = random.Random(f"{stream}{run}")
        for number in range(reels):
            reel = Reel(self.folder.data, stream, run, number, at_us + number * REEL_US, rng)
            names.append(reel.name)
            for index in range(chunks):
                self.ledger.append(stream, EntryType.CHUNK, chunk_body(reel.chunk(number * chunks + index)))
        self.ledger.append(stream, EntryType.CLOSE, close_body("stop", run=run))
        await self.ledger.committed()
        return names

    def days(self, days: float) -> None:
        """Time passes while the hub runs."""
        self.clock.advance(days * 86_400)

    def there(self, stream: str) -> list[str]:
        return [self.folder.name(path) for path in self.folder.reels(stream)]

    async def sign(self) -> None:
        """A checkpoint over everything, now."""
        await self.ledger.committed()
        await self.ledger._sign()

    async def passes(self, count: int = 3) -> None:
        for _ in range(count):
            await self.retention.one_pass()
            await self.sign()


def settings_of(folder: Folder, **values: Any) -> Settings:
    return folder.settings.model_copy(update={"checkpoint_s": 3600.0, **values})


@asynccontextmanager
async def running(
    root: Path,
    *,
    clock: ManualClock | None = None,
    disk: FakeDisk | None = None,
    beside: FindBeside = nothing_beside,
    **values: Any,
) -> AsyncIterator[Place]:
    """Nothing is signed but by :meth:`Place.sign`, and at the start and the end."""
    folder, clock, disk = Folder(root), clock or ManualClock(START_US), disk or FakeDisk()
    settings = settings_of(folder, **values)
    ledger = await Ledger.open(settings, clock, scan_fake)
    retained = Retained(Database.in_folder(folder.data))
    told: list[tuple[str, Mapping[str, Any]]] = []
    retention = Retention(
        settings,
        clock,
        ledger,
        retained,
        tell=lambda kind, data: told.append((kind, data)),
        files=disk,
        beside=beside,
    )
    await retention.start()
    place = Place(folder, clock, ledger, retained, retention, disk, told)
    try:
        yield place
    finally:
        retained.close()
        await ledger.close()


def days_us(days: float) -> int:
    return round(days * DAY_US)


def bodies(place: Place, stream: str, kind: EntryType) -> list[dict[str, object]]:
    found = [
        json.loads(line) for path in sorted(place.folder.data.glob(f"reels/{stream}/*.entries")) for line in lines(path)
    ]
    return [one["body"] for one in found if one["type"] == kind.value]
