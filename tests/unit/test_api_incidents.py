"""GET /api/incidents, and what of an incident a caller of one hall sees."""

from __future__ import annotations

from pathlib import Path

from hub.clock import US_PER_S, Instant
from hub.model import Interruption, InterruptionKind, InterruptionState, RtspSource, Stream, StreamKind
from hub.monitor.events import EventBus
from hub.monitor.grouping import Grouping, subnet_of
from tests.api_support import running_hub

T0 = 1_767_225_600 * US_PER_S


def camera(name: str, host: str) -> Stream:
    return Stream(name, name, StreamKind.WINDOW, RtspSource(f"rtsp://{host}:554/1"), 0)


CAMERAS = [camera(f"w{n}", f"10.0.1.{n + 1}") for n in range(4)]


def grouped(events: EventBus) -> Grouping:
    grouping = Grouping(lambda: CAMERAS, lambda _unit: ("root",), events)
    for one in CAMERAS:
        state, kind = InterruptionState.CONFIRMED, InterruptionKind.STALL
        grouping.take(Interruption(f"{one.id}-{T0}", one.id, kind, state, T0, T0), Instant(T0, 0))
    return grouping


def test_the_incident_is_told_before_its_interruptions_and_names_the_switch() -> None:
    events = EventBus()
    listener = events.subscribe()
    grouping = grouped(events)
    first = listener._waiting[0]
    assert (first.type, first.data["subject"], len(first.data["streams"])) == ("incident.opened", "10.0.1.0/24", 3)
    assert [event.type for event in listener._waiting] == ["incident.opened", "incident.changed"]
    assert grouping.of(f"w3-{T0}") == first.data["id"]


def test_a_subnet_is_of_addresses_alone() -> None:
    assert subnet_of(camera("a", "192.168.7.20")) == "192.168.7.0/24"
    assert subnet_of(camera("a", "[2001:db8::1]")) == "2001:db8::/64"
    assert subnet_of(camera("a", "camera-1.local")) == ""
    assert subnet_of(camera("a", "127.0.0.1")) == ""


async def test_they_are_listed_and_shown(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        grouping = grouped(EventBus())
        hub.services.incidents = grouping.all
        async with hub.program.get("/api/incidents?state=open") as response:
            (listed,) = await response.json()
        assert listed["streams"] == ["w0", "w1", "w2", "w3"]
        async with hub.program.get(f"/api/incidents/{listed['id']}") as response:
            assert await response.json() == listed
        async with hub.program.get("/api/incidents?state=closed") as response:
            assert await response.json() == []
        async with hub.program.get("/api/incidents/none") as response:
            assert response.status == 404
        async with hub.stranger.get("/api/incidents") as response:
            assert response.status == 401
