"""Time lines of many streams in one answer: whose, the same as of each alone, and what is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from hub.clock import ManualClock, rfc3339
from hub.labels.labels import Labels
from hub.labels.model import Secrecy
from hub.model import Interruption, InterruptionKind, InterruptionState, Span
from hub.people.rights import Role
from tests.api_support import Hub
from tests.unit.test_api_people import caller, hub
from tests.unit.test_labels import Entries

__all__ = ["hub"]

S = 1_000_000
FROM = 1_767_225_600 * S
DAY = 86_400 * S
ALL = {"at-root", "in-north", "in-hall", "in-south", "lost"}


def path(streams: str | None = None, unit: str | None = None, *, from_us: int = FROM, to_us: int = FROM + DAY) -> str:
    asked = {"from": rfc3339(from_us), "to": rfc3339(to_us), "streams": streams, "unit": unit}
    return "/api/timelines?" + urlencode({name: value for name, value in asked.items() if value is not None})


async def shown(hub: Hub, address: str, expected: int = 200) -> Any:
    async with hub.program.get(address) as answer:
        assert answer.status == expected, await answer.text()
        assert answer.content_type == "application/json"
        return await answer.json()


async def names(hub: Hub, address: str) -> set[str]:
    return set((await shown(hub, address))["streams"])


def broken(ident: str, stream: str, at_s: int, **more: Any) -> Interruption:
    at_us = FROM + at_s * S
    return Interruption(
        ident, stream, InterruptionKind.STALL, InterruptionState.CLOSED, at_us, at_us, at_us + 10 * S, **more
    )


async def test_each_line_is_the_one_of_the_stream_alone(hub: Hub) -> None:
    reader = hub.services.reader
    hub.clock.utc_us = FROM + 2 * DAY
    reader.recorded = [Span(FROM, FROM + 5000 * S)]
    reader.filled = [Span(FROM + 6000 * S, FROM + 6100 * S)]
    reader.deleted = [Span(FROM, FROM + 50 * S)]
    reader.rows = [
        broken("a", "in-hall", 100, evidence={"maintenance": "m-1"}),
        broken("b", "in-hall", 105),
        broken("c", "in-south", 4995),
        broken('quoted " and 引', "at-root", 200),
    ]
    standing = Interruption(
        "now", "in-north", InterruptionKind.BLACK, InterruptionState.CONFIRMED, FROM + 300 * S, FROM + 300 * S
    )
    lost = Interruption(
        "gone", "in-north", InterruptionKind.STALL, InterruptionState.CONFIRMED, FROM + 7000 * S, FROM + 7000 * S
    )
    hub.services.present = lambda: [standing, lost]
    lines = (await shown(hub, path()))["streams"]
    assert set(lines) == ALL
    for stream, line in lines.items():
        alone = path().replace("/api/timelines", f"/api/streams/{stream}/timeline")
        assert line == await shown(hub, alone), stream
    cuts = {
        stream: [one["interruption"] for one in line["spans"] if "interruption" in one]
        for stream, line in lines.items()
    }
    assert cuts["in-hall"] == [
        {"id": "a", "kind": "stall", "state": "closed", "maintenance": "m-1"},
        {"id": "b", "kind": "stall", "state": "closed"},
    ]
    assert [one["id"] for one in cuts["in-north"]] == ["gone"]
    assert [one["id"] for one in cuts["at-root"]] == ['quoted " and 引']
    assert lines["lost"]["spans"][0] == {
        "from": rfc3339(FROM), "to": rfc3339(FROM + 50 * S), "state": "recorded", "deleted": True
    }  # fmt: skip


async def test_those_that_are_named_and_those_of_a_unit(hub: Hub) -> None:
    assert await names(hub, path(streams="in-hall,lost,nobody,in-hall")) == {"in-hall", "lost"}
    assert await names(hub, path(streams="nobody")) == set()
    assert await names(hub, path(unit="north")) == {"in-north", "in-hall"}
    assert await names(hub, path(unit="hall", streams="in-hall,in-south")) == {"in-hall"}
    assert await names(hub, path(unit="nowhere")) == set()
    await hub.services.registry.retire("in-south")
    assert await names(hub, path()) == ALL - {"in-south"}
    assert await names(hub, path(streams="in-south")) == {"in-south"}, "one that is retired has its past"


async def test_a_person_has_those_of_their_own_units(hub: Hub) -> None:
    wang = await caller(hub, "wang", "north", Role.HALL_ADMIN)
    for address, seen in (
        (path(), {"in-north", "in-hall"}),
        (path(streams="in-hall,in-south,at-root,lost"), {"in-hall"}),
        (path(unit="south"), set()),
        (path(unit="root"), {"in-north", "in-hall"}),
    ):
        status, answer = await wang.call("GET", address)
        assert (status, set(answer["streams"])) == (200, seen), address
    accounts = await caller(hub, "li", "north", Role.ACCOUNT_ADMIN)
    assert (await accounts.call("GET", path()))[0] == 403
    async with hub.stranger.get(path()) as answer:
        assert answer.status == 401


async def test_a_stream_that_is_a_state_secret_is_there_for_those_who_may_know(hub: Hub) -> None:
    labels = hub.services.labels = Labels(ManualClock(FROM), Entries(), lambda _: "hall")
    await labels.set("in-hall", Secrecy.STATE_SECRET, "r", by="pi", cleared=["zhao"])
    seen = {}
    roles = {"sun": Role.INSPECTOR, "zhao": Role.INSPECTOR, "qian": Role.APPROVER, "zhou": Role.WATCHER}
    for name, role in roles.items():
        person = await caller(hub, name, "north", role)
        seen[name] = {ask: set((await person.call("GET", path(ask)))[1]["streams"]) for ask in (None, "in-hall")}
    assert seen["sun"] == {None: {"in-north"}, "in-hall": set()}
    assert seen["zhao"] == seen["qian"] == seen["zhou"] == {None: {"in-north", "in-hall"}, "in-hall": {"in-hall"}}


@pytest.mark.parametrize(
    "query",
    [
        {"from": rfc3339(FROM)},
        {"from": rfc3339(FROM), "to": rfc3339(FROM)},
        {"from": rfc3339(FROM), "to": rfc3339(FROM - 1)},
        {"from": rfc3339(FROM), "to": "tomorrow"},
        {"from": rfc3339(FROM), "to": "2026-01-02T00:00:00"},
        {"from": rfc3339(FROM), "to": rfc3339(FROM + 366 * DAY + 1)},
        {"from": rfc3339(FROM), "to": rfc3339(FROM + DAY), "streams": "a" * 6001},
        {"from": rfc3339(FROM), "to": rfc3339(FROM + DAY), "stream": "in-hall"},
    ],
)
async def test_ranges_that_are_none(hub: Hub, query: dict[str, str]) -> None:
    refused = await shown(hub, f"/api/timelines?{urlencode(query)}", 400)
    assert refused["error"]["code"]


async def test_too_many_days_of_too_many_streams(hub: Hub) -> None:
    """Counted are those that the caller may see."""
    refused = await shown(hub, path(to_us=FROM + 201 * DAY), 400)
    assert "5 streams" in refused["error"]["message"]
    assert await names(hub, path(to_us=FROM + 200 * DAY)) == ALL
    wang = await caller(hub, "wang", "north", Role.HALL_ADMIN)
    assert (await wang.call("GET", path(to_us=FROM + 366 * DAY)))[0] == 200
