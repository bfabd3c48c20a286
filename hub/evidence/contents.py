"""The zip of a package, written in one go: what goes in is hashed on its way. Blocking."""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub.ledger.package.format import NOT_IN_SUMS, SUMS, FileRow

BLOCK = 1 << 20


class Cancelled(Exception):
    """Somebody does not want the package any more."""


class Contents:
    """Files of one package; ``rows`` lists what is in it so far."""

    def __init__(self, archive: zipfile.ZipFile, made_us: int, written: Callable[[int], None]) -> None:
        self.archive = archive
        self.rows: list[FileRow] = []
        self._written = written
        # A zip knows local time without a zone, in two seconds: UTC.
        moment = time.gmtime(made_us // 1_000_000)
        self._date = (max(1980, moment.tm_year), *moment[1:6])

    def add(self, name: str, data: bytes, *, packed: bool = True) -> FileRow:
        """A small file as a whole."""
        return self.stream(name, [data], packed=packed)

    def stream(self, name: str, blocks: Iterable[bytes], *, packed: bool = False, size: int | None = None) -> FileRow:
        """A file of any size, as its blocks come; ``size`` where it is known, for the zip's own header."""
        info = zipfile.ZipInfo(name, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        info.external_attr = 0o100644 << 16
        info.file_size = size or 0
        digest, count = hashlib.sha256(), 0
        # without a known size a file may outgrow the short header
        with self.archive.open(info, "w", force_zip64=size is None and not packed) as file:
            for block in blocks:
                digest.update(block)
                count += len(block)
                file.write(block)
                self._written(len(block))
        row = FileRow(name, count, digest.hexdigest())
        self.rows.append(row)
        return row

    def copy(self, name: str, path: Path) -> FileRow:
        """A file from the disk, as it is."""
        return self.stream(name, read_blocks(path), size=path.stat().st_size)

    def sums(self) -> FileRow:
        """``SHA256SUMS`` over what is in it by now, for ``sha256sum -c``."""
        lines = [f"{row.sha256}  {row.name}\n" for row in self.rows if row.name not in NOT_IN_SUMS]
        return self.add(SUMS, "".join(lines).encode())


def read_blocks(path: Path, offset: int = 0, size: int | None = None) -> Iterator[bytes]:
    """Bytes of a file in blocks; fewer than ``size`` if it ends before."""
    with path.open("rb") as file:
        file.seek(offset)
        while size is None or size > 0:
            block = file.read(BLOCK if size is None else min(BLOCK, size))
            if not block:
                return
            size = None if size is None else size - len(block)
            yield block


@contextmanager
def new_package(path: Path, made_us: int, written: Callable[[int], None]) -> Iterator[Contents]:
    """A package under a name of its own until it is whole. The caller renames it; after an error it is gone."""
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            yield Contents(archive, made_us, written)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
