"""Whom a verification believes about time, from what was given to it as text and files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryptography import x509

from hub.errors import LedgerError
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.cosignature import parse_witness_vkey
from hub.ledger.anchors.tokens import BadToken, read_roots


def read_trust(witnesses: Iterable[str], root_files: Iterable[Path], source: str = "given") -> Trust:
    """Verifier keys of witnesses, and PEM files with certificates of timestamp authorities. Raises LedgerError."""
    keys = tuple(parse_witness_vkey(text) for text in witnesses)
    roots: list[x509.Certificate] = []
    for path in root_files:
        try:
            roots += read_roots(path.read_bytes())
        except OSError as error:
            raise BadToken(f"cannot read the trusted certificates in {path}: {error.strerror}") from error
    return Trust(keys, tuple(roots), source)


def configured_trust(witnesses: Iterable[str], timestamp_authorities: Iterable[str]) -> Trust:
    """From the lines of the settings of those names: ``vkey url`` and ``name url ca.pem``. Raises LedgerError."""
    lines = [line.split(maxsplit=2) for line in timestamp_authorities]
    if any(len(parts) != 3 for parts in lines):
        raise LedgerError("timestamp_authorities: expected 'name url ca.pem' each, found another line")
    return read_trust(
        [line.split()[0] for line in witnesses if line.split()], [Path(parts[2]) for parts in lines], "configured"
    )
