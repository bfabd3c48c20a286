"""What a verification finds: four axes, never one tick; and the first thing that is wrong, by its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

MAX_LISTED = 200
"""Findings that are listed; more are counted."""


class Step(IntEnum):
    """The steps of a verification, numbered as in the report and in ``hub/ledger/verify/``."""

    INVENTORY = 1
    ENTRIES = 2
    CHAINS = 3
    LOG = 4
    CHECKPOINTS = 5
    FOOTAGE = 6
    COMPLETENESS = 7
    DATABASE = 8


class Harm(StrEnum):
    """What a finding means."""

    ALTERED = "altered"
    """Something is not what it was."""
    MISSING = "missing"
    """Something that is spoken of is not there."""
    UNDECLARED = "undeclared"
    """Bytes that no entry speaks of."""
    BREAK = "break"
    """Recorded time is missing, and nothing says why."""
    UNLAWFUL = "unlawful"
    """Deleted against the rules that the chain itself states: under a hold, too early, or before it was signed."""


class Integrity(StrEnum):
    OK = "ok"
    MISSING_PARTS = "ok_with_missing_parts"
    NOT_OK = "not_ok"
    CANNOT_BE_JUDGED = "cannot_be_judged"


class Completeness(StrEnum):
    CONTIGUOUS = "contiguous"
    DECLARED = "declared_interruptions"
    BACKFILLED = "backfilled"
    TOMBSTONED = "tombstoned"
    UNDECLARED_BREAK = "undeclared_break"
    CANNOT_BE_JUDGED = "cannot_be_judged"


class Provenance(StrEnum):
    NONE = "none"
    HUB_KEY = "hub_key"
    CERTIFIED_KEY = "certified_key"
    DEVICE = "signed_by_device"


class TimeSource(StrEnum):
    NONE = "none"
    HUB_CLOCK = "hub_clock"
    WITNESS = "witness"
    AUTHORITY = "timestamp_authority"


class ExitCode(IntEnum):
    INTACT = 0
    ALTERED_OR_INCOMPLETE = 1
    UNREADABLE = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, what was expected, what was found."""

    step: Step
    harm: Harm
    stream: str
    place: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.place}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Counts:
    """How much was looked at."""

    streams: int = 0
    entries: int = 0
    chunks: int = 0
    reels: int = 0
    bytes: int = 0
    interruptions: int = 0
    checkpoints: int = 0
    pending_bytes: int = 0
    pending_entries: int = 0
    unsigned_entries: int = 0
    """In the log, but behind its newest checkpoint."""
    deleted_reels: int = 0
    """Lawfully deleted: a tombstone says so, and their digests are known."""
    deleted_bytes: int = 0
    unreachable_reels: int = 0
    """They lie where nobody answers: neither intact nor missing."""


@dataclass(frozen=True, slots=True)
class Anchored:
    """What the newest anchor of a kind proves: the log's first ``size`` entries existed no later than ``by_us``.
    ``count``: how many anchors of this kind hold."""

    source: TimeSource
    authority: str
    size: int
    by_us: int
    count: int


@dataclass(slots=True)
class Verdict:
    """The result of :func:`hub.ledger.verify.verify_path`."""

    path: str
    integrity: Integrity = Integrity.CANNOT_BE_JUDGED
    completeness: Completeness = Completeness.CANNOT_BE_JUDGED
    provenance: Provenance = Provenance.NONE
    time: TimeSource = TimeSource.NONE
    from_us: int | None = None
    until_us: int | None = None
    anchored: list[Anchored] = field(default_factory=list)
    """Of the newest log, the strongest kind first."""
    longest_unanchored_us: int | None = None
    """The longest that something recorded waited for its first anchor; None: no anchor was checked."""
    unanchored_since_us: int | None = None
    """What was recorded after this (hub clock) is not anchored yet."""
    live: bool = False
    package: bool = False
    """Of an evidence package: the steps then mean what :data:`PACKAGE_TITLES` says."""
    key: str = ""
    key_source: str = ""
    custody: str = ""
    """Where the hub says that it kept the signing key in its last run, a ``Custody``; empty: it does not say."""
    origin: str = ""
    size: int = 0
    root: str = ""
    findings: list[Finding] = field(default_factory=list)
    more_findings: int = 0
    first: Finding | None = None
    """The first thing that is wrong, in the order of the steps; kept however many there are."""
    harms: dict[Harm, int] = field(default_factory=dict)
    unchecked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)
    done: list[Step] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, finding: Finding) -> None:
        self.harms[finding.harm] = self.harms.get(finding.harm, 0) + 1
        if self.first is None or finding.step < self.first.step:
            self.first = finding
        if len(self.findings) < MAX_LISTED:
            self.findings.append(finding)
        else:
            self.more_findings += 1

    @property
    def exit_code(self) -> ExitCode:
        if Integrity.CANNOT_BE_JUDGED is self.integrity or Completeness.CANNOT_BE_JUDGED is self.completeness:
            return ExitCode.UNREADABLE
        intact = self.integrity is Integrity.OK and self.completeness is not Completeness.UNDECLARED_BREAK
        return ExitCode.INTACT if intact and not self.harms else ExitCode.ALTERED_OR_INCOMPLETE

    def judge(self, interruptions: int, unfilled: int | None = None) -> None:
        """Set integrity and completeness from what was found, once every step is done. ``unfilled``: interruptions
        that lost footage of which not all was brought later; None: all that there are."""
        if self.harms.get(Harm.ALTERED):
            self.integrity = Integrity.NOT_OK
        elif any(self.harms.get(harm) for harm in (Harm.MISSING, Harm.UNDECLARED, Harm.UNLAWFUL)):
            self.integrity = Integrity.MISSING_PARTS
        elif self.counts.unreachable_reels:
            self.integrity = Integrity.CANNOT_BE_JUDGED
        else:
            self.integrity = Integrity.OK
        if self.harms.get(Harm.BREAK):
            self.completeness = Completeness.UNDECLARED_BREAK
        elif self.counts.deleted_reels:
            self.completeness = Completeness.TOMBSTONED
        else:
            open_yet = interruptions if unfilled is None else unfilled
            filled = Completeness.BACKFILLED if interruptions else Completeness.CONTIGUOUS
            self.completeness = Completeness.DECLARED if open_yet else filled


STEP_TITLES: Mapping[Step, str] = {
    Step.INVENTORY: "what is there",
    Step.ENTRIES: "every entry is canonical, well formed, and in its own file",
    Step.CHAINS: "every stream's chain is unbroken from its genesis on",
    Step.LOG: "the log holds every entry, and every leaf of the log has its entry",
    Step.CHECKPOINTS: "the checkpoints' roots are the log's, and their signatures verify",
    Step.FOOTAGE: "every reel's bytes are declared and hash to what the entries say",
    Step.COMPLETENESS: "no recorded time is missing without an interruption that says so",
    Step.DATABASE: "the database agrees with the entry files",
}

PACKAGE_TITLES: Mapping[Step, str] = {
    Step.INVENTORY: "the package holds the files that its manifest lists, and nothing else",
    Step.ENTRIES: "every entry is canonical and well formed",
    Step.CHAINS: "the range's chain is unbroken from its first entry to its last",
    Step.LOG: "the entries are in the log: inclusion proofs, and prev for the rest",
    Step.CHECKPOINTS: "the checkpoints' signatures verify",
    Step.FOOTAGE: "every chunk's bytes hash to what the entries say",
    Step.COMPLETENESS: "no recorded time is missing without an interruption that says so",
    Step.DATABASE: "the manifest agrees with the entries and with every file",
}
