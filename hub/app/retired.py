"""Interruptions of streams that were retired while nobody recorded them: no node ends them, so the office does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import structlog

from hub.clock import Clock
from hub.ledger.bodies import interruption_body
from hub.ledger.entries import EntryType
from hub.ledger.reader import Reader
from hub.ledger.seam import AnyLedger
from hub.model import Interruption, InterruptionState
from hub.outage import Outage

log = structlog.get_logger(__name__)

EVERY_S = 60.0
_PAGE = 500
RETIRED = "stream retired"
"""What a node says that ends a stream for good."""


class Retired:
    """``gone``: of these ids, those that are retired and of which no node speaks. What is found open at two looks is
    closed: whoever still records a stream when it is retired ends it within seconds."""

    def __init__(
        self, clock: Clock, ledger: AnyLedger, reader: Reader, gone: Callable[[Collection[str]], Collection[str]]
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._reader = reader
        self._gone = gone
        self._outage = Outage("interruptions of retired streams", clock)
        self._seen: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                with self._outage.endured():
                    await self.look()
            except Exception:
                log.exception("interruptions of retired streams could not be looked at; it is tried again")
            await self._clock.sleep(EVERY_S)

    async def look(self) -> None:
        found = await asyncio.to_thread(self._open)
        gone = self._gone({one.stream_id for one in found})
        left = [one for one in found if one.stream_id in gone]
        for one in left:
            if one.id in self._seen:
                self._ledger.append(one.stream_id, EntryType.INTERRUPTION_CLOSE, interruption_body(self._ended(one)))
        self._seen = frozenset(one.id for one in left)

    def _open(self) -> Sequence[Interruption]:
        """Blocks."""
        out: list[Interruption] = []
        while True:
            after = out[-1].id if out else None
            page = self._reader.interruptions(state=InterruptionState.CONFIRMED, limit=_PAGE, after=after)
            out += page
            if len(page) < _PAGE:
                return out

    def _ended(self, one: Interruption) -> Interruption:
        ended_us = max(one.started_us, self._clock.now().utc_us)
        evidence = {**one.evidence, "reason": RETIRED}
        return replace(one, state=InterruptionState.CLOSED, ended_us=ended_us, evidence=evidence)
