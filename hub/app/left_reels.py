"""Reels on the disk of a node that led once and does not now: footage that was brought while it did. Who leads has
another disk, and another archive's book to keep; what lies here goes to the archive from here, as a node's reels do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Engine

from hub.app.far_files import OwnFiles
from hub.app.meanwhile import meanwhile
from hub.archive.archive import Archive
from hub.archive.book import Book
from hub.archive.store import open_store
from hub.clock import Clock
from hub.cluster.reel_places import ReelPlaces
from hub.database import Database
from hub.ledger.reader import Reader
from hub.settings import Settings


@asynccontextmanager
async def left_reels(settings: Settings, clock: Clock, engine: Engine) -> AsyncIterator[None]:
    """As long as the block lasts: never beside the office of this node, whose archive has the same disk and the same
    rows. ``engine``: one that no epoch fences."""
    store = open_store(settings)
    if store is None:
        yield
        return
    reader = Reader(Database.of(settings), settings.data)
    archive = Archive(
        settings, clock, store, Book(engine, settings.node_name),
        OwnFiles(settings.data, ReelPlaces(engine)),
        open_reels=tuple,
        is_gone=reader.is_gone,
        ends=reader.reel_end_us,
        reels_alone=True,
    )  # fmt: skip
    try:
        async with meanwhile(archive.run(), "reels of an earlier lead"):
            yield
    finally:
        archive.let_go()
        reader.close()
