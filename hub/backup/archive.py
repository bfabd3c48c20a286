"""The tar of a backup: written in one pass beside its place and then put there, read in one pass and believed never.

An archive comes from a disk that somebody carried about: every name is judged, nothing but plain files is taken, and
what was written is compared with ``SHA256SUMS`` and the manifest before anybody may use it.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, Self

from hub.errors import StorageError
from hub.ledger.files import sync_folder

SUMS, MANIFEST = "SHA256SUMS", "manifest.json"
FORMAT = "recorder-hub-backup/1"
MAX_MANIFEST_BYTES = 64 << 20
MAX_NAME = 1000
WORK = ".hub-backup"
BLOCK = 1 << 20

_PART = re.compile(r"[^/\0\n\r\\]{1,255}")


class BadBackup(StorageError):
    """An archive is not whole, was altered, or is none."""

    code = "bad_backup"


class Archive:
    """Writes a backup. Blocking; one thread. Files are given whole or as their first bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        # both live as long as the archive
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._sums = tempfile.TemporaryFile()  # noqa: SIM115
        self.files = self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sums.close()

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        """The next ``size`` bytes of ``source``. Raises StorageError if there are fewer, OSError."""
        item = tarfile.TarInfo(name)
        item.size, item.mode = size, 0o600
        reading = _Digesting(source)
        try:
            self._tar.addfile(item, reading)
        except tarfile.TarError as error:  # pragma: no cover  a bug of ours
            raise StorageError(f"cannot put {name} into the backup: {error}") from error
        except OSError as error:
            if reading.size < size and error.errno is None:
                raise StorageError(f"{name} became shorter while it was copied; try again") from error
            raise
        self._sums.write(f"{reading.digest.hexdigest()}  {name}\n".encode())
        self.files += 1
        self.bytes += size

    def add_bytes(self, name: str, data: bytes) -> None:
        self.add(name, io.BytesIO(data), len(data))

    def finish(self, manifest: Mapping[str, Any]) -> str:
        """Writes the sums and the manifest; returns the manifest's SHA-256, which stands for all of it."""
        files, size = self.files, self.bytes
        total = self._sums.tell()
        self._sums.seek(0)
        reading = _Digesting(self._sums)
        item = tarfile.TarInfo(SUMS)
        item.size, item.mode = total, 0o600
        self._tar.addfile(item, reading)
        facts = {"format": FORMAT, "files": files, "bytes": size, "sums_sha256": reading.digest.hexdigest(), **manifest}
        data = json.dumps({**facts, "sha256": _digest(facts)}, ensure_ascii=False, indent=1).encode() + b"\n"
        item = tarfile.TarInfo(MANIFEST)
        item.size, item.mode = len(data), 0o600
        self._tar.addfile(item, io.BytesIO(data))
        self._tar.close()
        return hashlib.sha256(data).hexdigest()


class _Digesting(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self.size += len(data)
        return data


@contextmanager
def work_folder(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` for what is not whole yet. One that a killed backup left is emptied first.

    Raises StorageError where another backup is under way there, or the target exists."""
    if target.exists():
        raise StorageError(f"{target} exists; a backup is never written over")
    folder = target.parent / WORK
    folder.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise StorageError(f"another backup is being written to {target.parent}; wait for its end") from None
    try:
        for left in folder.iterdir():
            left.unlink()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def put_in_place(part: Path, target: Path) -> None:
    """What was written becomes the backup, durably and at once."""
    part.rename(target)
    sync_folder(target.parent)


def give_to_owner(path: Path, folder: Path) -> None:
    """What root makes for a hub belongs to the user whose folder it is."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


# ---------------------------------------------------------------------------------------- reading


def unpack(path: Path, into: Path, top: str) -> dict[str, Any]:
    """Write the archive's files below ``top/`` into an empty folder, and check all of them. Returns the manifest.

    Raises BadBackup, and then what was written so far is not to be used; OSError."""
    sums = hashlib.sha256()
    try:
        with tarfile.open(path, "r|") as tar, tempfile.TemporaryFile() as told:
            members = _members(tar)
            for name, file in members:
                if name == SUMS:
                    return _finish(file, members, told, sums)
                digest = _write(file, into, name, top)
                line = f"{digest}  {name}\n".encode()
                told.write(line)
                sums.update(line)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise BadBackup(f"{path} is not a whole backup: {error}") from error
    except BadBackup as error:
        raise BadBackup(f"{path}: {error}") from error
    raise BadBackup(f"{path} is not a whole backup: it has no {SUMS}")


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tar:
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
            raise BadBackup(f"expected files alone, found {member.name[:200]!r}, which is none")
        file = tar.extractfile(member)
        if file is None:
            raise BadBackup(f"{member.name[:200]!r} cannot be read")
        if member.name == MANIFEST and member.size > MAX_MANIFEST_BYTES:
            raise BadBackup(f"its {MANIFEST} has {member.size} bytes; that is no manifest")
        yield member.name, file


def _digest(facts: Mapping[str, Any]) -> str:
    """Of a manifest, without this digest itself."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def is_plain(name: str) -> bool:
    """Whether this is a relative path that leads nowhere else."""
    parts = name.split("/")
    return len(name) <= MAX_NAME and all(_PART.fullmatch(part) and part not in (".", "..") for part in parts)


def _write(file: IO[bytes], into: Path, name: str, top: str) -> str:
    """Of files of another top folder the digest alone is taken."""
    if not is_plain(name) or "/" not in name:
        raise BadBackup(f"{name[:200]!r} is no name of a file in a backup")
    digest = hashlib.sha256()
    folder, _, rest = name.partition("/")
    target: IO[bytes] | None = None
    if folder == top:
        target = _create(into / PurePosixPath(rest))
    try:
        while block := file.read(BLOCK):
            digest.update(block)
            if target is not None:
                target.write(block)
    finally:
        if target is not None:
            target.close()
    return digest.hexdigest()


def _create(path: Path) -> IO[bytes]:
    """A file that was not there. The folder is ours and was empty, so no part of the path is a link."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    except (FileExistsError, NotADirectoryError) as error:
        raise BadBackup(f"{path.name[:200]!r} is there twice") from error
    return os.fdopen(handle, "wb")


def _finish(listed: IO[bytes], members: Iterator[tuple[str, IO[bytes]]], told: IO[bytes], sums: Any) -> dict[str, Any]:
    digest = _compare(listed, told)
    name, file = next(members, (None, None))
    if name != MANIFEST or file is None:
        raise BadBackup(f"it is not whole: it has no {MANIFEST} at its end")
    try:
        manifest = json.loads(file.read())
    except (ValueError, RecursionError) as error:
        raise BadBackup(f"its {MANIFEST} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadBackup(f"expected a backup in the format {FORMAT}, found another")
    if manifest.pop("sha256", None) != _digest(manifest):
        raise BadBackup(f"its {MANIFEST} is damaged or was altered")
    if manifest.get("sums_sha256") != digest or digest != sums.hexdigest():
        raise BadBackup(f"its {SUMS} are not those of its {MANIFEST}")
    if next(members, None) is not None:
        raise BadBackup(f"something follows its {MANIFEST}")
    return manifest


def _compare(listed: IO[bytes], told: IO[bytes]) -> str:
    """The lines of SHA256SUMS against those of the files that were read; returns their digest."""
    told.seek(0)
    digest = hashlib.sha256()
    for found in told:
        line = listed.readline(MAX_NAME * 4)
        digest.update(line)
        if line != found:
            name = found.decode(errors="replace").partition("  ")[2].strip()
            raise BadBackup(f"{name[:200]} is not as {SUMS} has it: the backup is damaged or was altered")
    if listed.read(1):
        raise BadBackup(f"its {SUMS} name files that are not there")
    return digest.hexdigest()
