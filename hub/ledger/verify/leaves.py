"""The leaf hashes of one stream's entries, in the order of its chain: on the disk when they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import NamedTuple

from hub.ledger.merkle import HASH_SIZE

_RECORD = HASH_SIZE + 2
"""A leaf hash, and two bytes of its log's number."""
_SPOOL_BYTES = 1 << 20
_WRITE_RECORDS = 1024
_READ_RECORDS = 128
"""Few: a county's streams are all read at once, side by side with the log."""


class Leaf(NamedTuple):
    """The leaf hash of an entry, and the number of the log that its entry names."""

    leaf: bytes
    origin: int


class Leaves:
    """Appended while a chain is walked, read once it was; single ones may be looked up at any time."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)  # noqa: SIM115  see close()
        self._filed = 0
        self._fresh = bytearray()
        """Those that are not in the file yet: a write of each would cost more than all else that is done with it."""

    def append(self, leaf: str, origin: bytes) -> None:
        """``leaf`` is hex; ``origin`` the log's number as two bytes, big-endian."""
        self._fresh += bytes.fromhex(leaf) + origin
        if len(self._fresh) >= _WRITE_RECORDS * _RECORD:
            self._write()

    def __getitem__(self, number: int) -> bytes:
        """The leaf hash of this number, which must have been appended."""
        at = (number - self._filed) * _RECORD
        if at >= 0:
            return bytes(self._fresh[at : at + HASH_SIZE])
        self._file.seek(number * _RECORD)
        return self._file.read(HASH_SIZE)

    def __iter__(self) -> Iterator[Leaf]:
        """All of them; nothing may be appended any more."""
        self._write()
        for first in range(0, self._filed, _READ_RECORDS):
            self._file.seek(first * _RECORD)
            block = self._file.read(_READ_RECORDS * _RECORD)
            for at in range(0, len(block), _RECORD):
                yield Leaf(block[at : at + HASH_SIZE], int.from_bytes(block[at + HASH_SIZE : at + _RECORD], "big"))

    def _write(self) -> None:
        self._file.seek(self._filed * _RECORD)
        self._file.write(self._fresh)
        self._filed += len(self._fresh) // _RECORD
        self._fresh.clear()

    def close(self) -> None:
        """Nothing can be read any more, and nothing stays on the disk."""
        self._file.close()
