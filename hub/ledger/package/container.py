"""A package's files, from a zip or an unpacked folder, read as they come and never unpacked.

What is refused here never reaches a step of the verification: names that climb, hide or double, links, files that swell
beyond reason, bytes of the zip that belong to no file (another reader might see a file there).
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from hub.ledger.package.format import MANIFEST, MAX_FILES, BadPackage, is_file_name

MAX_RATIO = 100
"""A compressed file may grow by this, and by ``FREE_BYTES``: entries shrink to a third, a zip bomb to a thousandth."""
FREE_BYTES = 1 << 20
_LOCAL = struct.Struct("<4s5H3L2H")
_DESCRIPTOR_BYTES = 24
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DESCRIPTOR = 0x8


class Container(Protocol):
    """Where a package's files come from. ``sizes``: every file's size in bytes by its name."""

    @property
    def sizes(self) -> Mapping[str, int]: ...

    def open(self, name: str) -> IO[bytes]:
        """Raises BadPackage where the file cannot be read."""
        ...


READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, struct.error)
"""What reading a hostile zip raises."""


def is_package(path: Path) -> bool:
    """Whether ``hub verify`` should take this for a package: a file, or a folder with a manifest."""
    return path.is_file() or (path / MANIFEST).is_file()


@contextmanager
def open_package(path: Path) -> Iterator[Container]:
    """The files of a package. Raises BadPackage."""
    if path.is_dir():
        yield FolderContainer(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except (*READ_ERRORS, ValueError) as error:
        raise BadPackage(f"expected an evidence package (zip) at {path}, found something else: {error}") from error
    with archive:
        _check_layout(archive)
        yield ZipContainer(archive)


class FolderContainer:
    """An unpacked package."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.sizes: dict[str, int] = dict(self._walk(root))

    def _walk(self, folder: Path) -> Iterator[tuple[str, int]]:
        with os.scandir(folder) as found:
            entries = list(found)
        for entry in entries:
            name = Path(entry.path).relative_to(self._root).as_posix()
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False):
                raise BadPackage(f"expected plain files in the package, found a link or device: {name!r}")
            elif not is_file_name(name):
                raise BadPackage(f"expected a plain file name in the package, found {name[:120]!r}")
            else:
                yield name, entry.stat(follow_symlinks=False).st_size

    def open(self, name: str) -> IO[bytes]:
        try:
            handle = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise BadPackage(f"cannot read {name}: {error.strerror}") from error
        return os.fdopen(handle, "rb")


class ZipContainer:
    """A zip whose names and sizes were looked at. ``extra`` are files that are not in it yet."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.sizes: dict[str, int] = {}
        for info in archive.infolist():
            _check_file(info)
            if info.is_dir():
                continue
            if info.filename in self.sizes:
                raise BadPackage(f"expected each file once, found {info.filename!r} twice")
            self.sizes[info.filename] = info.file_size
        if len(self.sizes) > MAX_FILES:
            raise BadPackage(f"expected at most {MAX_FILES} files, found {len(self.sizes)}")

    def open(self, name: str) -> IO[bytes]:
        try:
            return self._archive.open(name)
        except (*READ_ERRORS, KeyError) as error:
            raise BadPackage(f"cannot read {name}: {error}") from error


def _check_file(info: zipfile.ZipInfo) -> None:
    # zipfile cuts a name at a zero byte and turns backslashes on some systems: the name as it stands is what counts
    name = info.orig_filename.removesuffix("/") if info.is_dir() else info.orig_filename
    if not is_file_name(name) or info.filename.removesuffix("/") != name:
        raise BadPackage(f"expected a plain file name below the package, found {info.orig_filename[:120]!r}")
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadPackage(f"expected plain files in the package, found a link or device: {name!r}")
    if info.is_dir() and info.file_size:
        raise BadPackage(f"expected an empty folder, found {info.file_size} bytes under {name!r}")
    if info.flag_bits & _ENCRYPTED:
        raise BadPackage(f"expected files without a password, found an encrypted one: {name!r}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadPackage(f"expected stored or deflated files, found method {info.compress_type}: {name!r}")
    if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
        raise BadPackage(f"expected a stored file of one size, found two: {name!r}")
    if info.file_size > FREE_BYTES + MAX_RATIO * info.compress_size:
        raise BadPackage(f"expected no file that swells beyond {MAX_RATIO} times its size, found {name!r}")


def _check_layout(archive: zipfile.ZipFile) -> None:
    """The files lie one behind the other from the first byte on, up to the directory at the end: nothing is hidden
    between them, and each file's own header has the name that the directory says."""
    handle = archive.fp
    if handle is None or archive.comment:
        raise BadPackage("expected no comment in the package, found one")
    at = 0
    try:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            slack = info.header_offset - at
            if slack < 0 or slack > 0:
                raise BadPackage(f"expected files without gaps, found {slack} bytes before {info.filename[:120]!r}")
            handle.seek(info.header_offset)
            at = info.header_offset + _header_bytes(handle, info) + info.compress_size
            if info.flag_bits & _DESCRIPTOR:
                at = _behind_descriptor(handle, at)
    except (*READ_ERRORS, ValueError) as error:
        raise BadPackage(f"the zip's headers cannot be read: {error}") from error
    if at != archive.start_dir:
        raise BadPackage(f"expected the zip's directory at byte {at}, found it at {archive.start_dir}")


def _header_bytes(handle: IO[bytes], info: zipfile.ZipInfo) -> int:
    fields = _LOCAL.unpack(handle.read(_LOCAL.size))
    name_size, extra_size = fields[9], fields[10]
    name = handle.read(name_size)
    if fields[0] != b"PK\x03\x04" or name != info.orig_filename.encode("utf-8", "surrogateescape"):
        raise BadPackage(f"expected the header of {info.filename[:120]!r}, found another one")
    return int(_LOCAL.size + name_size + extra_size)


def _behind_descriptor(handle: IO[bytes], at: int) -> int:
    """Where the sizes that a streaming writer puts behind a file end: 12 to 24 bytes."""
    handle.seek(at)
    data = handle.read(_DESCRIPTOR_BYTES + 4)
    for size in (16, 24, 12, 20):
        if data[size : size + 4] in (b"PK\x03\x04", b"PK\x01\x02"):
            return at + size
    raise BadPackage("expected sizes behind a file, found something else")
