"""Step 5 of a verification: which keys may have signed a log, and where they are known from."""

from __future__ import annotations

from hub.ledger.files import VKEY_FILE
from hub.ledger.notes import VerifierKey, parse_vkey
from hub.ledger.verify.context import Context
from hub.ledger.verify.log import LogSnapshot


def key_for(run: Context, log: LogSnapshot) -> tuple[VerifierKey | None, str]:
    """The key to trust first, and where it is from. Keys that it handed over to are in ``run.keys``."""
    options = run.options
    if options.key is not None:
        key = parse_vkey(options.key)
        if key.name == log.origin or len(run.origins) == 1:
            return key, "given"
        return None, f"the key given is for {key.name}"
    if options.keys_dir is not None:
        path = options.keys_dir / log.folder.name / VKEY_FILE
        if path.exists():
            return parse_vkey(path.read_text(encoding="utf-8")), f"the configured verifier key ({path})"
    if log.vkey:
        run.verdict.notes.append(
            f"the verifier key of {log.origin} was taken from the data folder itself: it proves nothing against "
            "whoever could write there; give the key that was handed out with --key"
        )
        return parse_vkey(log.vkey), "the data folder itself"
    return None, "none"
