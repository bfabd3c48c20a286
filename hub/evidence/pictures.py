"""The playable copy and the still picture of a package: what part is handed to whom. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hub.clock import rfc3339
from hub.evidence.facts import Still
from hub.evidence.mark import BurntMark, in_the_background
from hub.evidence.movie import derived_marks, movie
from hub.evidence.report.words import Clock
from hub.evidence.segments import segments
from hub.evidence.still import still
from hub.ledger.package.format import Manifest
from hub.model import Chunk
from hub.shelf import Shelf

MAX_FAINT, MAX_LINE = 24, 60
"""Characters of a recipient on a picture; all of them are in the entry."""
STILL_CHUNKS = 8
"""One keyframe of each is looked at."""


def make_movie(
    shelf: Shelf,
    chunks: Sequence[Chunk],
    out: Path,
    manifest: Manifest,
    leaf: str,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Path]:
    """One MP4, or several where the coding changes, marked in every picture. Raises MediaError, StorageError."""
    marks = derived_marks(
        digest=leaf,
        export_id=manifest.export_id,
        recipient=manifest.recipient,
        created=rfc3339(manifest.made_us),
    )
    burnt = burnt_mark(manifest)
    made = in_the_background(lambda: movie(segments(shelf, chunks), out, marks, burnt=burnt, cancelled=cancelled))
    return [file.path for file in made.files]


def burnt_mark(manifest: Manifest) -> BurntMark:
    """Who got the copy, when (Beijing time), of which export, and what it is labelled as."""
    at = Clock(480).second(manifest.made_us)
    who = manifest.recipient or "未填写领取人"
    kinds = "".join(f"【{one}】" for one in manifest.labels)
    return BurntMark(
        f"{kinds}{who[:MAX_FAINT]} {at}",
        f"{kinds}派生文件（非证据原件） 领取人：{who[:MAX_LINE]} 导出时间：{at} 编号：{manifest.export_id}",
    )


def make_still(shelf: Shelf, chunks: Sequence[Chunk]) -> Still:
    """The best of a few pictures, spread over the footage."""
    step = max(1, len(chunks) // STILL_CHUNKS)
    return still(segments(shelf, chunks[::step][:STILL_CHUNKS]))
