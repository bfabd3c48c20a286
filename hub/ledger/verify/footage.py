"""Step 6 of a verification: the bytes of the reels, each read once.

A reel is read in parts, by several threads at once: otherwise the last reel of all would keep one of them busy while
the others have nothing more to do.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count, pairwise
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hub.ledger.files import SUFFIX
from hub.ledger.verdict import Finding, Harm, Step
from hub.ledger.verify.context import Absent
from hub.ledger.verify.lines import Stretch
from hub.shelf import Shelf

BLOCK = 2 << 20
"""Bytes read at a time, at most: several chunks, since each read waits for the interpreter's lock once."""
PART = 16 << 20
"""Bytes of a reel that one thread reads, or a little more: never a part of a chunk."""
Progress = Callable[[int], None]
"""Told how many bytes were read. Any thread."""
_own = threading.local()


def _block() -> memoryview:
    """This thread's block, for one reader at a time: a new one for each part would be cleared each time."""
    try:
        found: memoryview = _own.block
    except AttributeError:
        found = _own.block = memoryview(bytearray(BLOCK))
    return found


class Piece(NamedTuple):
    """Bytes of a reel that an entry speaks of, and the entry's line and number. One is made for each chunk there is."""

    offset: int
    size: int
    sha256: str
    line: int
    seq: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass
class Read:
    """What reading a part of a reel came to."""

    findings: list[Finding] = field(default_factory=list)
    absent: Absent | None = None
    unreachable: str = ""
    """Why nobody can say what is in it; empty: it could be read."""
    pending_bytes: int = 0
    bytes: int = 0


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
    """Of its entries, before anything is read."""
    first_us: int = 0
    end_us: int = 0
    """From the first to the last moment that its entries speak of (hub UTC)."""

    def add(self, body: Mapping[str, Any], line: int, seq: int) -> None:
        """One more entry about this reel: its line in the reel's entry file, and its number in the chain."""
        if not self.init_size:
            self.init_size, self.init_sha256 = body["init_size"], body["init_sha256"]
            self.init_place = self._declared_in(line, seq)
        elif body["init_size"] and (body["init_sha256"] != self.init_sha256 or body["init_size"] != self.init_size):
            expected = f"the init segment of {self.init_place} ({self.init_size} bytes, {self.init_sha256})"
            found = f"{body['init_size']} bytes, {body['init_sha256']}"
            place = self._declared_in(line, seq)
            self.findings.append(Finding(Step.FOOTAGE, Harm.ALTERED, self.stream, place, expected, found))
        size = body["size"]
        if size:
            first_us, end_us = body["first_us"], body["end_us"]
            if first_us < self.first_us or not self.pieces:
                self.first_us = first_us
            if end_us > self.end_us:
                self.end_us = end_us
            self.pieces.append(Piece(body["offset"], size, body["sha256"], line, seq))

    def stretch(self, chunks: Stretch) -> None:
        """Chunks of this reel that follow each other: :meth:`add` for each of them."""
        first = chunks.first
        init = (first.entry.body["init_size"], first.entry.body["init_sha256"])
        if self.init_size and init != (self.init_size, self.init_sha256):
            for line in chunks.lines():
                self.add(line.entry.body, line.number, line.entry.seq)
            return
        if not self.init_size:
            self.init_size, self.init_sha256 = init
            self.init_place = self._declared_in(first.number, first.entry.seq)
        first_us = min(chunks.first_us)
        self.first_us = min(self.first_us, first_us) if self.pieces else first_us
        self.end_us = max(self.end_us, max(chunks.end_us))
        places = count(first.number), count(first.entry.seq)
        self.pieces += map(Piece, chunks.offsets, chunks.sizes, chunks.sha256s, *places)

    def parts(self) -> list[Callable[[Progress], Read]]:
        """Each reads a part of the reel and compares; any thread. Together they have read all of it."""
        if not self.pieces:
            return [partial(self._unless_away, self._without_footage)]
        bounds, begun = [0], self.pieces[0].offset
        for number, piece in enumerate(self.pieces):
            if piece.offset - begun >= PART:
                bounds.append(number)
                begun = piece.offset
        edges = pairwise([*bounds, len(self.pieces)])
        return [partial(self._unless_away, partial(self._read, first, end)) for first, end in edges]

    def _unless_away(self, work: Callable[[Progress], Read], progress: Progress) -> Read:
        try:
            return work(progress)
        except OSError as error:
            if self.archive is None:
                raise
            return Read(unreachable=str(error).replace(self.reel, "a reel"))

    def _without_footage(self, _progress: Progress) -> Read:
        """Recovered without one whole fragment: what there was lies in quarantine."""
        found = Read()
        if self._size() is not None and not self.open:
            self._find(found, Harm.UNDECLARED, self.reel, "no such file: it was moved to quarantine", "a file")
        return found

    def _read(self, first: int, end: int, progress: Progress) -> Read:
        """Of the pieces from ``first`` to before ``end``."""
        found = Read()
        try:
            with self._opened() as source:
                reader = _Reader(source)
                self._compare(reader, first, end, found)
                found.bytes = reader.done
                progress(reader.done)
        except FileNotFoundError:
            found.absent = self._absent()
        return found

    def _absent(self) -> Absent:
        first, last = self.pieces[0], self.pieces[-1]
        return Absent(
            self.reel, self.stream, last.offset + last.size, len(self.pieces), self._declared_in(first.line, first.seq)
        )

    @contextmanager
    def _opened(self) -> Iterator[_Bytes]:
        """Raises FileNotFoundError where it is neither in the folder nor in the archive."""
        try:
            handle = os.open(self.data / self.reel, os.O_RDONLY)
        except FileNotFoundError:
            if self.archive is None:
                raise
            yield _Archived(self.archive, self.reel)
            return
        try:
            yield _Local(handle)
        finally:
            os.close(handle)

    def _size(self) -> int | None:
        try:
            return (self.data / self.reel).stat().st_size
        except FileNotFoundError:
            return None if self.archive is None else self.archive.size(self.reel)

    def glance(self, progress: Progress) -> Read:
        """That the reel is there, as long as its entries say, without reading it. Any thread."""
        return self._unless_away(self._look, progress)

    def _look(self, progress: Progress) -> Read:
        last, found = self.pieces[-1], Read()
        end = last.offset + last.size
        size = self._size()
        if size is None:
            found.absent = self._absent()
            return found
        if size < end:
            self._find(found, Harm.ALTERED, self._place(last), f"{last.size} bytes", f"{max(0, size - last.offset)}")
        self._rest(found, size, end)
        progress(size)
        return found

    def _compare(self, reader: _Reader, first: int, end: int, found: Read) -> None:
        if first == 0:
            at = self._init(reader, found)
        else:
            at = self.pieces[first - 1].end
            reader.seek(at)
        number = first
        while number < end:
            piece = self.pieces[number]
            if piece.offset != at:
                harm = Harm.UNDECLARED if piece.offset > at else Harm.ALTERED
                expected = f"footage from byte {at} on"
                self._find(found, harm, self._place(piece), expected, f"footage from byte {piece.offset} on")
                reader.seek(piece.offset)
            together = self._together(number, end)
            digests = reader.digests([one.size for one in together])
            if digests != [one.sha256 for one in together]:
                self._differ(together, digests, reader.size, found)
            at = together[-1].end
            number += len(together)
        if end == len(self.pieces):
            self._rest(found, reader.size, at)

    def _together(self, first: int, end: int) -> list[Piece]:
        """What is read at once from the piece ``first`` on: pieces that follow each other, as many as fit."""
        pieces = self.pieces
        piece = pieces[first]
        at, until = piece.offset + piece.size, piece.offset + BLOCK
        number = first + 1
        while number < end and (piece := pieces[number]).offset == at and at + piece.size <= until:
            at += piece.size
            number += 1
        return pieces[first:number]

    def _differ(self, pieces: list[Piece], digests: list[str | None], size: int, found: Read) -> None:
        """Some of them."""
        for piece, digest in zip(pieces, digests, strict=True):
            if digest is None:
                there = max(0, size - piece.offset)
                self._find(found, Harm.ALTERED, self._place(piece), f"{piece.size} bytes", f"{there}")
            elif digest != piece.sha256:
                expected = f"sha256 {piece.sha256}"
                self._find(found, Harm.ALTERED, self._place(piece), expected, f"sha256 {digest}")

    def _init(self, reader: _Reader, found: Read) -> int:
        digest = reader.digests([self.init_size])[0]
        if digest != self.init_sha256:
            place = f"{self.reel} bytes 0-{self.init_size} (init segment, declared in {self.init_place})"
            self._find(found, Harm.ALTERED, place, f"sha256 {self.init_sha256}", digest or "the file ends before")
        return self.init_size

    def _rest(self, found: Read, size: int, at: int) -> None:
        if size > at:
            if self.open:
                found.pending_bytes = size - at
            else:
                place = f"{self.reel} bytes {at}-{size}"
                self._find(found, Harm.UNDECLARED, place, "the end of the file", f"{size - at} more")

    def _place(self, piece: Piece) -> str:
        return f"{self.reel} bytes {piece.offset}-{piece.end} (declared in {self._declared_in(piece.line, piece.seq)})"

    def _declared_in(self, line: int, seq: int) -> str:
        return f"{self.reel}{SUFFIX} line {line} (entry {seq} of {self.stream})"

    def _find(self, found: Read, harm: Harm, place: str, expected: str, instead: str) -> None:
        found.findings.append(Finding(Step.FOOTAGE, harm, self.stream, place, expected, instead))


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
        self._held = memoryview(b"")
        """What was asked for and not yet taken: a request brings several chunks."""

    def seek(self, offset: int) -> None:
        self._at, self._held = offset, memoryview(b"")

    def fill(self, block: memoryview) -> int:
        if not self._held:
            self._held = memoryview(self._archive.read(self._reel, self._at, min(BLOCK, max(0, self.size - self._at))))
        count = min(len(block), len(self._held))
        block[:count] = self._held[:count]
        self._held = self._held[count:]
        self._at += count
        return count


class _Reader:
    """Reads from start to end, hashing what it is asked for."""

    def __init__(self, source: _Bytes) -> None:
        self._source = source
        self._block = _block()
        self._at = self._held = 0
        self.size = source.size
        self.done = 0

    def seek(self, offset: int) -> None:
        self._held = 0
        self._source.seek(offset)

    def digests(self, sizes: list[int]) -> list[str | None]:
        """SHA-256 of the next bytes, so many for each; None where the file ends before. They are read at once, if they
        fit into a block and are there."""
        block, sha256, wanted = self._block, hashlib.sha256, sum(sizes)
        self._at, self._held = 0, self._source.fill(block[:wanted])
        if self._held < wanted:
            return [self._digest(size) for size in sizes]
        found: list[str | None] = []
        at = 0
        for size in sizes:
            found.append(sha256(block[at : at + size]).hexdigest())
            at += size
        self.done += wanted
        return found

    def _digest(self, size: int) -> str | None:
        at, held = self._at, min(size, self._held)
        digest, left = hashlib.sha256(self._block[at : at + held]), size - held
        self._at, self._held = at + held, self._held - held
        while left:
            count = self._source.fill(self._block[:left])
            if count == 0:
                return None
            digest.update(self._block[:count])
            left -= count
        self.done += size
        return digest.hexdigest()
