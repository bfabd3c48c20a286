"""What a report says, as plain values: who writes a package fills this in, who writes the report reads it.

Times are hub UTC in microseconds since 1970, digests lower-case hex, texts as people typed them (any character: the
report makes them harmless). Nothing here is optional to the reader: what is not known is empty, and the report says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StretchKind(StrEnum):
    """What a stretch of the time line is, beside the interruptions."""

    RECORDED = "recorded"
    BACKFILLED = "backfilled"
    OFF_DUTY = "off_duty"
    DELETED = "deleted"
    """Lawfully deleted under a tombstone; the digests stay."""


class Closing(StrEnum):
    """How an interruption ended, as far as the law asks (行政执法全过程记录: 补传, 语音说明, 书面说明)."""

    OPEN = "open"
    """It lasts, or nobody has explained it."""
    NOT_NEEDED = "not_needed"
    """Short enough that the settings demand no explanation."""
    BACKFILLED = "backfilled"
    SPOKEN = "spoken"
    WRITTEN = "written"
    WITHDRAWN = "withdrawn"
    """All of its media came later."""


class Axis(StrEnum):
    """The four axes of a verdict, in the order of the report."""

    INTEGRITY = "integrity"
    COMPLETENESS = "completeness"
    PROVENANCE = "provenance"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Notes:
    """The five notes of an evidence disc (记录的事项、时间、地点、方式和行政执法人员)."""

    matter: str
    """事项"""
    time: str
    """时间, as the officer words it; empty: the range given."""
    place: str
    """地点"""
    manner: str
    """方式"""
    officers: tuple[str, ...]
    """行政执法人员, each with the certificate number: ``张三（执法证号 0123）``"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the time line, clipped to the range given. ``note``: e.g. the rule of a deletion."""

    kind: StretchKind
    from_us: int
    to_us: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A key mark (重点标记): one moment."""

    at_us: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class InterruptionFact:
    """One interruption in the range. ``kind`` and ``state`` are the words of ``hub.model``.

    ``from_us``/``to_us`` are its edges, both true within ``edge_error_us``; ``to_us`` is None while it lasts.
    ``closing`` says how it was closed; ``explanation`` is the statement's text, or where the spoken clip lies;
    ``signers`` are the two officers of a written statement. ``seq`` is the entry's number in the stream's chain.
    """

    id: str
    kind: str
    state: str
    from_us: int
    to_us: int | None
    edge_error_us: int = 0
    count: int = 1
    tracks: tuple[str, ...] = ()
    closing: Closing = Closing.OPEN
    closed_us: int | None = None
    explanation: str = ""
    signers: tuple[str, ...] = ()
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class VerdictFacts:
    """The verdict at the moment of export: the words of ``hub.ledger.verdict`` (``Integrity`` …), as strings.

    ``findings`` are what is wrong, ``unchecked`` what could not be checked, each a sentence.
    """

    integrity: str
    completeness: str
    provenance: str
    time: str
    findings: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    time_until_us: int | None = None
    """Outsiders attest that everything in the package existed by this. Never a time of the hub's own clock."""


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """The signed head of the log that the package is proven against."""

    origin: str
    size: int
    root: str
    """base64, as in the checkpoint's text"""
    signed_us: int | None = None


@dataclass(frozen=True, slots=True)
class AnchorFact:
    """A witness's cosignature or a timestamp token that covers the package."""

    authority: str
    kind: str
    """``witness`` or ``timestamp``"""
    time_us: int
    size: int | None = None
    """The tree size that it covers."""


@dataclass(frozen=True, slots=True)
class PartFacts:
    """The n-th of m volumes (``--split``); a package in one piece is 1 of 1."""

    number: int = 1
    of: int = 1


@dataclass(frozen=True, slots=True)
class FileFact:
    """A file of the package that the report names: name within the package, size, digest, what it is."""

    name: str
    size_bytes: int
    sha256: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One way to check the package with other people's tools: commands, one a line, and what they must print."""

    title: str
    commands: tuple[str, ...]
    expect: str = ""


@dataclass(frozen=True, slots=True)
class Still:
    """A representative picture: JPEG bytes and the moment that it shows; or ``jpeg`` None and ``reason`` why not."""

    jpeg: bytes | None
    at_us: int | None = None
    width: int = 0
    height: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Everything that the report and the disc's label say.

    ``asked_*`` is the range that was asked for, ``given_*`` the range that whole chunks cover. ``digest`` is the
    SHA-256 by which the package is recognised (of the manifest, since the report lies inside the package and cannot
    name the digest of the zip; ``digest_of`` is the file's name). ``key_fingerprint`` is the SHA-256 of the raw
    public key. ``unanchored_us`` is the length of the window that no outside authority covers, None where nothing
    was anchored. ``movie`` is the derived MP4, if the package has one.
    """

    export_id: str
    created_us: int
    stream_id: str
    stream_name: str
    unit: str
    notes: Notes
    asked_from_us: int
    asked_to_us: int
    given_from_us: int
    given_to_us: int
    verdict: VerdictFacts
    checkpoint: CheckpointFacts
    verifier_key: str
    key_fingerprint: str
    digest: str
    digest_of: str = "manifest.json"
    device: str = ""
    reason: str = ""
    requester: str = ""
    approver: str = ""
    recipient: str = ""
    stretches: tuple[Stretch, ...] = ()
    interruptions: tuple[InterruptionFact, ...] = ()
    marks: tuple[Mark, ...] = ()
    anchors: tuple[AnchorFact, ...] = ()
    unanchored_us: int | None = None
    part: PartFacts = PartFacts()
    still: Still = Still(None, reason="没有提供截图")
    movie: FileFact | None = None
    files: tuple[FileFact, ...] = ()
    checks: tuple[Check, ...] = ()
    """How to check it with the names of this package's files; empty: the report gives general ones."""
    chunks: int = 0
    entries: int = 0
    media_bytes: int = 0
    hub_version: str = ""
    utc_offset_minutes: int = 480
    """Times are shown in this zone (China: UTC+8), and say so."""
