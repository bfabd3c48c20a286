"""What the office stands on: the database and the ledger, which other kinds of hub keep elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Engine

from hub.app.here import Here
from hub.app.recording import Recording
from hub.clock import Clock
from hub.database import Database, open_engine
from hub.ledger.accesses import AccessReader
from hub.ledger.ledger import Ledger
from hub.ledger.retained import Retained
from hub.ledger.seam import OpenLedger
from hub.ledger.signing.signer import Custody
from hub.ledger.standing import RecoveredStream
from hub.ledger.startup import remote_signers
from hub.ledger.told import ToldReader
from hub.retention.files import Files, PosixFiles
from hub.retention.rooms import Rooms
from hub.segmenter.disk import Disk
from hub.segmenter.scan import whole_fragments
from hub.settings import Settings
from hub.shelf import Shelf


class OfficeLog(OpenLedger, Protocol):
    """The ledger of an office: the log is kept, and signed, beside it."""

    @property
    def custody(self) -> Custody: ...
    @property
    def signed_us(self) -> int: ...
    def checkpoint(self) -> str: ...
    def vkey(self) -> str: ...
    def key_statements(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """Open, and complete: every table is there. Whoever opened it ends it."""

    engine: Engine
    ledger: OfficeLog
    accesses: AccessReader
    retained: Retained
    told: ToldReader
    recovered: tuple[RecoveredStream, ...] = ()
    """How the last life left each stream that is recorded here."""
    shelves: tuple[Shelf, ...] = ()
    """Where reels lie beside this machine's disk: those of other nodes."""
    files: Files = field(default_factory=PosixFiles)
    """What retention deletes from."""
    own_files: Files = field(default_factory=PosixFiles)
    """This machine's disk alone, which reels leave for the archive."""
    rooms: Rooms | None = None
    """Disks of other nodes, which footage is recorded on."""


Begin = Callable[[AsyncExitStack, Settings, Clock], Awaitable[Ground]]
"""Opens the ground; the stack ends it."""
Recorders = Callable[[Settings, Clock, Ground, Disk], Recording]
"""Makes what records. ``disk`` is the office's own, where footage that is brought later goes."""


async def embedded(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Ground:
    """Of a hub that is one process: all of it lies in the data folder."""
    ledger = await Ledger.open(settings, clock, whole_fragments, remote_signers(settings))
    stack.push_async_callback(ledger.close)
    database = Database.of(settings)
    engine = open_engine(database)
    stack.callback(engine.dispose)
    accesses, retained, told = AccessReader(database), Retained(database), ToldReader(database)
    for reader in (accesses, retained, told):
        stack.callback(reader.close)
    return Ground(engine, ledger, accesses, retained, told, ledger.recovered)


def recorded_here(settings: Settings, clock: Clock, ground: Ground, disk: Disk) -> Recording:
    return Here(settings, clock, ground.ledger, ground.engine, disk, ground.ledger.reader)
