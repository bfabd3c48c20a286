"""Step 6 of a verification: written statements and scanned papers, of which entries keep the digests."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from hub.ledger.entries import EntryType
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.context import Context
from hub.ledger.verify.lines import Line

MAX_BYTES = 64 << 20
"""More than a hub takes; what is larger was not put there by one."""
FILE = re.compile(r"statements/([a-z0-9][a-z0-9-]{0,62})/[0-9a-f][0-9a-f-]{0,80}\.(?:txt|pdf|jpg|png)")


def check(run: Context, line: Line) -> None:
    """The file that an ``explanation`` names is there and is the one that was written."""
    body = line.entry.body
    if line.entry.type is not EntryType.EXPLANATION or "file" not in body:
        return
    stream, name, sha256 = line.entry.stream_id, body["file"], body.get("sha256")
    match = FILE.fullmatch(name) if isinstance(name, str) else None
    if match is None or match[1] != stream or not sha256:
        expected = f"a file below statements/{stream}/ and its digest"
        run.add(Step.FOOTAGE, Harm.ALTERED, stream, str(line), expected, repr(name)[:200])
        return
    found = _digest(run.data / name)
    if found is None:
        run.add(Step.FOOTAGE, Harm.MISSING, stream, name, "the statement that an entry speaks of", "no such file")
    elif found != sha256:
        run.add(Step.FOOTAGE, Harm.ALTERED, stream, name, f"a statement with SHA-256 {sha256}", found)


def _digest(path: Path) -> str | None:
    """None for no file; of what is too large only that it is."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        if path.stat().st_size > MAX_BYTES:
            return f"a file of more than {MAX_BYTES} bytes"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
