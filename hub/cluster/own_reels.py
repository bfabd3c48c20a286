"""What a node that was killed, or lost a stream while it slept, has on its own disk and nobody has told of: footage is
declared as recovered, whoever owns its stream by now, and torn ends are kept apart (``hub/ledger/reels.py``)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hub.cluster.claims import Declared
from hub.ledger import reels
from hub.ledger.entries import EntryType, JsonValue
from hub.ledger.seam import EntryMade

RETRY_S = 5.0
_log = structlog.get_logger(__name__)


class Ledger(Protocol):
    """Of a node's ledger, what its own reels need."""

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade: ...  # noqa: A002
    async def emptied(self) -> None: ...
    async def committed(self) -> None: ...


def reels_left(data: Path, last_day: str) -> frozenset[str]:
    """The reels that lie here before anything is recorded, from the day before this node last lived. Blocks."""
    nothing = _Nothing()
    since = (date.fromisoformat(last_day) - timedelta(days=1)).isoformat() if last_day else ""
    return frozenset(one.reel for one in reels.open_reels(data, nothing, lambda _stream: since))


class _Nothing:
    def reel_sizes(self, _folder: str, _since: str) -> dict[str, int]:
        return {}

    def last_footage(self, _stream: str, _reel: str) -> None:
        return None


async def recover_left(ledger: Ledger, engine: Engine, data: Path, left: frozenset[str], scan: reels.Scan) -> int:
    """Declare what of these reels no entry speaks of; how many there were. Waits for the outbox, which may speak of
    them, and for the database."""
    if left:
        await ledger.emptied()
    while True:
        try:
            found = await asyncio.to_thread(_look, data, Declared(engine), left, scan)
            break
        except (SQLAlchemyError, OSError) as error:
            _log.warning("own reels could not be looked at; it is tried again", error=str(error))
            await asyncio.sleep(RETRY_S)
    for item in found:
        ledger.append(item.stream_id, EntryType.RECOVERY, item.body)
        _log.warning("an open reel was recovered", reel=item.reel, bytes=item.body["size"], cut_at=item.cut_at)
    if found:
        await ledger.committed()
    await asyncio.to_thread(reels.finish, data, found)
    return len(found)


def _look(data: Path, known: reels.Known, left: frozenset[str], scan: reels.Scan) -> list[reels.Recovered]:
    since = min((name.split("/")[2] for name in left), default="")
    longer = [item for item in reels.open_reels(data, known, lambda _stream: since) if item.reel in left]
    return reels.recover_reels(data, known, longer, scan)
