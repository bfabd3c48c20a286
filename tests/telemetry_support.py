"""A telemetry part on a real ledger and database, with everything else written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hub.clock import Instant, ManualClock
from hub.database import Database, create_tables, open_engine
from hub.ledger.files import DATABASE_FILE
from hub.ledger.ledger import Ledger
from hub.settings import Settings
from hub.telemetry.store import TelemetryStore
from hub.telemetry.telemetry import Surroundings, Telemetry

STREAM = "rec-1"


class Around:
    """What telemetry asks of the hub. ``events`` are (type, data) in their order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.said: list[dict[str, Any]] = []
        self.reports: list[tuple[str, str, str]] = []
        self.live = True
        self.hears = True
        self.rules: Any = None

    def publish(self, kind: str, data: Mapping[str, Any], _at: Instant) -> None:
        self.events.append((kind, json.loads(json.dumps(data))))

    def say(self, _stream: str, text: str) -> bool:
        if self.hears:
            self.said.append(json.loads(text))
        return self.hears

    async def report(self, stream: str, reason: str, text: str) -> None:
        self.reports.append((stream, reason, text))

    def surroundings(self) -> Surroundings:
        return Surroundings(lambda _: self.live, lambda _: self.rules, self.publish, self.say, self.report)

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        return [data for name, data in self.events if name == kind]

    def alarms(self) -> list[tuple[str, int | None]]:
        """(kind, level) of each alarm, level None when it was over."""
        words = ("telemetry.alarm", "telemetry.alarm_over")
        return [(data["kind"], data.get("level")) for name, data in self.events if name in words]


class Part:
    """One life of the part. ``ledger`` is real and commits fast."""

    def __init__(
        self, part: Telemetry, around: Around, clock: ManualClock, ledger: Ledger, store: TelemetryStore
    ) -> None:
        self.part, self.around, self.clock, self.ledger, self.store = part, around, clock, ledger, store

    async def say(self, stream: str = STREAM, **message: Any) -> Any:
        return await self.part.take(stream, json.dumps(message).encode())

    async def pass_s(self, seconds: int) -> None:
        for _ in range(seconds):
            self.part.tick(self.clock.advance(1))
        await asyncio.sleep(0)

    async def facts(self) -> list[tuple[str, str]]:
        """(kind, id) of the entries, oldest first."""
        await self.ledger.committed()
        kinds = ("sos", "key_mark", "fault_begin", "fault_end")
        found = await asyncio.to_thread(self.store.facts, kinds)
        return [(fact.kind, fact.id) for fact in reversed(found)]


@asynccontextmanager
async def telemetry(root: Path, clock: ManualClock | None = None, *, track_days: int = 90) -> AsyncIterator[Part]:
    """The part as the hub builds it; a second one on the same ``root`` is its next life."""
    clock = clock or ManualClock()
    settings = Settings(data=root / "data", keys_dir=root / "keys", log_origin="test.example/log", commit_ms=10)
    ledger = await Ledger.open(settings, clock, lambda *_: [])
    engine = open_engine(Database(settings.data / DATABASE_FILE))
    try:
        await asyncio.to_thread(create_tables, engine)
        store, around = TelemetryStore(engine), Around()
        part = Telemetry(clock, ledger, store, around.surroundings(), track_days=track_days)
        await part.load()
        yield Part(part, around, clock, ledger, store)
        await part.keep()
    finally:
        engine.dispose()
        await ledger.close()
