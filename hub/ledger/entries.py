"""The entry: one fact, as bytes that are hashed and never made again.

An entry's bytes are RFC 8785 canonical JSON in a narrow profile: ASCII keys, integers below 2^53, no
floats, digests in lower-case hex, times as integer microseconds UTC. In this profile the order of keys
by code point is the order by UTF-16 units that RFC 8785 §3.2.3 asks for, and its number formatting
never comes into play; that is what makes a few lines enough. A parser that is strict closes the rest:
equal keys, floats, and anything for which ``canonical(parse(b)) != b`` are refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn

from hub.errors import LedgerError
from hub.ledger import shapes

JsonValue = None | bool | int | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"]

VERSION = 1
INT_LIMIT = 2**53
MAX_ENTRY_BYTES = 1 << 20
"""A heartbeat over a few thousand streams is the largest entry; nothing honest comes near this."""
MAX_DEPTH = 16
ZERO_LEAF = "0" * 64
"""``prev`` of a stream's first entry, its genesis."""
HUB_STREAM = "_hub"
"""The stream of all hub-wide entries. The underscore keeps it apart from every stream id."""

_HEX64 = re.compile(r"[0-9a-f]{64}")
_STREAM_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_REEL = re.compile(r"reels/([a-z0-9][a-z0-9-]{0,62})/(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*")


class BadEntry(LedgerError):
    """Bytes that are no entry of this profile. The message says where they leave it."""

    code = "bad_entry"


class EntryType(StrEnum):
    """What an entry says. Those from ``explanation`` on are declared for later work, but for
    ``heartbeat``, ``clock_step``, ``restart`` and ``recovery``."""

    GENESIS = "genesis"
    OPEN = "open"
    CLOSE = "close"
    CHUNK = "chunk"
    INTERRUPTION_OPEN = "interruption_open"
    INTERRUPTION_CLOSE = "interruption_close"
    INTERRUPTION_WITHDRAWN = "interruption_withdrawn"
    EXPLANATION = "explanation"
    BACKFILL = "backfill"
    ATTACHMENT = "attachment"
    HEARTBEAT = "heartbeat"
    CLOCK_STEP = "clock_step"
    RESTART = "restart"
    RECOVERY = "recovery"
    HOLD = "hold"
    TOMBSTONE = "tombstone"
    DELETED = "deleted"
    ACCESS = "access"
    EXPORT = "export"
    HANDLING = "handling"
    MAINTENANCE = "maintenance"
    DERIVATIVE = "derivative"
    KEY_ROTATE = "key_rotate"
    KEY_REVOKE = "key_revoke"
    ANCHOR = "anchor"
    TELEMETRY = "telemetry"
    ACTIVITY = "activity"
    CALENDAR = "calendar"
    INSPECTION = "inspection"
    LABEL = "label"


class Entry(NamedTuple):
    """An entry and its bytes. ``leaf`` and ``prev`` are lower-case hex of SHA-256 leaf hashes.

    A tuple: a verifier makes one for each chunk there is, which takes a fifth of what a frozen dataclass takes."""

    stream_id: str
    seq: int
    type: EntryType
    epoch: int
    prev: str
    t_hub_us: int
    t_mono_us: int
    body: Mapping[str, Any]
    origin: str
    data: bytes
    leaf: str


# --------------------------------------------------------------------------------- canonical form


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962 §2.1: SHA-256 over 0x00 and the entry's bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def canonical(value: JsonValue) -> bytes:
    """RFC 8785 bytes of a value in the profile. Raises BadEntry for a value outside of it."""
    _check(value, 0)
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadEntry("expected text, found half of a surrogate pair") from error


_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))


def _check(value: object, depth: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -INT_LIMIT < value < INT_LIMIT:  # type: ignore[operator]
            raise BadEntry(f"expected an integer within ±(2^53 - 1), found {value}")
        return
    if depth >= MAX_DEPTH:
        raise BadEntry(f"expected at most {MAX_DEPTH} levels, found more")
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                raise BadEntry(f"expected ASCII keys, found {key!r}")
            _check(item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    elif not isinstance(value, str):
        raise BadEntry(f"expected text, integers, lists, objects, true, false or null, found {kind.__name__}")


def parse(data: bytes, most_bytes: int = MAX_ENTRY_BYTES) -> dict[str, Any]:
    """The object whose canonical bytes are exactly ``data``. Raises BadEntry, and nothing else."""
    if len(data) > most_bytes:
        raise BadEntry(f"expected at most {most_bytes} bytes, found {len(data)}")
    quick = _parse_quickly(data)
    return _parse_closely(data) if quick is None else quick


def _parse_quickly(data: bytes) -> dict[str, Any] | None:
    """What nearly every entry is: ASCII, flat, and canonical. None: it may be an entry, or not; look closer.

    Without a hook for each object, and without walking the value in Python, this is several times faster; and
    nothing more is let through: text that equals the encoding of a value has each of its keys once and no integer
    written otherwise, floats stop the decoder, brackets bound the depth, runs of digits the integers.
    """
    if data.count(b"{") + data.count(b"[") > MAX_DEPTH or _may_hold_a_wide_integer(data):
        return None
    try:
        text = data.decode("ascii")
        value = _QUICK_DECODER.decode(text)
        return value if type(value) is dict and _ENCODER.encode(value) == text else None
    except (ValueError, RecursionError, BadEntry):
        return None


def _may_hold_a_wide_integer(data: bytes) -> bool:
    """Whether canonical JSON may hold an integer of 2^53 or beyond: 17 digits or more, or 16 from a 9 on."""
    if _LONG in data.translate(_ALIKE):
        return True
    for start, wide in _NINES:  # noqa: SIM110  a generator costs more than all the rest
        if start in data and wide.search(data):
            return True
    return False


def _parse_closely(data: bytes) -> dict[str, Any]:
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadEntry(f"expected UTF-8, found a bad byte at {error.start}") from error
    except json.JSONDecodeError as error:
        raise BadEntry(f"expected JSON, found {error.msg} at {error.pos}") from error
    except RecursionError as error:
        raise BadEntry(f"expected at most {MAX_DEPTH} levels, found more") from error
    if not isinstance(value, dict):
        raise BadEntry(f"expected an object, found {type(value).__name__}")
    if canonical(value) != data:
        raise BadEntry("expected canonical JSON (RFC 8785), found the same value written otherwise")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise BadEntry(f"expected each key once, found {doubled!r} twice")
    return value


def _integer(text: str) -> int:
    if len(text) > 17:
        raise BadEntry(f"expected an integer within ±(2^53 - 1), found one of {len(text)} digits")
    value = int(text)
    if not -INT_LIMIT < value < INT_LIMIT:
        raise BadEntry(f"expected an integer within ±(2^53 - 1), found {value}")
    return value


def _no_float(text: str) -> NoReturn:
    raise BadEntry(f"expected an integer, found {text[:32]}")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_no_float, parse_constant=_no_float, parse_int=_integer
)
_QUICK_DECODER = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)
_ALIKE = bytes.maketrans(b"123456789,[-", b"000000000:::")
_LONG = b":" + b"0" * 17
_NINES = [(start + b"9", re.compile(re.escape(start) + b"9[0-9]{15}")) for start in (b":", b",", b"[", b"-")]
"""An integer in canonical JSON stands behind one of these."""


# ---------------------------------------------------------------------------------------- schema

_HEAD: Mapping[str, type] = {
    "v": int, "type": str, "hub": str, "node": str, "stream": str, "epoch": int, "seq": int, "prev": str,
    "t_hub": int, "t_mono": int, "boot": str, "clock": dict, "salt": str, "body": dict,
}  # fmt: skip
_INTERRUPTION: Mapping[str, type] = {
    "id": str, "kind": str, "started_us": int, "detected_us": int, "edge_error_us": int, "tracks": list,
    "count": int, "needs_explanation": bool, "rings": bool, "evidence": dict,
}  # fmt: skip
_FOOTAGE: Mapping[str, type] = {
    "reel": str, "run": int, "offset": int, "size": int, "sha256": str, "init_size": int, "init_sha256": str,
    "first_us": int, "end_us": int, "tracks": list, "reason": str,
}  # fmt: skip
_TRACK: Mapping[str, type] = {
    "id": int, "kind": str, "timescale": int, "first_ticks": int, "end_ticks": int, "frames": int,
    "keyframes": int, "damaged": int, "first_seq": int, "last_seq": int, "lost": int,
}  # fmt: skip
_ANCHOR: Mapping[str, type] = {
    "kind": str, "authority": str, "size": int, "root": str, "time_us": int, "signed_us": int,
    "sha256": str, "file": str, "offset": int, "bytes": int,
}  # fmt: skip
_BACKFILL: Mapping[str, type] = {
    "fills": str, "interruption": str, "from_us": int, "to_us": int, "whole": bool, "run": int, "file_sha256": str,
    "size": int, "claimed_from_us": int, "offset_us": int, "edge_error_us": int, "method": str,
}  # fmt: skip
_BODY: Mapping[EntryType, Mapping[str, type]] = {
    EntryType.GENESIS: {"of": str},
    EntryType.OPEN: {"run": int, "protocol": str, "device": str, "tracks": list, "init_sha256": str},
    EntryType.CLOSE: {"reason": str},
    EntryType.CHUNK: _FOOTAGE,
    EntryType.INTERRUPTION_OPEN: _INTERRUPTION,
    EntryType.INTERRUPTION_CLOSE: {**_INTERRUPTION, "ended_us": int},
    EntryType.INTERRUPTION_WITHDRAWN: _INTERRUPTION,
    EntryType.EXPLANATION: {"interruption": str, "leaf": str, "form": str, "by": str},
    EntryType.HEARTBEAT: {"digest": str, "seqs": dict},
    EntryType.CLOCK_STEP: {"step_us": int},
    EntryType.RESTART: {"ended": str},
    EntryType.RECOVERY: {"what": str},
    EntryType.ACCESS: {"by": str, "what": str, "reason": str},
    EntryType.EXPORT: {
        "id": str,
        "by": str,
        "approved_by": str,
        "recipient": str,
        "from_us": int,
        "to_us": int,
        "sha256": str,
        "size": int,
    },
    EntryType.ANCHOR: _ANCHOR,
    EntryType.ACTIVITY: {"id": str, "action": str, "by": str},
    EntryType.BACKFILL: _BACKFILL,
    EntryType.ATTACHMENT: {"media": str, "sha256": str, "size": int, "file": str, "at_us": int},
    EntryType.TELEMETRY: {"kind": str, "id": str, "by": str, "at_us": int},
    EntryType.CALENDAR: {"action": str, "by": str},
    EntryType.INSPECTION: {"id": str, "action": str, "by": str, "unit": str},
    EntryType.LABEL: {"id": str, "action": str, "by": str, "reason": str},
    EntryType.MAINTENANCE: {"id": str, "action": str, "by": str, "from_us": int, "to_us": int, "reason": str},
    EntryType.HANDLING: {"of": str, "action": str, "by": str, "note": str},
    EntryType.DERIVATIVE: {"of": str, "what": str, "sha256": str},
    EntryType.HOLD: {"id": str, "action": str, "by": str},
    EntryType.TOMBSTONE: {"id": str, "reels": list, "rule": str, "class": str, "kept_days": int, "approved_by": str},
    EntryType.DELETED: {"id": str, "tombstone": str, "reels": list, "absent": list, "kept": list, "signed_size": int},
}
_DIGESTS = ("sha256", "init_sha256", "digest", "file_sha256")
_HOLD: Mapping[str, Mapping[str, type]] = {
    "placed": {"from_us": int, "to_us": int, "reason": str, "text": str},
    "released": {"text": str},
    "copied": {"medium": str, "label": str, "sha256": str},
    "classified": {"from_us": int, "to_us": int, "class": str, "case": str},
    "case_closed": {"case": str, "term_days": int},
}
_TOMBSTONED: Mapping[str, type] = {
    "reel": str, "size": int, "chunks": int, "sha256": str, "first_us": int, "end_us": int,
}  # fmt: skip


def check_entry(value: Mapping[str, Any]) -> EntryType:
    """The entry's type, once its fields are found to be what this version of the format asks for.

    Unknown fields of a body are allowed: a later hub may say more. Raises BadEntry.
    """
    _fields(value, _HEAD, "the entry")
    if len(value) != len(_HEAD):
        raise BadEntry(f"expected no further fields in the entry, found {sorted(set(value) - set(_HEAD))}")
    if value["v"] != VERSION:
        raise BadEntry(f"expected version {VERSION}, found {value['v']}")
    try:
        kind = EntryType(value["type"])
    except ValueError as error:
        raise BadEntry(f"expected a known type of entry, found {value['type']!r}") from error
    stream = value["stream"]
    if stream != HUB_STREAM and not is_stream_id(stream):
        raise BadEntry(f"expected a stream id, found {stream!r}")
    if not _HEX64.fullmatch(value["prev"]):
        raise BadEntry("expected prev to be a hex digest")
    if value["seq"] < 0 or value["epoch"] < 0:
        raise BadEntry("expected seq and epoch from 0 on")
    check_body(stream, kind, value["body"])
    return kind


def check_body(stream: str, kind: EntryType, body: Mapping[str, Any]) -> None:
    """Raises BadEntry unless the body holds the fields of its type."""
    what = f"the body of {kind}"
    _fields(body, _BODY.get(kind, {}), what)
    for name in _DIGESTS:
        digest = body.get(name)
        if digest and not (isinstance(digest, str) and _HEX64.fullmatch(digest)):
            raise BadEntry(f"expected {name} in {what} to be a hex digest")
    if kind is EntryType.RECOVERY and body["what"] == "reel":
        _fields(body, _FOOTAGE, what)
    if "reel" in body:
        _check_footage(stream, body, what)
    if kind in (EntryType.HOLD, EntryType.TOMBSTONE, EntryType.DELETED):
        _check_retention(stream, kind, body, what)


def _check_retention(stream: str, kind: EntryType, body: Mapping[str, Any], what: str) -> None:
    if kind is EntryType.HOLD:
        if body["action"] not in _HOLD:
            raise BadEntry(f"expected action in {what} to be one of {', '.join(_HOLD)}, found {body['action'][:80]!r}")
        _fields(body, _HOLD[body["action"]], f"{what} ({body['action']})")
    elif kind is EntryType.TOMBSTONE:
        for reel in body["reels"]:
            _fields(reel if isinstance(reel, dict) else {}, _TOMBSTONED, f"a reel in {what}")
            _check_reel(stream, reel["reel"], what)
    else:
        for reel in (*body["reels"], *body["absent"], *body["kept"]):
            _check_reel(stream, reel, what)


def _check_reel(stream: str, reel: object, what: str) -> None:
    match = _REEL.fullmatch(reel) if isinstance(reel, str) else None
    if match is None or match[1] != stream:
        raise BadEntry(f"expected a reel below reels/{stream}/ in {what}, found {reel!r}")


def _check_footage(stream: str, body: Mapping[str, Any], what: str) -> None:
    _check_reel(stream, body["reel"], what)
    for name in ("offset", "size", "init_size"):
        if isinstance(body.get(name), int) and body[name] < 0:
            raise BadEntry(f"expected {name} from 0 on in {what}")
    for track in body.get("tracks", ()):
        if not isinstance(track, dict):
            raise BadEntry(f"expected the tracks in {what} to be objects")
        _fields(track, _TRACK, f"a track in {what}")


def _fields(value: Mapping[str, Any], fields: Mapping[str, type], what: str) -> None:
    for name, kind in fields.items():
        found = value.get(name)
        if type(found) is kind:
            continue
        if name not in value:
            raise BadEntry(f"expected {name} in {what}, found none")
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise BadEntry(f"expected {name} in {what} to be {kind.__name__}, found {type(found).__name__}")


def is_footage(kind: EntryType, body: Mapping[str, Any]) -> bool:
    """Whether the entry declares bytes of a reel: a chunk, or what was recovered of one."""
    return kind is EntryType.CHUNK or (kind is EntryType.RECOVERY and body["what"] == "reel" and body["size"] > 0)


def is_stream_id(text: str) -> bool:
    """``[a-z0-9][a-z0-9-]{0,62}``"""
    return _STREAM_ID.fullmatch(text) is not None


def read_entry(data: bytes) -> Entry:
    """The entry that these bytes are. Raises BadEntry, and nothing else."""
    shape = shapes.chunk(data) if len(data) <= MAX_ENTRY_BYTES else None
    if shape is not None:
        return _chunk(shape, data)
    value = parse(data)
    kind = check_entry(value)
    return Entry(
        value["stream"],
        value["seq"],
        kind,
        value["epoch"],
        value["prev"],
        value["t_hub"],
        value["t_mono"],
        value["body"],
        value["hub"],
        data,
        leaf_hash(data).hex(),
    )


def _chunk(shape: re.Match[str], data: bytes) -> Entry:
    """Of the shape: its values are taken from where they stand, which costs a third of decoding all of it."""
    (
        device_us, end_us, first_us, init_sha256, init_size, offset, reason, reel, stream, run,
        sha256, size, _, epoch, hub, prev, seq, t_hub, t_mono,
    ) = shape.groups()  # fmt: skip
    body = {
        "device_us": None if device_us is None else int(device_us),
        "end_us": int(end_us),
        "first_us": int(first_us),
        "init_sha256": init_sha256,
        "init_size": int(init_size),
        "offset": int(offset),
        "reason": reason,
        "reel": reel,
        "run": int(run),
        "sha256": sha256,
        "size": int(size),
        "tracks": _QUICK_DECODER.raw_decode(shape.string, shape.start("tracks"))[0],
    }
    leaf = hashlib.sha256(b"\x00" + data).hexdigest()
    return Entry(stream, int(seq), _CHUNK, int(epoch), prev, int(t_hub), int(t_mono), body, hub, data, leaf)


_CHUNK = EntryType.CHUNK
