"""Which signed heads of a log a package is proven against, and what outsiders gave for them. Blocking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from hub.errors import LedgerError, Unavailable
from hub.evidence.source import Source
from hub.ledger.anchors.check import TIMESTAMP, WITNESS
from hub.ledger.anchors.stored import StoredAnchor, anchor_of, read_stored
from hub.ledger.anchors.window import window_of
from hub.ledger.entries import HUB_STREAM, EntryType
from hub.ledger.files import CHECKPOINT_FILE, CHECKPOINTS_FILE, VKEY_FILE, log_folder
from hub.ledger.notes import BadNote, Checkpoint, parse_checkpoint, parse_note, parse_vkey
from hub.ledger.signing.keyring import KeyRing

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Token:
    """An RFC 3161 token (DER) over the text of one checkpoint."""

    anchor: StoredAnchor
    data: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """A signed checkpoint; ``note`` has the hub's signature lines and those of witnesses behind them."""

    checkpoint: Checkpoint
    note: str
    cosignatures: tuple[StoredAnchor, ...] = ()
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class LogHeads:
    """The heads of one log for a package; ``heads[0]`` is the one that the proofs lead to. Empty: nothing that covers
    the package was ever signed. ``keys`` are the log's verifier keys, the first one that leads to the heads first."""

    origin: str
    keys: tuple[str, ...]
    heads: tuple[Head, ...]


def signed_size(data: Path, origin: str) -> int:
    """How many leaves of the log are signed at this moment."""
    return max((checkpoint.size for checkpoint, _ in _notes(log_folder(data, origin))), default=0)


def choose(source: Source, origin: str, size: int) -> LogHeads:
    """The smallest heads of at least ``size`` leaves: one with a token and one with a cosignature, where there are
    any; else the smallest of all. The earlier an anchored head, the tighter the time that it proves."""
    folder = log_folder(source.data, origin)
    notes = {checkpoint.size: (checkpoint, note) for checkpoint, note in _notes(folder) if checkpoint.size >= size}
    own = (one for one in _anchors(source) if one.origin == origin)
    anchors = [one for one in own if one.size in notes and notes[one.size][0].root == one.root]
    sizes: list[int] = []
    for kind in (TIMESTAMP, WITNESS):
        sizes += sorted(one.size for one in anchors if one.kind == kind)[:1]
    sizes += sorted(notes)[:1] if not sizes else []
    heads = [_head(folder, *notes[at], [one for one in anchors if one.size == at]) for at in dict.fromkeys(sizes)]
    return LogHeads(origin, _leading(source, origin, _keys(source, origin), heads), tuple(heads))


def longest_unanchored_us(source: Source, from_us: int, to_us: int, now_us: int) -> int | None:
    """The longest that something of this range waited until an outsider vouched for it, as the entries state it;
    None if no outsider ever did."""
    anchors = _anchors(source)
    return window_of(anchors, from_us, to_us, now_us).longest_us if anchors else None


def not_signed_yet(origin: str, size: int) -> Unavailable:
    return Unavailable(
        f"the newest entries of this range are not under a checkpoint of {origin} yet ({size} leaves are needed); try "
        "again in some seconds, or choose an earlier end",
        code="not_signed_yet",
    )


def _notes(folder: Path) -> list[tuple[Checkpoint, str]]:
    pieces = _text(folder / CHECKPOINTS_FILE).split("\n\n")
    texts = [f"{text}\n\n{lines}\n" for text, lines in zip(pieces[0::2], pieces[1::2], strict=False)]
    texts.append(_text(folder / CHECKPOINT_FILE))
    found = []
    for text in texts:
        try:
            found.append((parse_checkpoint(parse_note(text).text), text))
        except BadNote:
            continue  # the newest one may be half written; `hub verify` speaks of the others
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _anchors(source: Source) -> list[StoredAnchor]:
    """Of all logs of the folder."""
    found = []
    for row in source.special(HUB_STREAM, [EntryType.ANCHOR]):
        try:
            found.append(anchor_of(source.read(row)))
        except LedgerError as error:
            _log.warning("an anchor was passed over", entry=row.seq, error=str(error))
    return found


def _head(folder: Path, checkpoint: Checkpoint, note: str, anchors: Sequence[StoredAnchor]) -> Head:
    cosignatures, tokens = [], []
    for anchor in anchors:
        try:
            data = read_stored(folder, anchor)
        except LedgerError as error:
            _log.warning("an anchor was passed over", file=anchor.file, error=str(error))
            continue
        if anchor.kind == TIMESTAMP:
            tokens.append(Token(anchor, data))
        elif data.decode() not in note:
            cosignatures.append(anchor)
            note += data.decode()
    return Head(checkpoint, note, tuple(cosignatures), tuple(tokens))


def _keys(source: Source, origin: str) -> tuple[str, ...]:
    """The log's first key, which its genesis names, and those that followed it."""
    found: list[str] = []
    for row in source.special(HUB_STREAM, (EntryType.GENESIS, EntryType.KEY_ROTATE)):
        entry = source.read(row)
        vkey = entry.body.get("vkey")
        if entry.origin == origin and isinstance(vkey, str):
            found.append(vkey)
    found.append(_text(log_folder(source.data, origin) / VKEY_FILE).strip())
    return tuple(dict.fromkeys(text for text in found if _is_key(text)))


def _leading(source: Source, origin: str, keys: tuple[str, ...], heads: Sequence[Head]) -> tuple[str, ...]:
    """The same, with the oldest key first that still leads to these heads: one from before a revocation does not, and
    who is told to compare it would find an honest package altered."""
    rows = source.special(HUB_STREAM, (EntryType.KEY_ROTATE, EntryType.KEY_REVOKE))
    entries = [(source.read(row), source.place(row)) for row in rows]
    for vkey in keys:
        ring = KeyRing(parse_vkey(vkey))
        for entry, (log, index) in entries:
            ring.entry(entry, index if log == origin else None)
        signers = [(parse_note(head.note), ring.signing(head.checkpoint.size)) for head in heads]
        if all(any(note.signed_by(key) for key in trusted) for note, trusted in signers):
            return (vkey, *(other for other in keys if other != vkey))
    return keys


def _is_key(text: str) -> bool:
    try:
        return bool(parse_vkey(text))
    except BadNote:
        return False
