"""/api/inspection: numbers by unit with the records behind them, samples, orders and checks, each in one's own unit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import insert

from hub.activities.activities import Activities
from hub.activities.findings import Finding
from hub.activities.model import Activity, Mode
from hub.activities.store import Kept, Store
from hub.clock import rfc3339
from hub.duty.tables import findings as duty_findings
from hub.followup.judge import Outcome, State
from hub.inspection.inspections import Inspections
from hub.inspection.records import KINDS, Records
from hub.ledger.tables import interruptions
from hub.model import Interruption, InterruptionKind, InterruptionState, Span, StreamKind
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import Hub, running_hub
from tests.ledger_folder import Folder
from tests.unit.test_api_people import Caller, caller

S = 1_000_000
FROM_US = 1_767_225_600_000_000
"""2026-01-01, 08:00 in Shanghai."""
TO_US = FROM_US + 86_400 * S
RANGE = f"from={rfc3339(FROM_US)}&to={rfc3339(TO_US)}"
API = "/api/inspection"
STREAMS = {"rec-n": "north", "rec-h": "hall", "win-h": "hall", "rec-s": "south"}


class FakeFollowup:
    """What became of interruptions, as the test says."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.faults: list[Interruption] = []
        self.unknown: set[str] = set()

    def standing(self) -> list[tuple[Interruption, State | None]]:
        return [(one, None if one.id in self.unknown else self.states[one.id]) for one in self.faults]

    def outcomes(self, faults: Any) -> dict[str, Outcome]:
        return {one.id: Outcome(self.states[one.id]) for one in faults}


@dataclass
class Place:
    hub: Hub
    inspector: Caller
    hall: Caller
    north: Caller
    officer: Caller
    followup: FakeFollowup

    async def numbers(self, who: Caller, unit: str = "") -> dict[str, Mapping[str, int]]:
        status, found = await who.call("GET", f"{API}/overview?{RANGE}{f'&unit={unit}' if unit else ''}")
        assert status == 200, found
        return {row["unit"]: row["all"] for row in found["rows"]}

    async def records(self, who: Caller, kind: str, unit: str = "") -> list[Mapping[str, Any]]:
        status, found = await who.call("GET", f"{API}/records?{RANGE}&kind={kind}{f'&unit={unit}' if unit else ''}")
        assert status == 200, found
        return list(found)

    async def draw(self, who: Caller, **more: Any) -> tuple[int, Any]:
        asked = {"kind": "slots", "from": rfc3339(FROM_US), "to": rfc3339(TO_US), "size": 2} | more
        return await who.call("POST", f"{API}/samples", asked)


def fault(stream: str, number: int) -> Interruption:
    begun = FROM_US + number * 60 * S
    return Interruption(
        f"i-{number}", stream, InterruptionKind.STALL, InterruptionState.CLOSED, begun, begun + S, begun + 9 * S
    )


def activity(stream: str, unit: str, number: int, *found: Finding) -> Kept:
    begun = FROM_US + number * 3600 * S
    one = Activity(f"a-{number}", stream, unit, unit, "", Mode.FULL, begun, "x", ended_us=begun + 60 * S)
    return Kept(begun // S * 1024, one, found, "stored")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with running_hub(tmp_path) as hub:
        services = hub.services
        for unit, above, kind in (("north", ROOT, "brigade"), ("hall", "north", "hall"), ("south", ROOT, "brigade")):
            await services.units.add(unit, unit, above, UnitKind(kind), by=HUB)
        for ident, unit in STREAMS.items():
            kind = StreamKind.WINDOW if ident.startswith("win") else StreamKind.RECORDER
            await services.registry.add(ident, ident, kind, "whip", unit=unit)
        ledger = await Folder(tmp_path / "ledger").open()
        engine = services.accounts.people._engine
        followup = FakeFollowup()
        _fill(engine, followup)
        services.followup = followup  # type: ignore[assignment]
        services.activities = Activities(engine, tmp_path, services.clock, ledger, services.people)
        services.inspections = await Inspections.open(
            services.settings, services.clock, ledger, ledger.reader, lambda *_: None
        )
        services.records = Records(engine, followup)
        services.reader.recorded = [Span(FROM_US, FROM_US + 3600 * S)]  # type: ignore[attr-defined]
        yield Place(
            hub,
            await caller(hub, "shen", ROOT, Role.INSPECTOR),
            await caller(hub, "ting", "hall", Role.HALL_ADMIN),
            await caller(hub, "bei", "north", Role.INSPECTOR),
            await caller(hub, "jing", ROOT, Role.OFFICER),
            followup,
        )
        await ledger.close()


def _fill(engine: Any, followup: FakeFollowup) -> None:
    states = [("rec-n", State.OVERDUE), ("rec-h", State.AWAITING), ("rec-s", State.OPEN), ("rec-h", State.EXPLAINED)]
    rows = []
    for number, (stream, state) in enumerate(states):
        one = fault(stream, number)
        followup.faults.insert(0, one)
        followup.states[one.id] = state
        rows.append(
            {"id": one.id, "stream": stream, "kind": one.kind.value, "state": one.state.value, "body": "{}",
             "started_us": one.started_us, "ended_us": one.ended_us, "type": "interruption_close", "leaf": b""}
        )  # fmt: skip
    gone = rows[0] | {"id": "i-gone", "state": "withdrawn"}
    early = rows[0] | {"id": "i-early", "started_us": FROM_US - 1}
    with engine.begin() as connection:
        connection.execute(insert(interruptions), [*rows, gone, early])
        days = [("win-h", "2026-01-01"), ("win-h", "2026-01-02"), ("win-h", "2025-12-31")]
        silent = [{"stream": one, "day": day, "kind": "no_sound", "at_us": FROM_US} for one, day in days]
        connection.execute(insert(duty_findings), silent)
    store = Store(engine)
    store.prepare()
    store.load(
        [
            activity("rec-n", "north", 1, Finding.NO_NOTICE, Finding.STORAGE_OVERDUE),
            activity("rec-h", "hall", 2, Finding.NO_OFFICERS, Finding.UNEXPLAINED),
            activity("rec-h", "hall", 3),
            activity("rec-s", "south", 4, Finding.ONLY_ASSISTANTS, Finding.NO_CERTIFICATE_SHOWN),
            activity("rec-s", "nowhere", 5, Finding.NO_NOTICE),
            replace(activity("rec-s", "south", 6, Finding.NO_NOTICE), row=FROM_US // S * 1024 - 9999 * 1024),
        ][:5],
        {},
    )


async def test_numbers_add_up_the_tree_and_each_has_its_records(place: Place) -> None:
    found = await place.numbers(place.inspector)
    assert list(found) == [ROOT, "north", "hall", "south"]
    assert found[ROOT] == {
        "interruptions": 4, "unexplained": 3, "overdue": 1, "activities": 5, "full_unexplained": 1, "no_notice": 2,
        "no_certificate_shown": 1, "no_officers": 1, "only_assistants": 1, "storage_overdue": 1, "no_sound": 2,
    }  # fmt: skip
    assert found["north"] == {
        "interruptions": 3, "unexplained": 2, "overdue": 1, "activities": 3, "full_unexplained": 1, "no_notice": 1,
        "no_officers": 1, "storage_overdue": 1, "no_sound": 2,
    }  # fmt: skip
    for unit, numbers in found.items():
        for kind in found[ROOT]:
            listed = await place.records(place.inspector, kind, unit)
            assert len(listed) == numbers.get(kind, 0), (unit, kind)
            assert listed == sorted(listed, key=lambda one: one["at"], reverse=True)
    place.followup.unknown = {"i-0", "i-3"}
    assert await place.numbers(place.inspector) == found, "what nobody has looked at yet is judged for the answer"


async def test_what_a_units_people_see_is_theirs_alone(place: Place) -> None:
    assert list(await place.numbers(place.hall)) == ["hall"]
    assert list(await place.numbers(place.north)) == ["north", "hall"]
    assert {one["unit"] for one in await place.records(place.north, "interruptions")} == {"north", "hall"}
    for unit in (ROOT, "south", "no-such-unit"):
        assert (await place.hall.call("GET", f"{API}/overview?{RANGE}&unit={unit}"))[0] == 404
    assert (await place.officer.call("GET", f"{API}/overview?{RANGE}"))[0] == 403
    assert (await place.draw(place.hall))[0] == 403
    _, sample = await place.draw(place.inspector)
    assert (await place.hall.call("GET", f"{API}/samples"))[1] == []
    for path in ("", "/population", "/paper.pdf"):
        assert (await place.north.call("GET", f"{API}/samples/{sample['id']}{path}"))[0] == 404
    body = {"outcome": "pass"}
    assert (await place.north.call("POST", f"{API}/samples/{sample['id']}/items/1", body))[0] == 404
    status, refused = await place.north.call("POST", f"{API}/checks", {"streams": ["rec-s"]})
    assert (status, refused["error"]["code"]) == (404, "not_found")


async def test_a_sample_is_of_the_unit_and_written_down(place: Place) -> None:
    status, sample = await place.draw(place.north, seed="0123456789abcdef", size=3)
    assert (status, sample["unit"], sample["population"]) == (201, "north", 12)
    assert {one["stream"] for one in sample["items"]} <= {"rec-n", "rec-h", "win-h"}
    status, text = await place.north.call("GET", f"{API}/samples/{sample['id']}/population")
    assert (status, len(text.split())) == (200, 12)
    assert "rec-h/2026-01-01T00:15Z" in text
    _, streams = await place.draw(place.inspector, kind="streams", size=9, stream_kind="window")
    assert [one["stream"] for one in streams["items"]] == ["win-h"]
    _, cases = await place.draw(place.inspector, kind="activities", size=9, finding="no_notice")
    assert sorted(one["id"] for one in cases["items"]) == ["a-1", "a-5"]
    path = f"{API}/samples/{sample['id']}/items/1"
    status, refused = await place.inspector.call("POST", path, {"outcome": "problem"})
    assert (status, refused["error"]["code"]) == (400, "code_missing")
    _, found = await place.inspector.call("POST", path, {"outcome": "problem", "code": "V10", "note": "未着装"})
    assert (found["problems"], found["done"], found["items"][0]["result"]["by"]) == (1, False, "shen")
    assert [one["id"] for one in (await place.north.call("GET", f"{API}/samples"))[1]] == [sample["id"]]
    for wrong, code in (
        ({"seed": "kurz"}, "bad_seed"), ({"slot_min": 7}, "bad_population"), ({"unit": "south", "kind": "activities",
         "finding": "storage_overdue"}, "population_empty"), ({"to": rfc3339(FROM_US)}, "bad_range"),
        ({"finding": "no_notice"}, "bad_population"),
    ):  # fmt: skip
        status, refused = await place.draw(place.inspector, **wrong)
        assert (status, refused["error"]["code"]) == (400, code)


async def test_an_order_is_answered_by_the_unit_and_closed_by_the_inspector(place: Place) -> None:
    until = rfc3339(place.hub.clock.now().utc_us + 3600 * S)
    order = {"unit": "hall", "what": "补做告知", "until": until, "code": "V02"}
    assert (await place.hall.call("POST", f"{API}/orders", order))[0] == 403
    assert (await place.north.call("POST", f"{API}/orders", order | {"unit": "south"}))[0] == 404
    status, made = await place.inspector.call("POST", f"{API}/orders", order)
    assert (status, made["state"], made["overdue"]) == (201, "open", False)
    path = f"{API}/orders/{made['id']}"
    assert (await place.inspector.call("POST", f"{path}/done", {"note": "x"}))[0] == 403
    place.hub.clock.pass_s(3601)
    assert [one["overdue"] for one in (await place.hall.call("GET", f"{API}/orders"))[1]] == [True]
    assert (await place.hall.call("POST", f"{path}/done", {"note": "已补做"}))[1]["state"] == "done"
    assert (await place.hall.call("POST", f"{path}/close", {"note": "x"}))[0] == 403
    _, closed = await place.inspector.call("POST", f"{path}/close", {})
    assert (closed["state"], [one["action"] for one in closed["steps"]]) == ("closed", ["done", "close"])
    status, again = await place.hall.call("POST", f"{path}/done", {"note": "x"})
    assert (status, again["error"]["code"]) == (409, "order_state")


async def test_the_bulletin_is_the_overview_as_a_workbook(place: Place) -> None:
    await place.hub.services.units.patch("hall", by=HUB, name="=1+1")
    headers = {"Cookie": f"hub_session={place.inspector.cookie}"}
    async with place.hub.stranger.get(f"{API}/bulletin.xlsx?{RANGE}", headers=headers) as response:
        assert response.status == 200
        sheet = load_workbook(BytesIO(await response.read()))["通报"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    numbers = await place.numbers(place.inspector)
    assert [row[0].strip() for row in rows[2:]] == ["north", "=1+1", "south"]
    for row, found in zip(rows[1:], numbers.values(), strict=True):
        assert row[1 : 1 + len(KINDS)] == [found.get(kind, 0) for kind in KINDS]
    assert sheet["A4"].data_type == "s"
