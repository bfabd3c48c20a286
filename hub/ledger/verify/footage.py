"""Step 6 of a verification: the bytes of the reels, each read once."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hub.ledger.verdict import Finding, Harm, Step
from hub.ledger.verify.context import Absent
from hub.shelf import Shelf

BLOCK = 2 << 20
"""Bytes read at a time: several chunks, since each read and each hash waits for the interpreter's lock once."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a reel that an entry speaks of, and the entry's place."""

    offset: int
    size: int
    sha256: str
    place: str


@dataclass
class ReelJob:
    """A reel as its entries describe it. ``open``: it is the newest of a live stream, and may be longer."""

    data: Path
    reel: str
    stream: str
    archive: Shelf | None = None
    """Where it is read if the folder does not hold it; None: nowhere."""
    open: bool = False
    told: bool = False
    """Everything that its entry file says was added."""
    init_size: int = 0
    init_sha256: str = ""
    init_place: str = ""
    pieces: list[Piece] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    absent: Absent | None = None
    unreachable: str = ""
    """Why nobody can say what is in it; empty: it could be read."""
    pending_bytes: int = 0
    bytes: int = 0
    first_us: int = 0
    end_us: int = 0
    """From the first to the last moment that its entries speak of (hub UTC)."""

    def add(self, body: Mapping[str, Any], place: str) -> None:
        """One more entry about this reel."""
        if not self.init_size:
            self.init_size, self.init_sha256, self.init_place = body["init_size"], body["init_sha256"], place
        elif (body["init_size"], body["init_sha256"]) != (self.init_size, self.init_sha256) and body["init_size"]:
            expected = f"the init segment of {self.init_place} ({self.init_size} bytes, {self.init_sha256})"
            found = f"{body['init_size']} bytes, {body['init_sha256']}"
            self.findings.append(Finding(Step.FOOTAGE, Harm.ALTERED, self.stream, place, expected, found))
        if body["size"]:
            self.first_us = min(self.first_us, body["first_us"]) if self.pieces else body["first_us"]
            self.end_us = max(self.end_us, body["end_us"])
            self.pieces.append(Piece(body["offset"], body["size"], body["sha256"], place))

    def run(self, progress: Callable[[int], None]) -> ReelJob:
        """Read the reel and compare; ``progress`` is told how many bytes were read. Any thread."""
        return self._unless_away(self._read, progress)

    def _unless_away(
        self, work: Callable[[Callable[[int], None]], ReelJob], progress: Callable[[int], None]
    ) -> ReelJob:
        try:
            return work(progress)
        except OSError as error:
            if self.archive is None:
                raise
            self.unreachable = str(error).replace(self.reel, "a reel")
            self.findings.clear()  # half read is not judged
            return self

    def _read(self, progress: Callable[[int], None]) -> ReelJob:
        if not self.pieces:
            # Recovered without one whole fragment: what there was lies in quarantine.
            if self._size() is not None and not self.open:
                self._find(Harm.UNDECLARED, self.reel, "no such file: it was moved to quarantine", "a file")
            return self
        try:
            with self._opened(progress) as reader:
                self._compare(reader)
        except FileNotFoundError:
            self.absent = self._absence()
        return self

    def _absence(self) -> Absent:
        last = self.pieces[-1]
        return Absent(self.reel, self.stream, last.offset + last.size, len(self.pieces), self.pieces[0].place)

    @contextmanager
    def _opened(self, progress: Callable[[int], None]) -> Iterator[_Reader]:
        """Raises FileNotFoundError where it is neither in the folder nor in the archive."""
        try:
            handle = os.open(self.data / self.reel, os.O_RDONLY)
        except FileNotFoundError:
            if self.archive is None:
                raise
            yield _Reader(_Archived(self.archive, self.reel), progress)
            return
        try:
            yield _Reader(_Local(handle), progress)
        finally:
            os.close(handle)

    def _size(self) -> int | None:
        try:
            return (self.data / self.reel).stat().st_size
        except FileNotFoundError:
            return None if self.archive is None else self.archive.size(self.reel)

    def glance(self, progress: Callable[[int], None]) -> ReelJob:
        """That the reel is there, as long as its entries say, without reading it. Any thread."""
        return self._unless_away(self._look, progress)

    def _look(self, progress: Callable[[int], None]) -> ReelJob:
        last = self.pieces[-1]
        end = last.offset + last.size
        size = self._size()
        if size is None:
            self.absent = self._absence()
            return self
        if size < end:
            place = f"{self.reel} bytes {last.offset}-{end} (declared in {last.place})"
            self._find(Harm.ALTERED, place, f"{last.size} bytes", f"{max(0, size - last.offset)}")
        self._rest(size, end)
        progress(size)
        return self

    def _compare(self, reader: _Reader) -> None:
        digest = reader.digest(self.init_size)
        if digest != self.init_sha256:
            place = f"{self.reel} bytes 0-{self.init_size} (init segment, declared in {self.init_place})"
            self._find(Harm.ALTERED, place, f"sha256 {self.init_sha256}", digest or "the file ends before")
        at = self.init_size
        for piece in self.pieces:
            place = f"{self.reel} bytes {piece.offset}-{piece.offset + piece.size} (declared in {piece.place})"
            if piece.offset != at:
                harm = Harm.UNDECLARED if piece.offset > at else Harm.ALTERED
                self._find(harm, place, f"footage from byte {at} on", f"footage from byte {piece.offset} on")
                reader.seek(piece.offset)
            digest = reader.digest(piece.size)
            if digest is None:
                self._find(Harm.ALTERED, place, f"{piece.size} bytes", f"{max(0, reader.size - piece.offset)}")
            elif digest != piece.sha256:
                self._find(Harm.ALTERED, place, f"sha256 {piece.sha256}", f"sha256 {digest}")
            at = piece.offset + piece.size
        self.bytes = reader.done
        self._rest(reader.size, at)

    def _rest(self, size: int, at: int) -> None:
        if size > at:
            if self.open:
                self.pending_bytes = size - at
            else:
                self._find(
                    Harm.UNDECLARED, f"{self.reel} bytes {at}-{size}", "the end of the file", f"{size - at} more"
                )

    def _find(self, harm: Harm, place: str, expected: str, found: str) -> None:
        self.findings.append(Finding(Step.FOOTAGE, harm, self.stream, place, expected, found))


class _Bytes(Protocol):
    """A reel's bytes, in order. ``size``: of all of them."""

    size: int

    def seek(self, offset: int) -> None: ...

    def fill(self, block: memoryview) -> int:
        """The next bytes; how many, 0 at the end."""
        ...


class _Local:
    """A file of this disk."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.size = os.fstat(handle).st_size
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def seek(self, offset: int) -> None:
        os.lseek(self._handle, offset, os.SEEK_SET)

    def fill(self, block: memoryview) -> int:
        return os.readv(self._handle, [block])


class _Archived:
    """An object of the archive, as long as it is when it is opened. Raises FileNotFoundError."""

    def __init__(self, archive: Shelf, reel: str) -> None:
        size = archive.size(reel)
        if size is None:
            raise FileNotFoundError(reel)
        self.size = size
        self._archive = archive
        self._reel = reel
        self._at = 0

    def seek(self, offset: int) -> None:
        self._at = offset

    def fill(self, block: memoryview) -> int:
        data = self._archive.read(self._reel, self._at, min(len(block), max(0, self.size - self._at)))
        block[: len(data)] = data
        self._at += len(data)
        return len(data)


class _Reader:
    """Reads from start to end, hashing what it is asked for."""

    def __init__(self, source: _Bytes, progress: Callable[[int], None]) -> None:
        self._source = source
        self._progress = progress
        self._block = memoryview(bytearray(BLOCK))
        self._at = self._end = 0
        """What of the block was read and not yet hashed."""
        self.size = source.size
        self.done = 0

    def seek(self, offset: int) -> None:
        self._source.seek(offset)
        self._at = self._end = 0

    def digest(self, size: int) -> str | None:
        """SHA-256 of the next ``size`` bytes; None if the file ends before."""
        digest = hashlib.sha256()
        left = size
        while left:
            if self._at == self._end:
                self._at, self._end = 0, self._source.fill(self._block)
                if self._end == 0:
                    return None
            count = min(left, self._end - self._at)
            digest.update(self._block[self._at : self._at + count])
            self._at += count
            left -= count
        self.done += size
        self._progress(size)
        return digest.hexdigest()
