"""What lasts of a stream that is retired, and that no node speaks of, is closed by the office."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hub.app.retired import Retired
from hub.clock import ManualClock
from hub.model import Interruption, InterruptionKind, InterruptionState

CONFIRMED = InterruptionState.CONFIRMED


async def test_closed_at_the_second_look_and_only_then() -> None:
    clock = ManualClock()
    open_now = [
        Interruption(f"{stream}-1", stream, InterruptionKind.NO_SIGNAL, CONFIRMED, 1000, 2000)
        for stream in ("gone", "there")
    ]
    made: list[tuple[str, str, Any]] = []
    ledger: Any = SimpleNamespace(append=lambda stream, kind, body: made.append((stream, kind.value, body)))
    reader: Any = SimpleNamespace(interruptions=lambda **_: open_now)
    spoken_of: set[str] = set()
    retired = Retired(clock, ledger, reader, lambda ids: set(ids) - {"there"} - spoken_of)
    await retired.look()
    assert made == []
    spoken_of.add("gone")  # its node came back, and ends it itself
    await retired.look()
    spoken_of.clear()
    await retired.look()
    assert made == []
    await retired.look()
    ((stream, kind, body),) = made
    assert (stream, kind, body["id"]) == ("gone", "interruption_close", "gone-1")
    assert body["evidence"]["reason"] == "stream retired"
    open_now.pop(0)
    await retired.look()
    assert len(made) == 1
