"""The parent's side of :mod:`hub.footage.demux`: files in, their units out. A hostile file costs an answer, no more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from hub.errors import MediaError
from hub.footage import wire
from hub.footage.wire import FileHeader, Mark

Piece = tuple[str, int, int]
"""A path, and which bytes of it."""
SILENCE_S = 120.0
"""A demultiplexer that says nothing for so long is ended."""
CPU_S_PER_GB = 60
MAX_UNITS = 20_000_000
"""Of one file: more than three days of pictures and sound. Each is held as a mark of a hundred bytes or so."""
_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LANG")


@dataclass(frozen=True, slots=True)
class FileIndex:
    """A file's description and every unit that could be read. ``problem``: why it ends before its end, or empty."""

    header: FileHeader
    marks: Sequence[Mark]
    problem: str = ""


async def index_files(inputs: Sequence[Sequence[Piece]]) -> list[FileIndex]:
    """What is in files, or in pieces of them, without their media. Raises MediaError when nothing can be said."""
    async with _Child(inputs, None) as child:
        return [await _index(child) for _ in inputs]


async def _index(child: _Child) -> FileIndex:
    kind, payload = await child.next()
    if kind != wire.HEADER:
        raise MediaError("expected a file's description first, found another message")
    header = wire.read_header(payload)
    marks: list[Mark] = []
    while True:
        try:
            kind, payload = await child.next()
        except MediaError as error:
            if not marks:
                raise
            return FileIndex(header, marks, str(error))  # what it told until then holds
        if kind == wire.END:
            return FileIndex(header, marks, wire.read_end(payload))
        if kind == wire.INDEX:
            marks += await asyncio.to_thread(wire.read_marks, payload, len(header.tracks))
        if len(marks) > MAX_UNITS:
            raise MediaError(f"expected at most {MAX_UNITS} units in a file, found more; bring it in parts")


async def read_units(
    pieces: Sequence[Piece], wanted: Mapping[int, tuple[int, int]], tracks: int
) -> AsyncIterator[tuple[Mark, bytes]]:
    """The units ``first … last`` of each track, with their bytes, in the order of the file. Raises MediaError where
    the demultiplexer ends before it has told them all."""
    spans = {str(track): list(bounds) for track, bounds in wanted.items()}
    async with _Child([pieces], spans) as child:
        while True:
            kind, payload = await child.next()
            if kind == wire.END:
                return
            if kind == wire.UNIT:
                mark = Mark(*wire.RECORD.unpack_from(payload))
                wire.check_mark(mark, tracks)
                yield mark, payload[wire.RECORD.size :]


class _Child:
    """One run of the demultiplexer."""

    def __init__(self, inputs: Sequence[Sequence[Piece]], wanted: Mapping[str, list[int]] | None) -> None:
        size = sum(piece[2] for pieces in inputs for piece in pieces)
        cpu_s = 30 + CPU_S_PER_GB * (size >> 30) + CPU_S_PER_GB
        rows = [[list(piece) for piece in pieces] for pieces in inputs]
        self._job = {"inputs": rows, "cpu_s": cpu_s, "wanted": wanted}
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> _Child:
        environ = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub.footage.demux",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=environ, limit=1 << 18,
        )  # fmt: skip
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(json.dumps(self._job).encode() + b"\n")
            await self._process.stdin.drain()
        return self

    async def __aexit__(self, *_: object) -> None:
        process = self._process
        assert process is not None
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def next(self) -> tuple[int, bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        out = self._process.stdout
        try:
            async with asyncio.timeout(SILENCE_S):
                size, kind = wire.PREFIX.unpack(await out.readexactly(wire.PREFIX.size))
                if size > wire.MAX_MESSAGE:
                    raise MediaError("the file holds a unit that is too large for any picture")
                return kind, await out.readexactly(size)
        except asyncio.IncompleteReadError as error:
            raise MediaError("the file cannot be read: its demultiplexer ended over it") from error
        except TimeoutError as error:
            raise MediaError("the file cannot be read: its demultiplexer came to no end") from error
