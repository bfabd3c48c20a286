"""Anchors as they are kept: an ``anchor`` entry in ``_hub``, and its bytes below ``DATA/log/<log>/anchors/``.

``anchors/<day>/<size>-<authority>.tst`` is one token (DER, with the authority's certificates inside);
``anchors/<day>/<authority>.cosignatures`` gathers a witness's lines of one day. ``file``, ``offset`` and ``bytes`` of
the entry say where the anchor's bytes lie, ``sha256`` what they must hash to.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.ledger.anchors.check import AnchorTime, BadAnchor, Trust, check_anchor
from hub.ledger.anchors.tokens import MAX_TOKEN_BYTES
from hub.ledger.entries import HUB_STREAM, BadEntry, Entry, EntryType, read_entry
from hub.ledger.files import SUFFIX, log_folder
from hub.ledger.merkle import HASH_SIZE
from hub.ledger.notes import Checkpoint

ANCHORS = "anchors"
_FILE = re.compile(r"anchors/[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)?")
_HEX = re.compile(r"[0-9a-f]{64}")
_MARK = b'"type":"anchor"'


@dataclass(frozen=True, slots=True)
class StoredAnchor:
    """What an ``anchor`` entry says. Times are µs UTC: ``time_us`` by the authority, ``signed_us`` when the hub signed
    the checkpoint, ``t_hub_us`` when it wrote the entry."""

    kind: str
    authority: str
    origin: str
    size: int
    root: bytes
    time_us: int
    signed_us: int
    sha256: str
    file: str
    offset: int
    count: int
    t_hub_us: int

    @property
    def text(self) -> bytes:
        """The text of the checkpoint that it speaks of."""
        return Checkpoint(self.origin, self.size, self.root).text().encode()


def anchor_body(
    kind: str, authority: str, size: int, root_hex: str, time_us: int, signed_us: int
) -> dict[str, str | int]:
    """The body of an ``anchor`` entry, but for where its bytes lie."""
    return {
        "kind": kind,
        "authority": authority,
        "size": size,
        "root": root_hex,
        "time_us": time_us,
        "signed_us": signed_us,
    }


def anchor_of(entry: Entry) -> StoredAnchor:
    """What the entry says. Raises BadAnchor for a root or a file name that cannot be."""
    body = entry.body
    if not _HEX.fullmatch(body["root"]) or body["size"] < 0:
        raise BadAnchor(f"expected a size and a root of {HASH_SIZE} bytes in hex, found {body['root'][:80]!r}")
    if not _FILE.fullmatch(body["file"]):
        raise BadAnchor(f"expected a file below {ANCHORS}/, found {body['file'][:200]!r}")
    return StoredAnchor(
        body["kind"],
        body["authority"],
        entry.origin,
        body["size"],
        bytes.fromhex(body["root"]),
        body["time_us"],
        body["signed_us"],
        body["sha256"],
        body["file"],
        body["offset"],
        body["bytes"],
        entry.t_hub_us,
    )


def read_stored(folder: Path, anchor: StoredAnchor) -> bytes:
    """The anchor's bytes from the log's ``folder``. Raises BadAnchor: ``missing``, or ``altered``."""
    if not 0 < anchor.count <= MAX_TOKEN_BYTES or anchor.offset < 0:
        raise BadAnchor(f"expected an anchor of at most {MAX_TOKEN_BYTES} bytes, found {anchor.count}", code="altered")
    try:
        with (folder / anchor.file).open("rb") as file:
            file.seek(anchor.offset)
            data = file.read(anchor.count)
    except OSError as error:
        raise BadAnchor(f"expected the file {anchor.file}, found none ({error.strerror})", code="missing") from error
    if len(data) < anchor.count:
        found = f"expected {anchor.count} bytes at {anchor.offset} of {anchor.file}, found {len(data)}"
        raise BadAnchor(found, code="missing")
    digest = hashlib.sha256(data).hexdigest()
    if digest != anchor.sha256:
        raise BadAnchor(f"expected {anchor.file} to hash to {anchor.sha256}, found {digest}", code="altered")
    return data


def check_stored(folder: Path, anchor: StoredAnchor, trust: Trust) -> AnchorTime:
    """Read the anchor, and check it. Raises LedgerError; its ``code`` says what kind of fault it is."""
    return check_anchor(read_stored(folder, anchor), anchor.kind, anchor.text, trust, anchor.authority)


def recent_anchors(data: Path, *, days: int = 8) -> Iterator[StoredAnchor]:
    """The anchors of the newest ``days`` files of the hub's own stream, newest first. Blocks; for a running hub, which
    has checked these files at its start: lines that cannot be read are passed over."""
    for path in sorted((data / HUB_STREAM).glob(f"*{SUFFIX}"), reverse=True)[:days]:
        lines = [line for line in path.read_bytes().split(b"\n") if _MARK in line]
        for line in reversed(lines):
            try:
                entry = read_entry(line)
                if entry.type is EntryType.ANCHOR:
                    yield anchor_of(entry)
            except (BadEntry, BadAnchor):
                continue


def anchors_folder(data: Path, origin: str) -> Path:
    return log_folder(data, origin) / ANCHORS
