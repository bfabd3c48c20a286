"""What was brought, in the database and in the data folder. Blocking: called in threads.

``DATA/uploads/<id>.part`` is a file on its way or at work; ``DATA/uploads/<sha256>`` an original that holds what reels
cannot; ``DATA/photos/<sha256>`` a photograph; ``DATA/apart/<sha256>`` what fits nowhere, with a ``.json`` beside it
that says why, so that it is not lost even without the database.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, delete, insert, select, update

from hub.clock import rfc3339
from hub.errors import NotFound, Unavailable
from hub.footage.tables import files
from hub.settings import Settings
from hub.shelf import Shelf, read_blocks

SLACK = 2
"""A file needs this many times its size: once as it comes, once in the reels."""


class State(StrEnum):
    """Where a file stands."""

    RECEIVING = "receiving"
    RECEIVED = "received"
    """All of it is here; it waits for its turn, or is looked at."""
    WAITING = "waiting"
    """It belongs into an interruption that is not over yet."""
    RECORDED = "recorded"
    ATTACHED = "attached"
    """Kept as it is, with an entry of its own: a photograph, sound beside pictures."""
    APART = "apart"
    """It fits nowhere, contradicts itself, or cannot be read: kept until somebody decides."""
    DUPLICATE = "duplicate"
    """The same bytes were brought before."""
    FAILED = "failed"
    """The disk or the ledger refused; tried again at the next start."""


@dataclass(frozen=True, slots=True)
class Brought:
    """One file. ``claimed_us``: when its first picture was, by the device's clock; ``clock_us``: hub − device, as the
    sender says. ``size`` −1: not announced."""

    id: str
    stream: str
    name: str
    kind: str
    size: int
    by: str
    claimed_us: int | None
    clock_us: int | None
    created_us: int
    touched_us: int
    state: State = State.RECEIVING
    code: str = ""
    message: str = ""
    sha256: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """The form of the API and of the events ``footage.*``."""
        claimed = None if self.claimed_us is None else rfc3339(self.claimed_us)
        shown = {name: self.result.get(name) for name in ("fills", "method", "offset_us", "edge_error_us", "problem")}
        return {
            "id": self.id,
            "stream": self.stream,
            "name": self.name,
            "kind": self.kind,
            "size": self.size,
            "by": self.by,
            "claimed_from": claimed,
            "created_at": rfc3339(self.created_us),
            "state": self.state.value,
            "code": self.code,
            "message": self.message,
            "sha256": self.sha256,
            **{name: value for name, value in shown.items() if value is not None},
        }


class Store:
    """Raises NotFound for an id that is not known, Unavailable with code ``no_space``."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._data = settings.data
        self._engine = engine

    # ------------------------------------------------------------------------------------- rows

    def add(self, one: Brought) -> None:
        with self._engine.begin() as connection:
            connection.execute(insert(files).values(**_row(one)))

    def keep(self, one: Brought) -> Brought:
        with self._engine.begin() as connection:
            connection.execute(update(files).where(files.c.id == one.id).values(**_row(one)))
        return one

    def forget(self, ident: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(files).where(files.c.id == ident))

    def get(self, ident: str) -> Brought:
        with self._engine.connect() as connection:
            row = connection.execute(select(files).where(files.c.id == ident)).one_or_none()
        if row is None:
            raise NotFound("no such upload")
        return _brought(row)

    def list(
        self,
        *,
        stream: str | None = None,
        states: Sequence[State] = (),
        sha256: str | None = None,
        limit: int | None = 1000,
        oldest: bool = False,
    ) -> list[Brought]:
        """Newest first, or oldest."""
        query = select(files)
        if stream is not None:
            query = query.where(files.c.stream == stream)
        if sha256 is not None:
            query = query.where(files.c.sha256 == sha256)
        if states:
            query = query.where(files.c.state.in_([state.value for state in states]))
        order = (files.c.created_us, files.c.id) if oldest else (files.c.created_us.desc(), files.c.id)
        with self._engine.connect() as connection:
            return [_brought(row) for row in connection.execute(query.order_by(*order).limit(limit))]

    def same(self, stream: str, sha256: str, states: Sequence[State]) -> Brought | None:
        """A file of the stream with these bytes."""
        query = select(files).where(
            files.c.sha256 == sha256, files.c.stream == stream, files.c.state.in_([state.value for state in states])
        )
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).one_or_none()
        return None if row is None else _brought(row)

    # ------------------------------------------------------------------------------------ files

    def part(self, ident: str) -> Path:
        return self._data / "uploads" / f"{ident}.part"

    def received(self, ident: str) -> int:
        """How many bytes of it are here."""
        try:
            return self.part(ident).stat().st_size
        except FileNotFoundError:
            return 0

    def check_room(self, size: int) -> None:
        """Raises Unavailable where so much more would bring recording into need."""
        self._data.mkdir(parents=True, exist_ok=True)
        usage = shutil.disk_usage(self._data)
        least = max(self._settings.min_free_mb << 20, round(usage.total * self._settings.min_free_percent / 100))
        if usage.free - size * SLACK < least:
            raise Unavailable(
                f"expected room for {size} bytes beside what recording needs, found {usage.free} bytes free; "
                "try again when there is more",
                code="no_space",
            )

    def digest(self, ident: str) -> tuple[str, int]:
        """SHA-256 and size of what is here, durable from now on."""
        digest = hashlib.sha256()
        with self.part(ident).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
            os.fsync(file.fileno())
            return digest.hexdigest(), file.tell()

    def bring(self, one: Brought, shelf: Shelf) -> None:
        """A file that another node received, and that lies there. Raises Unavailable as long as it cannot be had."""
        path = self.part(one.id)
        if path.exists() and self.received(one.id) == one.size:
            return
        path.unlink(missing_ok=True)  # half of it came here before another node led, and all of it came there
        self._fetch(one, shelf, f"uploads/{path.name}")

    def _fetch(self, one: Brought, shelf: Shelf, name: str) -> None:
        """From wherever it lies, to work. Raises Unavailable."""
        path = self.part(one.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        coming, digest = path.with_suffix(".coming"), hashlib.sha256()
        try:
            with coming.open("wb") as file:
                for block in read_blocks(shelf, name):
                    digest.update(block)
                    file.write(block)
                os.fsync(file.fileno())
            if digest.hexdigest() != one.sha256:
                raise OSError("other bytes than were received")
            coming.replace(path)
        except OSError as error:
            raise Unavailable(
                f"the file is not on this disk, nor to be had from another: {error}", code="elsewhere"
            ) from error
        finally:
            coming.unlink(missing_ok=True)

    def head(self, ident: str, size: int = 1 << 20) -> bytes:
        with self.part(ident).open("rb") as file:
            return file.read(size)

    def drop(self, ident: str) -> None:
        self.part(ident).unlink(missing_ok=True)

    def move(self, one: Brought, folder: str) -> str:
        """To ``DATA/<folder>/<sha256>``; its name below the data folder."""
        name = f"{folder}/{one.sha256}"
        target = self._data / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = self.part(one.id)
        if part.exists():
            part.replace(target)
        _sync(target.parent)
        return name

    def put_apart(self, one: Brought) -> None:
        name = self.move(one, "apart")
        beside = self._data / f"{name}.json"
        beside.write_text(json.dumps(one.json(), ensure_ascii=False, indent=1), encoding="utf-8")

    def kept_beside(
        self, stream: str, until_us: int, shelf: Shelf
    ) -> Sequence[tuple[str, Sequence[tuple[str, int, int]]]]:
        """What is kept as it was brought and begins before then: its name below the data folder, and all that these
        bytes belong to (stream, from, to), of other streams too. ``shelf``: wherever it may lie; of what cannot be
        asked for nothing is said."""
        kept = (State.ATTACHED, State.RECORDED)
        names = {
            name
            for one in self.list(stream=stream, states=kept, limit=None)
            if _is_kept(shelf, name := _kept_name(one))
        }
        found = []
        for name in sorted(names):
            query = select(files).where(
                files.c.sha256 == name.rpartition("/")[2], files.c.state.in_([state.value for state in kept])
            )
            with self._engine.connect() as connection:
                places = [_place(_brought(row)) for row in connection.execute(query)]
            if any(place[0] == stream and place[1] <= until_us for place in places):
                found.append((name, places))
        return found

    def take_back(self, one: Brought, shelf: Shelf) -> None:
        """From apart to work, also where another node led when it came. Raises NotFound, Unavailable."""
        name = f"apart/{one.sha256}"
        source = self._data / name
        if source.exists():
            source.replace(self.part(one.id))
            Path(f"{source}.json").unlink(missing_ok=True)
            return
        try:
            size = shelf.size(name)
        except OSError as error:
            raise Unavailable(f"the file cannot be had at this moment: {error}", code="elsewhere") from error
        if size is None:
            raise NotFound("the file is not there any more")
        self._fetch(one, shelf, name)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _is_kept(shelf: Shelf, name: str) -> bool:
    try:
        return shelf.size(name) is not None
    except OSError:
        return False


def _kept_name(one: Brought) -> str:
    return one.message if one.state is State.ATTACHED else f"uploads/{one.sha256}"


def _place(one: Brought) -> tuple[str, int, int]:
    """When it was: what its fills cover, or the moment of its entry; where that is not known, when it came."""
    spans = [(int(fill["from_us"]), int(fill["to_us"])) for fill in one.result.get("fills", [])]
    if spans:
        return one.stream, min(span[0] for span in spans), max(span[1] for span in spans)
    at_us = int(one.result.get("at_us", max(one.created_us, one.claimed_us or 0)))
    return one.stream, at_us, at_us + 1


def _row(one: Brought) -> dict[str, Any]:
    values = {column.name: getattr(one, column.name) for column in files.columns}
    return values | {"state": one.state.value, "result": json.dumps(dict(one.result), separators=(",", ":"))}


def _brought(row: Row[Any]) -> Brought:
    values = dict(row._mapping)
    return Brought(**values | {"state": State(row.state), "result": json.loads(row.result)})


def with_state(one: Brought, state: State, code: str = "", message: str = "", **result: Any) -> Brought:
    return replace(one, state=state, code=code, message=message[:500], result={**one.result, **result})
