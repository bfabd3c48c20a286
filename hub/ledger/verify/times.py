"""What is proven of time: the fourth axis of the verdict, given as an interval."""

from __future__ import annotations

from hub.ledger.verdict import TimeSource
from hub.ledger.verify.context import Context


def judge(run: Context) -> None:
    """The span of the entries by the hub's own clock. What others attest is in ``run.anchors``."""
    verdict, results = run.verdict, list(run.results.values())
    verdict.from_us = min((result.first_us for result in results if result.first_us is not None), default=None)
    verdict.until_us = max((result.last_us for result in results if result.last_us is not None), default=None)
    verdict.time = TimeSource.HUB_CLOCK
