"""Written statements as their entries tell of them: who wrote, who signed, what was scanned. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from hub.ledger.entries import EntryType
from hub.ledger.told import Told
from hub.model import StreamKind


@dataclass(frozen=True, slots=True)
class Signature:
    """``certificate`` is the 执法证号; ``capacity`` officer or hall_admin; ``at_us`` hub UTC."""

    by: str
    name: str
    certificate: str
    capacity: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Scan:
    """A paper that was signed by hand. ``verdict`` is empty until somebody other than ``by`` has looked at it."""

    id: str
    by: str
    file: str
    sha256: str
    size: int
    media: str
    at_us: int
    verdict: str = ""
    checked_by: str = ""
    signers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """``file`` lies below the data folder and hashes to ``sha256``. ``done_us``: since when it explains, if it does;
    ``how``: written or paper."""

    id: str
    by: str
    file: str
    sha256: str
    size: int
    at_us: int
    signatures: tuple[Signature, ...] = ()
    scans: tuple[Scan, ...] = ()
    done_us: int | None = None
    how: str = ""


def statements_of(told: Iterable[Told], kind: StreamKind, signatures: int) -> list[Statement]:
    """In the order in which they were written. What belongs to no statement that stands is left out."""
    found: dict[str, Statement] = {}
    for one in told:
        if one.type is not EntryType.EXPLANATION or one.body.get("form") not in ("written", "paper"):
            continue
        ident, action = str(one.body["statement"]), one.body["action"]
        if action == "drafted":
            body = one.body
            found[ident] = Statement(ident, body["by"], body["file"], body["sha256"], body["size"], one.at_us)
        elif ident in found:
            made = _further(found[ident], one, str(action))
            found[ident] = made if made.done_us is not None else _finish(made, one, kind, signatures)
    return list(found.values())


def _further(statement: Statement, one: Told, action: str) -> Statement:
    body = one.body
    if action == "signed" and body["sha256"] == statement.sha256:
        made = Signature(body["by"], body["name"], body["certificate"], body["capacity"], one.at_us)
        if any(other.by == made.by or _same(other, made) for other in statement.signatures):
            return statement
        return replace(statement, signatures=(*statement.signatures, made))
    if action == "scanned":
        scan = Scan(body["scan"], body["by"], body["file"], body["sha256"], body["size"], body["media"], one.at_us)
        return replace(statement, scans=(*statement.scans, scan))
    if action in ("accepted", "rejected"):
        return replace(statement, scans=tuple(_checked(scan, one, action) for scan in statement.scans))
    return statement


def _same(one: Signature, other: Signature) -> bool:
    return bool(one.certificate) and one.certificate == other.certificate


def _checked(scan: Scan, one: Told, action: str) -> Scan:
    if scan.id != one.body["scan"] or scan.sha256 != one.body["sha256"] or scan.by == one.body["by"] or scan.verdict:
        return scan
    signers = tuple((str(each["name"]), str(each["certificate"])) for each in one.body["signers"])
    return replace(scan, verdict=action, checked_by=str(one.body["by"]), signers=signers)


def _finish(statement: Statement, one: Told, kind: StreamKind, signatures: int) -> Statement:
    window = kind is StreamKind.WINDOW
    if window:
        signed = any(each.capacity == "hall_admin" for each in statement.signatures)
    else:
        numbers = {each.certificate for each in statement.signatures if each.certificate}
        signed = len(numbers) >= signatures
    if signed:
        return replace(statement, done_us=one.at_us, how="written")
    needed = 1 if window else signatures
    for scan in statement.scans:
        hands = {number or (name if window else "") for name, number in scan.signers} - {""}
        if scan.verdict == "accepted" and len(hands) >= needed:
            return replace(statement, done_us=one.at_us, how="paper")
    return statement
