"""The object store: a bucket of S3, or a folder that is mounted. Objects have the names that files have below the data
folder, so a plain copy of the bucket is a data folder. Blocking, from any thread."""

from __future__ import annotations

import errno
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from hub.archive.s3 import Refused, S3Calls, Stored, composite
from hub.archive.signature import Keys
from hub.errors import SettingsError
from hub.settings import Settings

__all__ = ["PART_BYTES", "Put", "Refused", "Store", "Stored", "Unequal", "open_store"]

PART_BYTES = 16 << 20
"""Of a multipart upload: an object of 10 000 of them is 160 GB."""
_RETRIES: Any = {"max_retries": 1, "retry_timeout": timedelta(seconds=10)}
"""Who calls waits and comes again by the hub's own clock."""
_CLIENT: Any = {
    "connect_timeout": timedelta(seconds=5),
    "read_timeout": timedelta(seconds=30),
    "timeout": timedelta(minutes=10),
}


class Unequal(OSError):
    """What the store holds is not what was given to it."""


@dataclass(frozen=True, slots=True)
class Put:
    """What was given to the store, and what it calls it. ``sha256``: hex, of the whole; ``checksum``: as S3 has it."""

    size: int
    sha256: str
    checksum: str
    etag: str
    version: str


class Store:
    """``calls`` is None where the store is a folder: it has no locks, versions or unfinished uploads."""

    def __init__(self, objects: S3Store | LocalStore, prefix: str, calls: S3Calls | None) -> None:
        self._objects = objects
        self._prefix = prefix
        self._calls = calls
        self._locks: bool | None = None

    # ------------------------------------------------------------------------------ hub.shelf.Shelf

    def size(self, path: str) -> int | None:
        try:
            with _told():
                return int(obstore.head(self._objects, self._key(path))["size"])
        except FileNotFoundError:
            return None

    def read(self, path: str, offset: int, size: int) -> bytes:
        if size <= 0:
            return b""
        try:
            with _told():
                return bytes(obstore.get_range(self._objects, self._key(path), start=offset, length=size))
        except FileNotFoundError:
            raise
        except OSError:
            length = self.size(path)  # beyond the end each store answers differently
            if length is not None and offset >= length:
                return b""
            raise

    def names(self, below: str) -> Iterator[tuple[str, int]]:
        with _told():
            for page in obstore.list(self._objects, prefix=self._key(below.rstrip("/"))):
                for one in page:
                    yield str(one["path"]).removeprefix(self._prefix), int(one["size"])

    def file(self, path: str) -> Path | None:  # noqa: ARG002  see Shelf: a store's files are nobody's to open
        return None

    # ------------------------------------------------------------------------------------- writing

    def put(self, path: str, blocks: Iterable[bytes], size: int) -> Put:
        """Store these bytes under this name, over what is there; ``size`` is about how many they are. Raises OSError;
        then nothing new is there, but an upload may be left unfinished if the process dies (:meth:`abort`)."""
        digest = _Digest()
        parts = size > PART_BYTES
        body = digest.over(blocks) if parts else b"".join(digest.over(blocks))
        with _told():
            found = obstore.put(
                self._objects,
                self._key(path),
                body,
                use_multipart=parts,
                chunk_size=PART_BYTES,
                max_concurrency=1,
            )
        return Put(digest.size, digest.sha256, digest.checksum, found["e_tag"] or "", found["version"] or "")

    def check(self, path: str, put: Put) -> Stored:
        """Read back what was put: its checksum where the store keeps one, else its bytes. Raises Unequal, OSError."""
        found = self._stored(path)
        if found is None:
            raise Unequal(f"{path} is not in the object store after its upload")
        if found.size != put.size or not self._same(path, found.checksum, put):
            raise Unequal(f"the object store holds other bytes of {path} ({found.size}) than were sent ({put.size})")
        return found

    def holds(self, path: str, blocks: Callable[[], Iterable[bytes]], size: int) -> tuple[Put, Stored] | None:
        """What is there under this name, if it has exactly these bytes already: an upload that was noted nowhere."""
        found = self._stored(path)
        if found is None or found.size != size:
            return None
        digest = _Digest()
        for _ in digest.over(blocks()):
            pass
        put = Put(digest.size, digest.sha256, digest.checksum, "", found.version)
        return (put, found) if put.size == size and self._same(path, found.checksum, put) else None

    def _same(self, path: str, checksum: str, put: Put) -> bool:
        if checksum and _parts_of(checksum) == _parts_of(put.checksum):
            return hmac.compare_digest(checksum, put.checksum)
        # A store of its own mind about parts and checksums: the bytes themselves.
        digest = hashlib.sha256()
        at = 0
        while block := self.read(path, at, PART_BYTES):
            digest.update(block)
            at += len(block)
        return digest.hexdigest() == put.sha256

    def _stored(self, path: str) -> Stored | None:
        if self._calls is not None:
            return self._calls.stored(self._key(path))
        size = self.size(path)
        return None if size is None else Stored(size, "", "", 0)

    def abort(self, path: str) -> int:
        """End uploads of this name that a killed process left; how many."""
        if self._calls is None:
            return 0
        left = list(self._calls.unfinished(self._key(path)))
        for one in left:
            self._calls.abort(self._key(path), one)
        return len(left)

    # ------------------------------------------------------------------------------ locks and the end

    @property
    def locks(self) -> bool:
        """Whether objects can be locked here; asked once. Raises OSError."""
        if self._locks is None:
            self._locks = self._calls is not None and self._calls.locks()
        return self._locks

    def lock(self, path: str, version: str, mode: str, until_us: int) -> None:
        """Raises Refused, OSError."""
        assert self._calls is not None
        self._calls.lock(self._key(path), version, mode, until_us)

    def lock_until_us(self, path: str) -> int:
        """Until when its newest version cannot be deleted; 0: it can, or is not there."""
        found = self._stored(path)
        return 0 if found is None else found.lock_until_us

    def remove(self, path: str) -> None:
        """Delete every version of it. Nothing if there is none. Raises Refused for one that is locked, OSError."""
        key = self._key(path)
        if self._calls is None:
            with _told():
                try:
                    obstore.delete(self._objects, key)
                except FileNotFoundError:
                    return
            return
        refused: Refused | None = None
        for version in self._calls.versions(key):
            try:
                self._calls.remove(key, version)
            except Refused as error:
                refused = error
        if refused is not None:
            raise refused

    def _key(self, path: str) -> str:
        return f"{self._prefix}{path}"


class _Digest:
    """SHA-256 of what passes, whole and by parts, without reading it twice."""

    def __init__(self) -> None:
        self.size = 0
        self._whole = hashlib.sha256()
        self._part = hashlib.sha256()
        self._in_part = 0
        self._parts: list[bytes] = []

    def over(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks, none longer than a part."""
        for block in blocks:
            self.size += len(block)
            self._whole.update(block)
            view = memoryview(block)
            while view:
                piece = view[: PART_BYTES - self._in_part]
                self._part.update(piece)
                self._in_part += len(piece)
                view = view[len(piece) :]
                if self._in_part == PART_BYTES:
                    self._end_part()
            yield block

    def _end_part(self) -> None:
        self._parts.append(self._part.digest())
        self._part, self._in_part = hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        return self._whole.hexdigest()

    @property
    def checksum(self) -> str:
        parts = [*self._parts, self._part.digest()] if self._in_part or not self._parts else self._parts
        return composite(parts)


def _parts_of(checksum: str) -> str:
    """``…-N``: of N parts; else of the whole."""
    return checksum.partition("-")[2]


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors as those of a disk, in one line."""
    try:
        yield
    except FileNotFoundError:
        raise
    except BaseError as error:
        raise OSError(errno.EIO, str(error).partition("\n")[0][:300]) from error


def open_store(settings: Settings) -> Store | None:
    """The archive that the settings name, unasked yet; None: none. Raises SettingsError."""
    return store_at(settings.archive_url, settings) if settings.archive_url else None


def store_at(url: str, settings: Settings) -> Store:
    """``s3://BUCKET[/PREFIX]`` with the settings' endpoint and keys, or ``file:///FOLDER``. Raises SettingsError."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        try:
            return Store(LocalStore(prefix=Path(unquote(parts.path)), mkdir=True), "", None)
        except (BaseError, OSError) as error:
            raise SettingsError(f"archive_url: cannot use the folder {parts.path}: {str(error)[:200]}") from error
    if parts.scheme != "s3" or not parts.netloc:
        raise SettingsError(f"archive_url: expected s3://BUCKET[/PREFIX] or file:///FOLDER, found {url[:100]!r}")
    access, secret = settings.archive_access_key, settings.archive_secret_key
    if access is None or secret is None:
        raise SettingsError("an object store needs archive_access_key and archive_secret_key; set both")
    keys = Keys(access.get_secret_value(), secret.get_secret_value(), settings.archive_region)
    endpoint = settings.archive_endpoint or f"https://s3.{settings.archive_region}.amazonaws.com"
    client: Any = {**_CLIENT, "allow_http": endpoint.startswith("http://")}
    objects = S3Store(
        parts.netloc,
        endpoint=endpoint,
        access_key_id=keys.access,
        secret_access_key=keys.secret,
        region=keys.region,
        virtual_hosted_style_request=False,
        checksum_algorithm="SHA256",
        client_options=client,
        retry_config=_RETRIES,
    )
    prefix = re.sub("/+", "/", f"{parts.path.strip('/')}/").lstrip("/")
    return Store(objects, prefix, S3Calls(endpoint, parts.netloc, keys))
