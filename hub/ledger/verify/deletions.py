"""Step 6 of a verification: footage that is not there. Missing, or lawfully deleted with its digest known."""

from __future__ import annotations

from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.context import Absent, Context


def settle(run: Context) -> None:
    """Judge what is absent, once every entry was read: a tombstone comes after the chunks it speaks of."""
    for absent in run.absent:
        _missing(run, absent)


def _missing(run: Context, absent: Absent) -> None:
    expected = f"a reel with {absent.chunks} chunks"
    run.add(Step.FOOTAGE, Harm.MISSING, absent.stream, absent.reel, expected, "no such file")
