"""Which fields each form of an ``explanation`` has: what lacks one is an entry still, and explains nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hub.ledger.entries import EntryType
from hub.ledger.told import Told

_FIELDS: Mapping[str, Mapping[str, type]] = {
    "report": {"reason": str, "text": str},
    "spoken": {"from_us": int, "to_us": int, "speech_ms": int, "chunks": list},
    "written.drafted": {"statement": str, "file": str, "sha256": str, "size": int, "name": str},
    "written.signed": {"statement": str, "sha256": str, "name": str, "certificate": str, "capacity": str},
    "paper.scanned": {"statement": str, "scan": str, "file": str, "sha256": str, "size": int, "media": str},
    "paper.accepted": {"statement": str, "scan": str, "sha256": str, "signers": list},
    "paper.rejected": {"statement": str, "scan": str, "sha256": str, "signers": list},
    "correction": {"cites": str, "text": str, "withdraws": bool},
    "exemption": {"kind": str, "text": str},
    "reminder": {"unit": str, "due_us": int},
    "overdue": {"unit": str, "due_us": int, "what": str, "step": int},
    "close": {"how": str, "findings": list},
}
_HAND: Mapping[str, type] = {"name": str, "certificate": str}


def readable(one: Told) -> bool:
    """Whether it has the fields of its form. Of a form that a later hub made nothing is known here."""
    if one.type is not EntryType.EXPLANATION:
        return True
    body = one.body
    form = str(body.get("form"))
    fields = _FIELDS.get(f"{form}.{body.get('action')}" if form in ("written", "paper") else form)
    if fields is None or not _has(body, {"by": str, **fields}):
        return False
    if form == "exemption" and body["kind"] != "maintenance":
        return _has(body, {"until_us": int})
    return "signers" not in fields or all(isinstance(hand, dict) and _has(hand, _HAND) for hand in body["signers"])


def _has(body: Mapping[str, object], fields: Mapping[str, type]) -> bool:
    return all(type(body.get(name)) is kind for name, kind in fields.items())
