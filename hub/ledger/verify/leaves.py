"""The leaf hashes of one stream's entries, in the order of its chain: on the disk when they are many."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterator

from hub.ledger.merkle import HASH_SIZE

_SPOOL_BYTES = 1 << 20
_WRITE_BYTES = 1024 * HASH_SIZE
_READ_BYTES = 128 * HASH_SIZE
"""Few: a county's streams are all read at once, side by side with the log."""


class Leaves:
    """Appended while a chain is walked, read once it was; single ones may be looked up at any time."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115  see close()
        self._filed_bytes = 0
        self._fresh = bytearray()
        """Those that are not in the file yet: a write of each would cost more than all else that is done with it."""
        self._begun: list[int] = []
        """The first numbers that name another log than those before them: few, for a hub changes its log's name when it
        was restored, if ever."""
        self._origins: list[int] = []

    def append(self, leaf: str) -> None:
        """``leaf`` is hex; of the log that was named last."""
        self.extend(bytes.fromhex(leaf))

    def extend(self, leaves: bytes) -> None:
        """Any number of them, one after the other."""
        self._fresh += leaves
        if len(self._fresh) >= _WRITE_BYTES:
            self._write()

    def of_log(self, origin: int) -> None:
        """Those from now on name the log of this number."""
        self._begun.append((self._filed_bytes + len(self._fresh)) // HASH_SIZE)
        self._origins.append(origin)

    def origin(self, number: int) -> int:
        """The number of the log that this entry names, which must have been appended."""
        return self._origins[bisect_right(self._begun, number) - 1]

    def __getitem__(self, number: int) -> bytes:
        """The leaf hash of this number, which must have been appended."""
        at = number * HASH_SIZE - self._filed_bytes
        if at >= 0:
            return bytes(self._fresh[at : at + HASH_SIZE])
        self._file.seek(number * HASH_SIZE)
        return self._file.read(HASH_SIZE)

    def __iter__(self) -> Iterator[bytes]:
        """All of them; nothing may be appended any more."""
        self._write()
        for first in range(0, self._filed_bytes, _READ_BYTES):
            self._file.seek(first)
            block = self._file.read(_READ_BYTES)
            for at in range(0, len(block), HASH_SIZE):
                yield block[at : at + HASH_SIZE]

    def _write(self) -> None:
        self._file.seek(self._filed_bytes)
        self._file.write(self._fresh)
        self._filed_bytes += len(self._fresh)
        self._fresh.clear()

    def close(self) -> None:
        """Nothing can be read any more, and nothing stays on the disk."""
        self._file.close()
