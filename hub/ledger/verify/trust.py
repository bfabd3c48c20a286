"""Step 5 of a verification: which keys may have signed a log, and where they are known from."""

from __future__ import annotations

import os
from pathlib import Path

from hub.ledger.files import VKEY_FILE
from hub.ledger.notes import VerifierKey, parse_vkey
from hub.ledger.signing.keyring import KeyRing
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.context import Context
from hub.ledger.verify.log import LogSnapshot


def key_for(run: Context, log: LogSnapshot) -> tuple[VerifierKey | None, str]:
    """The key to trust first, and where it is from. What it hands on to is the matter of :func:`ring_for`."""
    options = run.options
    if options.key is not None:
        key = parse_vkey(options.key)
        if key.name == log.origin or len(run.origins) == 1:
            return key, "given"
        return None, f"the key given is for {key.name}"
    folder = key_folder(run, log)
    if folder is not None:
        path = folder / VKEY_FILE
        if path.exists():
            return parse_vkey(path.read_text(encoding="utf-8")), f"the configured verifier key ({path})"
    if log.vkey:
        run.verdict.notes.append(
            f"the verifier key of {log.origin} was taken from the data folder itself: it proves nothing against "
            "whoever could write there; give the key that was handed out with --key"
        )
        return parse_vkey(log.vkey), "the data folder itself"
    return None, "none"


def key_folder(run: Context, log: LogSnapshot) -> Path | None:
    """The log's folder of keys, if it is there and may be read: a signer's under its own user may not."""
    if run.options.keys_dir is None:
        return None
    folder = run.options.keys_dir / log.folder.name
    try:
        folder.stat()
    except FileNotFoundError:
        return None
    except PermissionError:
        _unreadable(run, log)
        return None
    if os.access(folder, os.R_OK | os.X_OK):
        return folder
    _unreadable(run, log)
    return None


def _unreadable(run: Context, log: LogSnapshot) -> None:
    text = f"what the signer of {log.origin} remembers: its folder of keys is another user's; ask as that user"
    if text not in run.verdict.unchecked:
        run.unchecked(text)


def ring_for(run: Context, log: LogSnapshot, key: VerifierKey | None) -> KeyRing | None:
    """Every key that counts for somebody who trusts ``key``, by what the log's entries say of keys."""
    if key is None:
        return None
    ring = KeyRing(key)
    for entry in run.keys:
        ring.entry(entry, log.position(bytes.fromhex(entry.leaf)) if entry.origin == key.name else None)
    for problem in ring.problems:
        run.add(Step.CHECKPOINTS, Harm.ALTERED, "", "_hub", "a statement signed by the log's keys", problem)
    return ring
