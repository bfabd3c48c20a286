"""``statements/``: what was written and what was scanned, one file each, never rewritten. Blocking."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hub.errors import InvalidRequest, NotFound, StorageError
from hub.ledger.files import replace_file

FOLDER = "statements"
MAX_SCAN_BYTES = 20 << 20
_MAGIC = {
    "application/pdf": ("pdf", (b"%PDF-",)),
    "image/jpeg": ("jpg", (b"\xff\xd8\xff",)),
    "image/png": ("png", (b"\x89PNG\r\n\x1a\n",)),
}
MEDIA = tuple(_MAGIC)


def kind_of_scan(data: bytes, media: str) -> str:
    """The suffix for a scan of this media type. Raises InvalidRequest unless the bytes begin and end like one."""
    if media not in _MAGIC:
        raise InvalidRequest(f"expected one of {', '.join(MEDIA)}, found {media[:80]!r}", code="bad_scan")
    suffix, magic = _MAGIC[media]
    whole = {
        "pdf": b"%%EOF" in data[-2048:],
        "jpg": b"\xff\xd9" in data[-2048:],
        "png": b"IEND" in data[-64:],
    }[suffix]
    if not data.startswith(magic) or not whole:
        raise InvalidRequest(f"the file is no whole {media}: scan it again", code="bad_scan")
    if len(data) > MAX_SCAN_BYTES:
        raise InvalidRequest(f"expected at most {MAX_SCAN_BYTES >> 20} MiB, found more", code="bad_scan")
    return suffix


def keep(folder: Path, stream_id: str, name: str, data: bytes) -> tuple[str, str]:
    """Write it, durable when this returns; its path below the data folder and its digest. Raises StorageError."""
    path = f"{FOLDER}/{stream_id}/{name}"
    if (folder / path).exists():
        raise StorageError(f"{path} is there already; nothing is written over it")
    try:
        replace_file(folder / path, data)
    except OSError as error:
        raise StorageError(f"{path} could not be written: {error.strerror}") from error
    return path, hashlib.sha256(data).hexdigest()


def read(folder: Path, path: str, sha256: str) -> bytes:
    """The file, if it is the one that its entry speaks of. Raises NotFound, StorageError."""
    try:
        data = (folder / path).read_bytes()
    except OSError:
        raise NotFound(f"{path} is not there: run hub verify") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise StorageError(f"{path} is not the file that its entry speaks of: run hub verify")
    return data
