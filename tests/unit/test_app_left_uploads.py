"""What a node that led once has of files that were brought goes, but for what who leads now has not taken yet."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from hub.app.left_uploads import LeftUploads
from hub.clock import ManualClock
from hub.database import Database, create_tables, open_engine
from hub.errors import NotFound, Unavailable
from hub.footage.store import Brought, State, Store
from hub.settings import Settings
from hub.shelf import LocalShelf

DATA = b"all of it"


def stored(settings: Settings, name: str, data: bytes = DATA) -> Path:
    path = settings.data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def store_in(folder: Path) -> tuple[Settings, Store]:
    folder.mkdir(exist_ok=True)
    settings = Settings(data=folder / "data", keys_dir=folder / "keys")
    engine = open_engine(Database(folder / "hub.db"))
    create_tables(engine)
    return settings, Store(settings, engine)


def brought(ident: str, state: State, sha256: str = "") -> Brought:
    return replace(Brought(ident * 32, "cam", "", "", len(DATA), "li", None, None, 1, 1), state=state, sha256=sha256)


async def test_what_goes_and_what_stays(tmp_path: Path) -> None:
    settings, store = store_in(tmp_path)
    states = {"a": State.RECEIVING, "b": State.RECEIVED, "c": State.RECORDED, "d": State.APART}
    for ident, state in states.items():
        store.add(brought(ident, state, ident * 64))
    parts = {ident: stored(settings, f"uploads/{ident * 32}.part") for ident in "abce"}
    apart = {ident: stored(settings, f"apart/{ident * 64}") for ident in "cd"}
    beside = stored(settings, f"apart/{'c' * 64}.json")
    elsewhere = False
    left = LeftUploads(settings, ManualClock(), store._engine, lambda: elsewhere)
    task = asyncio.create_task(left.run())
    await asyncio.sleep(0.05)
    assert all(path.exists() for path in (*parts.values(), *apart.values(), beside)), "it may lead again"
    elsewhere = True
    async with asyncio.timeout(10):
        while parts["e"].exists():  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    left.look()
    assert [ident for ident, path in parts.items() if path.exists()] == ["b"]
    assert [ident for ident, path in apart.items() if path.exists()] == ["d"]
    assert not beside.exists()


def test_half_a_file_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    """Half of it came here, then another node led and received all of it; now this one leads again."""
    settings, store = store_in(tmp_path / "here")
    other, _ = store_in(tmp_path / "there")
    one = brought("a", State.RECEIVED, hashlib.sha256(DATA).hexdigest())
    part = stored(settings, f"uploads/{one.id}.part", DATA[:4])
    with pytest.raises(Unavailable):
        store.bring(one, LocalShelf(settings.data))
    stored(settings, f"uploads/{one.id}.part", DATA[:4])
    stored(other, f"uploads/{one.id}.part")
    store.bring(one, LocalShelf(other.data))
    assert part.read_bytes() == DATA


def test_a_file_that_is_kept_apart_elsewhere_is_taken_back(tmp_path: Path) -> None:
    _, store = store_in(tmp_path / "here")
    other, _ = store_in(tmp_path / "there")
    one = brought("a", State.APART, hashlib.sha256(DATA).hexdigest())
    with pytest.raises(NotFound):
        store.take_back(one, LocalShelf(other.data))
    stored(other, f"apart/{one.sha256}")
    store.take_back(one, LocalShelf(other.data))
    assert store.part(one.id).read_bytes() == DATA
