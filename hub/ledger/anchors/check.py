"""Whether an anchor holds: a cosignature or a token, over the checkpoint it claims, by somebody who is trusted.

Pure: bytes and trust come as arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from hub.errors import LedgerError
from hub.ledger.anchors.cosignature import WitnessKey, check_cosignature, parse_line
from hub.ledger.anchors.tokens import check_token

WITNESS = "witness"
TIMESTAMP = "timestamp"
UNCHECKED = frozenset({"no_library", "no_trust", "untrusted_authority"})
"""Codes of the errors after which nothing is known: neither that the anchor holds nor that it does not."""


class BadAnchor(LedgerError):
    """An anchor that does not hold, or cannot be checked (``code`` in :data:`UNCHECKED`)."""

    code = "bad_anchor"


@dataclass(frozen=True, slots=True)
class Trust:
    """Who is believed about time: witnesses by their keys, timestamp authorities by the certificates over theirs."""

    witnesses: tuple[WitnessKey, ...] = ()
    roots: tuple[x509.Certificate, ...] = ()
    source: str = "given"
    """Where this trust is from, for people."""

    def __bool__(self) -> bool:
        return bool(self.witnesses or self.roots)


@dataclass(frozen=True, slots=True)
class AnchorTime:
    """By whom, and when by their clock, µs UTC: the checkpoint existed no later than ``until_us``."""

    kind: str
    authority: str
    from_us: int
    until_us: int


def check_anchor(data: bytes, kind: str, checkpoint_text: bytes, trust: Trust, authority: str = "") -> AnchorTime:
    """When the checkpoint with this text existed at the latest, and who says so.

    ``data``: for ``witness`` one signature line, for ``timestamp`` the DER of the token. ``checkpoint_text``: the
    note's text with its last newline. ``authority`` names a timestamp authority for people. Raises LedgerError, and
    nothing else; its ``code`` is in :data:`UNCHECKED` where trust or library are lacking.
    """
    if kind == TIMESTAMP:
        stamp = check_token(data, checkpoint_text, trust.roots)
        return AnchorTime(kind, authority, stamp.from_us, stamp.until_us)
    if kind != WITNESS:
        raise BadAnchor(f"expected an anchor of a witness or a timestamp authority, found {kind[:40]!r}")
    line = parse_line(data)
    for key in trust.witnesses:
        if key.name == line.name and key.key_id == line.key_id:
            seconds = check_cosignature(checkpoint_text, line, key)
            # Whole seconds, cut off: the witness signed before the next one.
            return AnchorTime(kind, key.name, seconds * 1_000_000, (seconds + 1) * 1_000_000)
    raise BadAnchor(
        f"the cosignature of {line.name} ({line.key_id.hex()}) was not checked: that witness's key is not among the "
        "trusted ones",
        code="untrusted_authority" if trust.witnesses else "no_trust",
    )
