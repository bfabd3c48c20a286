"""What the archive costs: python -m tests.cluster.archive_speed. Prints; asserts nothing."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hub.archive.store import Store, store_at
from hub.settings import Settings
from hub.shelf import LocalShelf, Shelf
from tests.cluster.object_store import object_store

MIB = 1 << 20
REEL_MIB, REELS = 150, 4
REEL = "reels/hall-a/2026-01-01/080000.000Z-1.mp4"
READS = 60


def main() -> None:
    with object_store() as server, tempfile.TemporaryDirectory() as folder:
        found = server.settings(server.bucket())
        store = store_at(found["archive_url"], Settings(**found))
        path = Path(folder) / REEL
        path.parent.mkdir(parents=True)
        path.write_bytes(os.urandom(REEL_MIB * MIB))
        uploads(store, path)
        for size in (1_000, 500_000, 2_000_000):
            first_bytes(store, LocalShelf(Path(folder)), size)


def uploads(store: Store, path: Path) -> None:
    """Of reels of ten minutes of 2 Mbit/s, each checked after it."""
    begun, cpu = time.monotonic(), time.process_time()
    for _ in range(REELS):
        put = store.put(REEL, blocks(path), REEL_MIB * MIB)
        store.check(REEL, put)
    took, spent = time.monotonic() - begun, time.process_time() - cpu
    total = REELS * REEL_MIB
    print(f"{total} MiB in one upload at a time: {total / took:.0f} MiB/s, {spent / total * 1024:.2f} s of CPU per GiB")


def blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(MIB):
            yield block


def first_bytes(store: Shelf, disk: Shelf, size: int) -> None:
    """As a playback asks for a segment: until its bytes are there."""
    offsets = [random.randrange((REEL_MIB - 2) * MIB) for _ in range(READS)]
    for name, shelf in (("archive", store), ("disk", disk)):
        took = sorted(timed(lambda at=at, shelf=shelf: shelf.read(REEL, at, size)) for at in offsets)  # type: ignore[misc]
        print(
            f"{size} bytes from the {name}: {statistics.median(took):.2f} ms, 95 % within {took[-READS // 20]:.2f} ms"
        )


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    main()
