"""How a stream stood when its last writer ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hub.model import Interruption, InterruptionState


@dataclass(frozen=True, slots=True)
class RecoveredStream:
    """A stream as its last writer left it. ``open``: a run of it was under way, which its source had not ended.
    ``interruption``: the break that lasts; ``beside``: what else lasts, with the end of the recording that it was seen
    in (None: not known). Nobody can tell how that went on. ``recorded_until_us``: from when on it is missing, if it was
    due; footage may lie behind it (``hub/ledger/untold.py``)."""

    stream_id: str
    run: int
    open: bool
    recorded_until_us: int | None
    interruption: Interruption | None
    beside: tuple[tuple[Interruption, int | None], ...] = ()


def broke_off_us(known: Interruption) -> int:
    """When the newest break of an interruption began. "begin-end begin-": of a flapping link that one alone lasts."""
    newest = str(known.evidence.get("breaks", known.started_us)).split()[-1]
    return int(newest.partition("-")[0])


def as_it_stood(known: Interruption, recorded_again_us: int | None) -> Interruption:
    """Of a resume there is no entry, only of the close that follows it. Footage after the break tells of it:
    ``recorded_again_us``, where there is any."""
    if known.state is not InterruptionState.CONFIRMED or recorded_again_us is None:
        return known
    return replace(known, state=InterruptionState.RESUMED, ended_us=recorded_again_us)
