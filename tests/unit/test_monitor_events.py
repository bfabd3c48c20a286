"""The event bus: everybody is told, nobody is waited for."""

from __future__ import annotations

import asyncio
import json

from hub.clock import Instant
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.events import EventBus, interruption_json

AT = Instant(1_767_225_600_000_000, 5)


async def test_listeners_get_what_is_published_after_they_came() -> None:
    bus = EventBus(10)
    bus.publish("early", {}, AT)
    with bus.subscribe() as one, bus.subscribe() as other:
        bus.publish("stream.added", {"id": "a"}, AT)
        for listener in (one, other):
            event = await listener.next()
            assert event.json() == {
                "type": "stream.added",
                "at": "2026-01-01T00:00:00.000000Z",
                "data": {"id": "a"},
            }


async def test_a_waiting_listener_is_woken() -> None:
    bus = EventBus(10)
    with bus.subscribe() as listener:
        task = asyncio.create_task(listener.next())
        await asyncio.sleep(0)
        bus.publish("x", {}, AT)
        assert (await task).type == "x"


async def test_a_slow_listener_loses_the_oldest_and_is_told_how_many() -> None:
    bus = EventBus(3)
    with bus.subscribe() as slow:
        for index in range(8):
            bus.publish("n", {"index": index}, AT)
        first = await slow.next()
        assert (first.type, first.data) == ("events.dropped", {"count": 5})
        assert [(await slow.next()).data["index"] for _ in range(3)] == [5, 6, 7]
        bus.publish("n", {"index": 8}, AT)
        assert (await slow.next()).data == {"index": 8}


async def test_a_closed_bus_ends_its_listeners_after_what_waits() -> None:
    bus = EventBus(3)
    listener = bus.subscribe()
    bus.publish("last", {}, AT)
    bus.close()
    bus.publish("too late", {}, AT)
    assert [event.type async for event in listener] == ["last"]


def test_an_interruption_as_json() -> None:
    interruption = Interruption(
        id="w-1",
        stream_id="w",
        kind=InterruptionKind.LOSS,
        state=InterruptionState.CONFIRMED,
        started_us=AT.utc_us,
        detected_us=AT.utc_us + 1,
        tracks=(1, 2),
        evidence={"packets_lost": 3},
    )
    shown = json.loads(json.dumps(interruption_json(interruption)))
    assert shown == {
        "id": "w-1",
        "stream": "w",
        "kind": "loss",
        "class": "media",
        "state": "confirmed",
        "started_at": "2026-01-01T00:00:00.000000Z",
        "detected_at": "2026-01-01T00:00:00.000001Z",
        "ended_at": None,
        "edge_error_us": 0,
        "tracks": [1, 2],
        "count": 1,
        "needs_explanation": False,
        "rings": True,
        "evidence": {"packets_lost": 3},
        "incident": None,
        "maintenance": None,
    }
