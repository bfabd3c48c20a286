"""Where the bytes of reels are: on this disk, in an archive, on another node's disk. One way to read them all.

Standard library only: the verifier that runs without the hub reads through this too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

BLOCK = 1 << 20


class Shelf(Protocol):
    """``path`` is a file's path below the data folder, with slashes. All calls block; from any thread.

    Each raises OSError where the place cannot be asked, which is another thing than that it has no such file.
    """

    def size(self, path: str) -> int | None:
        """In bytes; None: there is no such file here."""
        ...

    def read(self, path: str, offset: int, size: int) -> bytes:
        """These bytes; fewer where the file ends before. Raises FileNotFoundError."""
        ...

    def names(self, below: str) -> Iterator[tuple[str, int]]:
        """Paths of the files below a folder, and their sizes, in no order."""
        ...

    def file(self, path: str) -> Path | None:
        """The file itself where it lies on this machine's disk."""
        ...


class LocalShelf:
    """The data folder's own disk."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def size(self, path: str) -> int | None:
        try:
            return (self._data / path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, path: str, offset: int, size: int) -> bytes:
        with (self._data / path).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def names(self, below: str) -> Iterator[tuple[str, int]]:
        for path in sorted((self._data / below).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(self._data).as_posix(), path.stat().st_size

    def file(self, path: str) -> Path | None:
        return found if (found := self._data / path).is_file() else None


class Shelves:
    """Several places, the nearest first; each file is taken from the first that has it. One that cannot be asked is
    passed over; that it cannot is told where none of the others has the file."""

    def __init__(self, places: Sequence[Shelf]) -> None:
        self._places = tuple(places)

    def size(self, path: str) -> int | None:
        failed: OSError | None = None
        for one in self._places:
            try:
                size = one.size(path)
            except OSError as error:
                failed = error
                continue
            if size is not None:
                return size
        if failed is not None:
            raise failed
        return None

    def read(self, path: str, offset: int, size: int) -> bytes:
        failed: OSError | None = None
        for one in self._places:
            try:
                return one.read(path, offset, size)
            except FileNotFoundError:
                continue  # it may have left the disk a moment ago
            except OSError as error:
                failed = error
        raise failed or FileNotFoundError(path)

    def names(self, below: str) -> Iterator[tuple[str, int]]:
        seen: set[str] = set()
        for one in self._places:
            for path, size in one.names(below):
                if path not in seen:
                    seen.add(path)
                    yield path, size

    def file(self, path: str) -> Path | None:
        return next((found for one in self._places if (found := one.file(path)) is not None), None)


def read_blocks(shelf: Shelf, path: str, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
    """Bytes of a file a MiB at a time; fewer than ``size`` if it ends before. Raises FileNotFoundError, OSError."""
    left = size
    while left is None or left > 0:
        wanted = BLOCK if left is None else min(BLOCK, left)
        block = shelf.read(path, offset, wanted)
        if block:
            yield block
        if len(block) < wanted:
            return
        offset += len(block)
        left = None if left is None else left - len(block)
