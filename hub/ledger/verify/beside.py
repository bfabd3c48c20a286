"""Step 6 of a verification: photographs, and the pictures that alarms were raised on, by the digests that entries keep.

A photograph is evidence: it must be there unless a ``deleted`` entry names it. An alarm's picture is written a moment
after its entry, so a power cut may have cost it; but the one that is there must be the one that was written. What a
sample was drawn from (检查台账) must be there, or nobody can draw it again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.ledger.entries import EntryType
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.lines import Line
from hub.shelf import Shelf, read_blocks

if TYPE_CHECKING:
    from hub.ledger.verify.context import Context

_BLOCK = 1 << 20
_PHOTO = re.compile(r"photos/[0-9a-f]{64}")
_PICTURE = re.compile(r"pictures/[a-z0-9][a-z0-9-]{0,62}/\d{4}-\d\d-\d\d/[a-z0-9][a-z0-9._-]{0,120}\.jpg")
_POPULATION = re.compile(r"inspections/[a-z0-9-]{1,63}\.txt")
_INTERRUPTIONS = (EntryType.INTERRUPTION_OPEN, EntryType.INTERRUPTION_CLOSE, EntryType.INTERRUPTION_WITHDRAWN)


@dataclass(frozen=True, slots=True)
class Beside:
    """A file that an entry speaks of. ``required``: it must be there."""

    stream: str
    place: str
    sha256: str
    required: bool


def note(run: Context, line: Line) -> None:
    """Remember what the entry says of files beside the footage."""
    entry = line.entry
    if entry.type is EntryType.ATTACHMENT:
        _remember(run, line, entry.body["file"], entry.body["sha256"], _PHOTO, required=True)
    elif entry.type in _INTERRUPTIONS and "picture" in entry.body["evidence"]:
        evidence = entry.body["evidence"]
        _remember(run, line, evidence["picture"], evidence.get("picture_sha256"), _PICTURE, required=False)
    elif entry.type is EntryType.INSPECTION and entry.body["action"] == "sample":
        _remember(run, line, entry.body.get("file"), entry.body.get("population_sha256"), _POPULATION, required=True)
    elif entry.type is EntryType.DELETED:
        run.beside_gone.update(name for name in entry.body.get("beside", ()) if isinstance(name, str))


def _remember(run: Context, line: Line, name: Any, sha256: Any, form: re.Pattern[str], *, required: bool) -> None:
    stream = line.entry.stream_id
    if isinstance(name, str) and isinstance(sha256, str) and form.fullmatch(name):
        run.beside[name] = Beside(stream, str(line), sha256, required)
    else:
        expected = "a file beside the footage and its digest"
        run.add(Step.FOOTAGE, Harm.ALTERED, stream, str(line), expected, repr(name)[:200])


def check(run: Context) -> None:
    """Compare what is there with what was said, once every stream was read: the same photograph may belong to two."""
    for name, one in run.beside.items():
        if name in run.beside_gone:
            continue
        try:
            found = _digest(run.data / name) or _digest_elsewhere(run.options.archive, name)
        except OSError as error:
            run.unreachable[str(error)] = run.unreachable.get(str(error), 0) + 1
            run.verdict.counts.unreachable_reels += one.required
            continue
        if found is None:
            if one.required:
                expected = f"the file that {one.place} speaks of"
                run.add(Step.FOOTAGE, Harm.MISSING, one.stream, name, expected, "no such file")
        elif found != one.sha256:
            run.add(Step.FOOTAGE, Harm.ALTERED, one.stream, name, f"sha256 {one.sha256}", f"sha256 {found}")


def _digest(path: Path) -> str | None:
    digest = hashlib.sha256()
    try:
        if path.is_symlink():
            return None
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


def _digest_elsewhere(archive: Shelf | None, name: str) -> str | None:
    """Of an office that leads no more, say, or of the node that recorded."""
    if archive is None:
        return None
    digest = hashlib.sha256()
    try:
        for block in read_blocks(archive, name):
            digest.update(block)
    except FileNotFoundError:
        return None
    return digest.hexdigest()
