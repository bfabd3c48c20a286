"""Bytes of a file as they come, to the disk: bounded memory, one writer a file, and the disk never filled."""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from typing import Protocol

from hub.errors import Conflict, HubError, InvalidRequest, StorageError
from hub.footage.store import Brought, Store

BLOCK = 1 << 18
ROOM_EVERY = 16 << 20
IDLE_S = 60.0
"""A sender that says nothing for so long has gone."""


class WrongChecksum(HubError):
    """What came is not what was sent; it is not kept."""

    code = "checksum"


class Body(Protocol):
    async def read(self, n: int = -1) -> bytes: ...


@dataclass
class Receiver:
    """Who comes again for a file ends what is left of its earlier connection."""

    store: Store
    most_bytes: int
    _active: dict[str, asyncio.Task[object]] = field(default_factory=dict)

    async def interrupt(self, ident: str) -> None:
        """Ends a connection that still writes the file."""
        task = self._active.get(ident)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.wait([task], timeout=10)

    async def write(
        self,
        one: Brought,
        offset: int,
        body: Body,
        *,
        checksum: tuple[str, bytes] | None = None,
        to_the_end: bool = False,
    ) -> int:
        """Appends at ``offset``; returns where the file ends now. What came before a connection broke stays. Raises
        Conflict with code ``offset`` for another place than the file's end, InvalidRequest with code ``too_large``,
        WrongChecksum, Unavailable with code ``no_space``, StorageError."""
        await self.interrupt(one.id)
        if checksum is not None and checksum[0] not in ("sha1", "sha256"):
            raise InvalidRequest("Upload-Checksum: expected sha1 or sha256")
        task = asyncio.current_task()
        assert task is not None
        self._active[one.id] = task
        try:
            return await self._write(one, offset, body, checksum, to_the_end)
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError):
                raise
            raise StorageError(f"expected the disk to take the file, found: {error.strerror}") from error
        finally:
            if self._active.get(one.id) is task:
                del self._active[one.id]

    async def _write(
        self, one: Brought, offset: int, body: Body, checksum: tuple[str, bytes] | None, to_the_end: bool
    ) -> int:
        here = await asyncio.to_thread(self.store.received, one.id)
        if here != offset:
            raise Conflict(f"expected the file to go on at byte {here}, found {offset}", code="offset")
        limit = one.size if one.size >= 0 else self.most_bytes
        digest = hashlib.new(checksum[0]) if checksum is not None else None  # tus asks for SHA-1 at least
        handle = await asyncio.to_thread(_open, self.store, one.id)
        at = offset
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    data = await body.read(BLOCK)
                if not data:
                    break
                if at + len(data) > limit:
                    raise InvalidRequest(f"expected at most {limit} bytes, found more", code="too_large")
                if digest is not None:
                    digest.update(data)
                await asyncio.to_thread(_append, handle, data, at)
                if (at + len(data)) // ROOM_EVERY != at // ROOM_EVERY:
                    await asyncio.to_thread(self.store.check_room, 0)
                at += len(data)
            if digest is not None and checksum is not None and digest.digest() != checksum[1]:
                os.truncate(handle, offset)
                raise WrongChecksum("the bytes do not fit the checksum")
            if to_the_end and one.size >= 0 and at != one.size:
                raise InvalidRequest(f"expected {one.size} bytes, found {at}", code="cut_short")
            return at
        finally:
            os.close(handle)


def _open(store: Store, ident: str) -> int:
    path = store.part(ident)
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)


def _append(handle: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(handle, view, at)
        view, at = view[count:], at + count
