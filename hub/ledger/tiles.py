"""The log's hashes as tiles (C2SP tlog-tiles), and every subtree from them without hashing the log again. Blocking.

Level 0 is the file ``leaves``. Level L is a file ``hashes.L`` beside it: hash i is the root of the leaves
i · 256^L … (i + 1) · 256^L. These files are made from ``leaves`` and can be deleted at any time. They are flushed
by nobody: whatever is read from them is checked against the level above, and the topmost hashes against the
signed root, so that what a power cut left there is found and made again.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from pathlib import Path

from hub.errors import InvalidRequest, LedgerError, NotFound
from hub.ledger.files import LEAVES_FILE
from hub.ledger.merkle import HASH_SIZE, tree_root
from hub.ledger.proofs import range_root

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_LEVEL = 7
"""256^8 leaves are more than any log has."""
BLOCK_TILES = 64
"""Tiles hashed between two pauses: another thread, the event loop's, must get its turn."""
CACHED_TILES = 256
"""Checked full tiles in memory, 8 KiB each."""


class TreeDamaged(LedgerError):
    """The log's leaves do not lead to the root that was signed."""

    code = "log_damaged"


def tile_of(path: str) -> tuple[int, int, int]:
    """Level, index and width (256: full) of ``<L>/<N>[.p/<W>]``. Raises NotFound for anything else."""
    level, _, rest = path.partition("/")
    name, dot, width = rest.partition(".p/")
    parts = name.split("/")
    groups = [part.removeprefix("x") for part in parts[:-1]] + parts[-1:]
    fits = (
        all(part.startswith("x") for part in parts[:-1])
        and all(len(part) == 3 and part.isascii() and part.isdigit() for part in groups)
        and not (len(groups) > 1 and groups[0] == "000")
        and len(groups) <= 7
        and _is_number(level, 63)
        and (not dot or (_is_number(width, WIDTH - 1) and width != "0"))
    )
    if not fits:
        raise NotFound(f"expected a tile as 0/x001/234 or 1/000.p/17, found {path[:80]!r}")
    return int(level), int("".join(groups)), int(width) if dot else WIDTH


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """The inverse of :func:`tile_of`."""
    groups = []
    while True:
        groups.append(f"{index % 1000:03d}")
        index //= 1000
        if not index:
            break
    name = "/".join([f"x{group}" for group in reversed(groups[1:])] + groups[:1])
    return f"{level}/{name}" if width == WIDTH else f"{level}/{name}.p/{width}"


def _is_number(text: str, largest: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3 and str(int(text)) == text and int(text) <= largest


class TileTree:
    """The subtrees of the log in one folder, for any thread; one call at a time. Memory: :data:`CACHED_TILES`.

    :meth:`grow` says how far the log is signed, and brings the levels up to it.
    """

    def __init__(self, folder: Path, levels: Path | None = None) -> None:
        """``levels``: where the files ``hashes.L`` lie; beside the leaves if not said."""
        self._folder = folder
        self._levels = levels or folder
        self._lock = threading.RLock()
        self._handles: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._tiles: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self.size = 0
        self.root = b""

    def grow(self, size: int, root: bytes) -> None:
        """The log of ``size`` leaves is signed, with this root. Amortized one hash a leaf; the first call on an old
        log makes all levels. Raises TreeDamaged if the leaves have another root, OSError if they cannot be read."""
        with self._lock:
            if size < self.size:
                raise TreeDamaged(f"expected a log of at least {self.size} leaves, found {size}: it does not shrink")
            if size == self.size and root == self.root:
                return
            self._fill(size)
            if self._root(size) != root:
                self._forget_levels()
                self._fill(size)
                if self._root(size) != root:
                    raise TreeDamaged(
                        f"the {size} leaves in {self._folder} do not have the root {root.hex()} that was signed; "
                        "run `hub verify` on the data folder"
                    )
            self.size, self.root = size, root

    def subtree(self, height: int, index: int) -> bytes:
        """See :class:`hub.ledger.proofs.Subtrees`."""
        with self._lock:
            level, rest = divmod(height, HEIGHT)
            width = 1 << rest
            tile, at = divmod(index * width, WIDTH)
            data = self._checked(level, tile, at + width)
            return tree_root(_split(data[at * HASH_SIZE : (at + width) * HASH_SIZE]))

    def tile(self, level: int, index: int, width: int = WIDTH) -> bytes:
        """The hashes of one tile. Raises NotFound for one that no signed checkpoint of this log needs."""
        with self._lock:
            held = self._held(level) - index * WIDTH
            if width > held:
                raise NotFound(
                    f"the log of {self.size} leaves has {max(0, min(held, WIDTH))} hashes in the tile "
                    f"{tile_path(level, index)}, not {width}"
                )
            return self._checked(level, index, width)[: width * HASH_SIZE]

    def leaf(self, index: int) -> bytes:
        """The leaf hash at ``index``. Raises InvalidRequest where the signed log ends before it."""
        if not 0 <= index < self.size:
            raise InvalidRequest(f"expected an index below {self.size}, the signed size of the log, found {index}")
        return self.subtree(0, index)

    def close(self) -> None:
        with self._lock:
            for handle in self._handles.values():
                os.close(handle)
            self._handles.clear()
            self._tiles.clear()

    # ------------------------------------------------------------------------------ reading

    def _held(self, level: int) -> int:
        """How many hashes of a level the signed log has."""
        return self.size >> HEIGHT * level if level <= MAX_LEVEL else 0

    def _checked(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile at least; a full tile was found to hash to its parent."""
        key = (level, index)
        if key in self._tiles:
            self._tiles.move_to_end(key)
            return self._tiles[key]
        if (index + 1) * WIDTH > self._held(level):
            return self._read(level, index * WIDTH, width)  # grow() found its hashes to lead to the signed root
        data = self._read(level, index * WIDTH, WIDTH)
        above, at = divmod(index, WIDTH)
        parent = self._checked(level + 1, above, at + 1)[at * HASH_SIZE : (at + 1) * HASH_SIZE]
        if tree_root(_split(data)) != parent:
            size, root = self.size, self.root
            self._forget_levels()
            self.size, self.root = 0, b""
            self.grow(size, root)
            data = self._read(level, index * WIDTH, WIDTH)
        self._tiles[key] = data
        if len(self._tiles) > CACHED_TILES:
            self._tiles.popitem(last=False)
        return data

    def _read(self, level: int, start: int, count: int) -> bytes:
        data = os.pread(self._handle(level), count * HASH_SIZE, start * HASH_SIZE)
        if len(data) != count * HASH_SIZE:
            raise TreeDamaged(f"expected {start + count} hashes in level {level} of {self._folder}, found fewer")
        return data

    def _root(self, size: int) -> bytes:
        """From the topmost hashes alone: each is in the rightmost, partial tile of its level."""
        return range_root(_Edge(self), 0, size)

    def _handle(self, level: int) -> int:
        if level not in self._handles:
            path = self._path(level)
            flags = os.O_RDONLY if level == 0 else os.O_RDWR | os.O_CREAT
            self._handles[level] = os.open(path, flags, 0o644)
            self._counts[level] = os.fstat(self._handles[level]).st_size // HASH_SIZE
        return self._handles[level]

    def _path(self, level: int) -> Path:
        return self._folder / LEAVES_FILE if level == 0 else self._levels / f"hashes.{level}"

    # ------------------------------------------------------------------------------ growing

    def _fill(self, size: int) -> None:
        for level in range(1, MAX_LEVEL + 1):
            wanted = size >> HEIGHT * level
            if not wanted:
                return
            handle = self._handle(level)
            while self._counts[level] < wanted:
                first = self._counts[level]
                last = min(wanted, first + BLOCK_TILES)
                below = self._read(level - 1, first * WIDTH, (last - first) * WIDTH)
                step = WIDTH * HASH_SIZE
                made = b"".join(tree_root(_split(below[at : at + step])) for at in range(0, len(below), step))
                if os.pwrite(handle, made, first * HASH_SIZE) != len(made):
                    raise OSError(28, "not all hashes of the log could be written")
                self._counts[level] = last
                time.sleep(0)

    def _forget_levels(self) -> None:
        self._tiles.clear()
        for level in range(1, MAX_LEVEL + 1):
            handle = self._handles.pop(level, None)
            if handle is not None:
                os.close(handle)
            self._counts.pop(level, None)
            self._path(level).unlink(missing_ok=True)


class _Edge:
    """Subtrees straight from the files, unchecked: only to find the root that they lead to."""

    def __init__(self, tree: TileTree) -> None:
        self._tree = tree

    def subtree(self, height: int, index: int) -> bytes:
        level, rest = divmod(height, HEIGHT)
        width = 1 << rest
        return tree_root(_split(self._tree._read(level, index * width, width)))


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]
