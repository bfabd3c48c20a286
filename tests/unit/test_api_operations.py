"""/api/operations: whose streams are shown, that no secret is, and when an account is said not to balance."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.api.balance import unexplained
from hub.clock import rfc3339
from hub.model import Interruption, InterruptionKind, InterruptionState, StreamKind
from hub.monitor.vitals import Flow, Vitals
from hub.operations.operations import Measured, Operations
from hub.operations.reading import SERIES, Gauges
from hub.operations.said import Listening
from hub.people.changes import HUB
from hub.people.rights import Role
from hub.people.tree import ROOT, UnitKind
from tests.api_support import Hub, running_hub

S = 1_000_000
OWN = "an engineer's own words"


def figures(hub: Hub, *vitals: Vitals) -> Operations:
    gauges = Gauges(lambda: (1, 0), lambda: 0, lambda: 0, lambda: 7, lambda: 9, lambda: 0)
    flow = vitals[0].flow if vitals else Flow()
    made = Operations(
        Path("/"), hub.clock, flow, gauges, lambda: [Measured(one, 800_000) for one in vitals], Listening(hub.clock)
    )
    hub.services.operations = made
    return made


async def asked(hub: Hub, path: str) -> Any:
    async with hub.program.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def test_streams_tell_their_figures(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        await hub.services.registry.add("cam", "1", StreamKind.RECORDER, "whip")
        vitals = Vitals(Flow(), "cam")
        vitals.loss(3, hub.clock.now())
        vitals.attempts.add(hub.clock.now())
        vitals.size = (1280, 720)
        figures(hub, vitals)
        hub.clock.pass_s(400)
        (row,) = (await asked(hub, "/api/operations/streams"))["streams"]
        assert (row["lost_5_min"], row["lost_hour"], row["attempts_hour"], row["width"]) == (0, 3, 1, 1280)
        assert row["clock_offset_ms"] is None
        assert row["source"] == "whip"


async def test_an_engineer_of_a_unit_sees_its_streams_alone(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        services = hub.services
        for place in ("north", "south"):
            await services.units.add(place, place, ROOT, UnitKind.BRIGADE, by=HUB)
            await services.registry.add(place, place, StreamKind.RECORDER, "whip", unit=place)
        _, password = await services.accounts.new_person(
            "gong", "工", by=HUB, unit="north", roles=frozenset({Role.ENGINEER})
        )
        first = await services.accounts.sign_in("gong", password)
        assert first is not None
        await services.accounts.change_password(first[0], password, OWN)
        figures(hub)
        headers = {"Cookie": f"hub_session={first[1]}"}
        async with hub.stranger.get("/api/operations/streams", headers=headers) as response:
            assert [one["id"] for one in (await response.json())["streams"]] == ["north"]
        async with hub.stranger.get("/api/operations/streams/south/series", headers=headers) as response:
            assert response.status == 404
        for path in ("hub", "balance", "series?names=*"):
            async with hub.stranger.get(f"/api/operations/{path}", headers=headers) as response:
                assert response.status == 403, path


async def test_series_of_two_hours_are_fine_and_older_ones_coarse(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        made = figures(hub)
        for _ in range(150):
            made.sample(hub.clock.now(), 1000)
            hub.clock.pass_s(5)
        now_us = hub.clock.now().utc_us

        async def of(names: str, back_s: int) -> Any:
            since = rfc3339(now_us - back_s * S)
            return await asked(hub, f"/api/operations/series?names={names}&from={since}&to={rfc3339(now_us)}")

        fine = await of("disk_free_bytes,disk_queue_bytes", 600)
        assert fine["step_s"] == 5
        assert 119 <= len(fine["at"]) <= 120
        assert set(fine["values"]["disk_free_bytes"]) == {1000}
        coarse = await of("*", 86_400)
        assert coarse["step_s"] == 300
        assert 3 <= len(coarse["at"]) <= 4
        assert set(coarse["values"]) == set(SERIES)
        async with hub.program.get("/api/operations/series?names=nothing&from=x&to=y") as response:
            assert response.status == 400


async def test_settings_and_warnings_show_no_secret(tmp_path: Path) -> None:
    witness = "timestamps http://someone:hunter2@127.0.0.1/tsa ca.pem"
    async with running_hub(tmp_path, timestamp_authorities=(witness,)) as hub:
        made = figures(hub)
        assert made.said is not None
        log = logging.getLogger("test.operations")
        log.addHandler(made.said)
        log.warning("cannot reach rtsp://admin:hunter2@10.0.0.1/ch1")
        log.info("nothing of note")
        log.removeHandler(made.said)
        text = await (await hub.program.get("/api/operations/hub")).text()
        assert "hunter2" not in text
        assert "the-admin-token-of-the-tests" not in text
        answer = await asked(hub, "/api/operations/hub")
        settings = {one["name"]: one for one in answer["settings"]}
        assert settings["admin_token"] == {"name": "admin_token", "value": "***", "changed": True}
        assert "someone" in settings["timestamp_authorities"]["value"]
        assert not settings["chunk_min_s"]["changed"]
        assert [one["event"] for one in answer["warnings"]] == ["cannot reach rtsp://admin:***@10.0.0.1/ch1"]


async def test_an_account_that_does_not_balance_is_said(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        flow = Flow()
        made = figures(hub, Vitals(flow, "cam"))

        async def silent(change: Callable[[], None]) -> Any:
            change()
            return (await asked(hub, "/api/operations/balance"))["silent"]

        assert await silent(lambda: None) == []
        # on their way: nothing is amiss
        flow.frames, flow.chunks, flow.owed = 100, 1, {"a": hub.clock.now().mono_us}
        assert await silent(lambda: None) == []
        hub.clock.pass_s(31)
        assert await silent(lambda: None) == ["entries"]
        assert await silent(lambda: flow.entered(["a"])) == []
        flow.settled, flow.recorded = 100, 99
        assert await silent(lambda: None) == ["frames"]
        # a chunk whose entry the ledger never took
        flow.settled, flow.recorded, flow.chunks = 100, 100, 2
        assert made.entries_missing == 1
        assert await silent(lambda: None) == ["entries"]


async def test_what_is_older_than_a_day_is_in_no_balance(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        flow = Flow()
        made = figures(hub, Vitals(flow, "cam"))
        flow.frames = flow.settled = flow.recorded = 50
        flow.settled += 7
        for _ in range(25):
            hub.clock.pass_s(3600)
            made.sample(hub.clock.now(), None)
            flow.frames += 1
        answer = await asked(hub, "/api/operations/balance")
        assert answer["frames_unrecorded"] == 0
        assert answer["frames_to_recorder"] == 25


def cut(kind: InterruptionKind, begin_s: int, end_s: int | None) -> Interruption:
    ended = None if end_s is None else end_s * S
    state = InterruptionState.CONFIRMED if ended is None else InterruptionState.CLOSED
    return Interruption("i", "cam", kind, state, begin_s * S, begin_s * S, ended)


def test_a_hole_is_silent_where_no_interruption_covers_it() -> None:
    missing = [(100 * S, 200 * S), (500 * S, 500 * S + 400_000), (900 * S, 950 * S)]
    assert unexplained(missing, [], 1000 * S) == [missing[0], missing[2]]
    assert unexplained(missing[:1], [cut(InterruptionKind.DRIFT, 0, None)], 1000 * S) == missing[:1]
    known = [cut(InterruptionKind.STALL, 100, 150), cut(InterruptionKind.STALL, 901, None)]
    assert unexplained(missing, known, 1000 * S) == [(151 * S, 200 * S)]
    assert unexplained(missing, [*known, cut(InterruptionKind.STORAGE, 152, 199)], 1000 * S) == []
