"""The signer's old place, for those who still import it from here."""

from __future__ import annotations

from hub.ledger.signing.local import LocalSigner
from hub.ledger.signing.signer import SignedHead, Signer
from hub.ledger.signing.vault import KEY_FILE, MEMORY_FILE, read_memory

__all__ = ["KEY_FILE", "MEMORY_FILE", "LocalSigner", "SignedHead", "Signer", "read_memory"]
