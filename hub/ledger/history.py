"""``log/<origin>/checkpoints``: every checkpoint that was signed, one after the other, an empty line behind each.

The file is appended to and not flushed: the signer remembers the newest checkpoint, and older ones follow from the
log. After a power cut its end may be torn, and is mended at the next start.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from hub.ledger.notes import BadNote, parse_checkpoint, parse_note

_TAIL_BYTES = 1 << 16
"""More than a power cut can tear off: half a minute of checkpoints, each of some hundred bytes."""
_END = b"\n\n"


def append(path: Path, note: str) -> None:
    """Raises OSError, and then the file is as it was: no part of a note may stand before the next one."""
    data = note.encode() + b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        if (count := os.write(handle, data)) < len(data):
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, f"{count} of {len(data)} bytes of a checkpoint were written", str(path))
    finally:
        os.close(handle)


def mend(path: Path, newest: str) -> int:
    """Cut off what is no whole checkpoint at the end, and put ``newest`` there if it is not the last one.

    Returns how many bytes were cut off. Raises OSError.
    """
    size = path.stat().st_size if path.exists() else 0
    with path.open("a+b") as file:
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    end, last = _last_whole(tail)
    torn = len(tail) - end
    if torn:
        os.truncate(path, size - torn)
    if newest and last != newest:
        append(path, newest)
    return torn


def _last_whole(tail: bytes) -> tuple[int, str]:
    """Where the last whole checkpoint ends, and its text; 0 and nothing if there is none."""
    end = tail.rfind(_END)
    while end >= 0:
        middle = tail.rfind(_END, 0, end)
        start = tail.rfind(_END, 0, max(0, middle))
        note = tail[start + len(_END) if start >= 0 else 0 : end + 1]
        try:
            parse_checkpoint(parse_note(note).text)
            return end + len(_END), note.decode()
        except BadNote:
            end = middle
    return 0, ""
