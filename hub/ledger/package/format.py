"""What lies in an evidence package, and its manifest. Pure.

The manifest is canonical JSON in the profile of the entries (``hub/ledger/entries.py``). Nothing signs it: what it says
of the footage is proven by the entries, what it says beside that (notes, recipient) is the exporter's word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from hub.errors import LedgerError
from hub.ledger.entries import HUB_STREAM, BadEntry, JsonValue, canonical, is_stream_id, parse

FORMAT = "recorder-hub/evidence-package"
VERSION = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
README = "README.txt"
REPORT_HTML = "report.html"
REPORT_PDF = "report.pdf"
STILL = "still.jpg"
MOVIE = "movie.mp4"
CONTEXT = "entries/context.entries"
"""Entries from outside of the contiguous range: the run's ``open``, edges of interruptions, keys, deletions."""
NOT_IN_SUMS = frozenset({MANIFEST, SUMS, REPORT_HTML, REPORT_PDF})
"""The report prints the digest of SHA256SUMS, and the manifest lists the report."""
MAX_MANIFEST_BYTES = 64 << 20
MAX_FILES = 200_000
MAX_NAME = 240

_HEX64 = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_Value = TypeVar("_Value")


class BadPackage(LedgerError):
    """What is no evidence package, or one that must not be opened. The message says where it leaves the format."""

    code = "bad_package"


@dataclass(frozen=True, slots=True)
class Notes:
    """What the regulations ask to be noted on an evidence disc (事项、地点、方式、行政执法人员); the fifth note, the
    time, is the range of the package."""

    matter: str
    place: str
    method: str
    officers: tuple[str, ...]

    def missing(self) -> tuple[str, ...]:
        """Which of them are empty, by the names of the command's options."""
        given = {
            "--matter (事项)": self.matter.strip(),
            "--place (地点)": self.place.strip(),
            "--method (方式)": self.method.strip(),
            "--officer (行政执法人员)": self.officers and all(name.strip() for name in self.officers),
        }
        return tuple(name for name, value in given.items() if not value)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file of the package: its size in bytes, its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class MediaRow:
    """``file`` holds the init segment of ``reel``, and the bytes of all of its footage that the range's entries speak
    of and that is not declared absent, in the order of the entries."""

    file: str
    reel: str


@dataclass(frozen=True, slots=True)
class AbsentRow:
    """The entry ``seq`` is here, its bytes are not. ``why``: ``deleted`` (a tombstone says so) or ``missing``."""

    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class HeadRow:
    """A signed checkpoint; ``consistency`` is the file that proves it to be one tree with the log's main one, empty
    for that one itself."""

    file: str
    size: int
    consistency: str = ""


@dataclass(frozen=True, slots=True)
class AnchorRow:
    """What an outside authority gave for the checkpoint of ``size``."""

    file: str
    kind: str
    authority: str
    size: int


@dataclass(frozen=True, slots=True)
class LogRow:
    """A log that entries of the package are leaves of. ``heads[0]`` is the one that the proofs lead to."""

    origin: str
    keys: str
    heads: tuple[HeadRow, ...]
    anchors: tuple[AnchorRow, ...]


@dataclass(frozen=True, slots=True)
class PartRow:
    """The range of one part: hub UTC in µs, and entries of the stream's chain, both ends included."""

    from_us: int
    to_us: int
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that the package says of itself. Times are hub UTC in µs; ``part`` counts from 1."""

    export_id: str
    made_us: int
    version: str
    by: str
    approved_by: str
    recipient: str
    reason: str
    stream: str
    stream_name: str
    notes: Notes
    asked: tuple[int, int]
    given: tuple[int, int]
    first_leaf: str
    last_leaf: str
    part: int
    parts: tuple[PartRow, ...]
    media: tuple[MediaRow, ...]
    absent: tuple[AbsentRow, ...]
    unproven: tuple[int, ...]
    """Entries of a log that no checkpoint reaches any more; ``prev`` of a later, proven entry binds them."""
    logs: tuple[LogRow, ...]
    derived: tuple[str, ...]
    """Files made from the footage for people to look at: no evidence themselves."""
    files: tuple[FileRow, ...]
    labels: tuple[str, ...] = ()
    """What of it is secret, in words (国家秘密, 商业秘密, 个人隐私); empty where nothing is said of it."""

    @property
    def own(self) -> PartRow:
        return self.parts[self.part - 1]

    @property
    def entries_file(self) -> str:
        return entries_file(self.stream)


def entries_file(stream: str) -> str:
    return f"entries/{stream}.entries"


def proof_file(stream: str, seq: int) -> str:
    """Where the inclusion proof (C2SP tlog-proof) of an entry lies."""
    return f"proofs/{stream}/{seq}.tlog-proof"


def is_file_name(name: str) -> bool:
    """Whether a file of a package may be called so: ASCII parts that climb nowhere and hide nothing."""
    return 0 < len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None


# ------------------------------------------------------------------------------------- writing it


def manifest_bytes(manifest: Manifest) -> bytes:
    """Raises BadEntry for text that is no text."""
    own = manifest.own
    value: dict[str, JsonValue] = {
        "format": FORMAT,
        "v": VERSION,
        "export": {
            "id": manifest.export_id,
            "made_us": manifest.made_us,
            "version": manifest.version,
            "by": manifest.by,
            "approved_by": manifest.approved_by,
            "recipient": manifest.recipient,
            "reason": manifest.reason,
        },
        "stream": {"id": manifest.stream, "name": manifest.stream_name},
        "notes": {
            "matter": manifest.notes.matter,
            "time": {"from_us": manifest.given[0], "to_us": manifest.given[1]},
            "place": manifest.notes.place,
            "method": manifest.notes.method,
            "officers": list(manifest.notes.officers),
        },
        "range": {
            "asked": {"from_us": manifest.asked[0], "to_us": manifest.asked[1]},
            "given": {"from_us": manifest.given[0], "to_us": manifest.given[1]},
            "first": {"seq": own.first_seq, "leaf": manifest.first_leaf},
            "last": {"seq": own.last_seq, "leaf": manifest.last_leaf},
        },
        "part": manifest.part,
        "parts": [_plain(part) for part in manifest.parts],
        "media": [_plain(row) for row in manifest.media],
        "absent": [_plain(row) for row in manifest.absent],
        "unproven": list(manifest.unproven),
        "logs": [
            {
                "origin": log.origin,
                "keys": log.keys,
                "heads": [_plain(head) for head in log.heads],
                "anchors": [_plain(anchor) for anchor in log.anchors],
            }
            for log in manifest.logs
        ],
        "derived": list(manifest.derived),
        "files": [_plain(row) for row in manifest.files],
    }
    if manifest.labels:
        value["labels"] = list(manifest.labels)
    return canonical(value)


def _plain(row: Any) -> dict[str, JsonValue]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


# ------------------------------------------------------------------------------------- reading it


def read_manifest(data: bytes) -> Manifest:
    """The manifest that these bytes are. Raises BadPackage, and nothing else."""
    try:
        value = parse(data, MAX_MANIFEST_BYTES)
    except BadEntry as error:
        raise BadPackage(f"{MANIFEST}: {error}") from error
    if value.get("format") != FORMAT or value.get("v") != VERSION:
        raise BadPackage(f"{MANIFEST}: expected {FORMAT} version {VERSION}, found another format")
    manifest = _manifest(value)
    _check(manifest, value)
    return manifest


def _manifest(value: Mapping[str, Any]) -> Manifest:
    export, stream, notes = _get(value, "export", dict), _get(value, "stream", dict), _get(value, "notes", dict)
    span = _get(value, "range", dict)
    return Manifest(
        export_id=_get(export, "id", str),
        made_us=_get(export, "made_us", int),
        version=_get(export, "version", str),
        by=_get(export, "by", str),
        approved_by=_get(export, "approved_by", str),
        recipient=_get(export, "recipient", str),
        reason=_get(export, "reason", str),
        stream=_get(stream, "id", str),
        stream_name=_get(stream, "name", str),
        notes=Notes(
            _get(notes, "matter", str),
            _get(notes, "place", str),
            _get(notes, "method", str),
            tuple(_list(notes, "officers", str)),
        ),
        asked=_times(_get(span, "asked", dict)),
        given=_times(_get(span, "given", dict)),
        first_leaf=_digest(_get(span, "first", dict), "leaf"),
        last_leaf=_digest(_get(span, "last", dict), "leaf"),
        part=_get(value, "part", int),
        parts=tuple(_row(PartRow, item) for item in _list(value, "parts", dict)),
        media=tuple(_row(MediaRow, item) for item in _list(value, "media", dict)),
        absent=tuple(_row(AbsentRow, item) for item in _list(value, "absent", dict)),
        unproven=tuple(_list(value, "unproven", int)),
        logs=tuple(_log(item) for item in _list(value, "logs", dict)),
        derived=tuple(_list(value, "derived", str)),
        files=tuple(_file(item) for item in _list(value, "files", dict)),
        labels=tuple(_list(value, "labels", str)) if "labels" in value else (),
    )


def _log(item: Mapping[str, Any]) -> LogRow:
    heads = tuple(_row(HeadRow, head) for head in _list(item, "heads", dict))
    anchors = tuple(_row(AnchorRow, anchor) for anchor in _list(item, "anchors", dict))
    if not heads:
        raise BadPackage(f"{MANIFEST}: expected a checkpoint of each log, found none")
    return LogRow(_get(item, "origin", str), _get(item, "keys", str), heads, anchors)


def _file(item: Mapping[str, Any]) -> FileRow:
    row = _row(FileRow, item)
    if not is_file_name(row.name) or row.size < 0 or not _HEX64.fullmatch(row.sha256):
        raise BadPackage(f"{MANIFEST}: expected name, size and sha256 of a file, found {str(row)[:120]}")
    return row


def _check(manifest: Manifest, value: Mapping[str, Any]) -> None:
    """What fields say together."""
    if not is_stream_id(manifest.stream) and manifest.stream != HUB_STREAM:
        raise BadPackage(f"{MANIFEST}: expected a stream id, found {manifest.stream[:80]!r}")
    if not 1 <= manifest.part <= len(manifest.parts):
        raise BadPackage(f"{MANIFEST}: expected a part of {len(manifest.parts)}, found {manifest.part}")
    span = value["range"]
    if (_get(span["first"], "seq", int), _get(span["last"], "seq", int)) != (
        manifest.own.first_seq,
        manifest.own.last_seq,
    ):
        raise BadPackage(f"{MANIFEST}: expected the range of part {manifest.part}, found another one")
    if _times(_get(value["notes"], "time", dict)) != manifest.given:
        raise BadPackage(f"{MANIFEST}: expected the time of the notes to be the range given, found another one")
    names = [row.name for row in manifest.files]
    if len(set(names)) != len(names) or MANIFEST in names or len(names) > MAX_FILES:
        raise BadPackage(f"{MANIFEST}: expected each file once, at most {MAX_FILES}, and not itself")


def _get(value: Mapping[str, Any], name: str, kind: type[_Value]) -> _Value:
    found = value.get(name)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise BadPackage(f"{MANIFEST}: expected {name} to be {kind.__name__}, found {type(found).__name__}")
    return found


def _list(value: Mapping[str, Any], name: str, kind: type[_Value]) -> list[_Value]:
    return [_get({name: item}, name, kind) for item in _get(value, name, list)]


def _row(row: type[_Value], item: Mapping[str, Any]) -> _Value:
    kinds = {"str": str, "int": int}
    fields: Mapping[str, Any] = row.__dataclass_fields__  # type: ignore[attr-defined]
    return row(**{name: _get(item, name, kinds[field.type]) for name, field in fields.items()})


def _times(value: Mapping[str, Any]) -> tuple[int, int]:
    return _get(value, "from_us", int), _get(value, "to_us", int)


def _digest(value: Mapping[str, Any], name: str) -> str:
    found = _get(value, name, str)
    if not _HEX64.fullmatch(found):
        raise BadPackage(f"{MANIFEST}: expected {name} to be a hex digest")
    return found
