"""The inspection ledger: what is said is an entry, is read again after a restart, and verifies; checks find harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hub.clock import US_PER_S, ManualClock
from hub.errors import Conflict, InvalidRequest, NotFound
from hub.inspection.inspections import Inspections
from hub.inspection.model import Action, Book, Item, Said
from hub.inspection.population import Wanted
from hub.inspection.sampling import draw
from hub.ledger.verdict import ExitCode, Harm
from hub.ledger.verify.context import Scope
from tests.ledger_folder import START_US, Folder, build, flip

LATER_US = START_US + 10**9
ITEMS = {
    f"cam-a/{number}": Item(f"cam-a/{number}", "cam-a", START_US + number, START_US + number + 1) for number in range(9)
}


@dataclass
class Room:
    inspections: Inspections
    clock: ManualClock
    told: list[tuple[str, Mapping[str, Any]]]


@asynccontextmanager
async def room(folder: Folder) -> AsyncIterator[Room]:
    clock, told = ManualClock(LATER_US, 0), list[tuple[str, Mapping[str, Any]]]()
    ledger = await folder.open(clock)
    inspections = await Inspections.open(
        folder.settings, clock, ledger, ledger.reader, lambda kind, data: told.append((kind, data))
    )
    try:
        yield Room(inspections, clock, told)
    finally:
        await inspections.checks.close()
        await ledger.close()


async def drawn(inspections: Inspections, size: int = 3, seed: str | None = None) -> Any:
    return await inspections.draw(
        ITEMS, Wanted("slots"), unit="north", from_us=START_US, to_us=LATER_US, size=size, seed=seed, by="shen"
    )


async def test_a_sample_its_results_and_an_order_live_through_a_restart_and_verify(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    async with room(folder) as one:
        sample = await drawn(one.inspections)
        assert [item.id for item in sample.items] == draw(list(ITEMS), sample.seed, 3)
        assert one.inspections.population_of(sample).decode().split() == sorted(ITEMS)
        await one.inspections.result(sample.id, 1, outcome="pass", code="", note="", by="shen")
        await one.inspections.result(sample.id, 2, outcome="problem", code="V10", note="未着制式服装", by="shen")
        again = await one.inspections.result(sample.id, 1, outcome="problem", code="V02", note="看错了", by="shen")
        assert not again.done
        assert again.results[1].code == "V02"
        order = await one.inspections.rectify(
            unit="north", what="整改着装", until_us=LATER_US + 60 * US_PER_S, by="shen", code="V10",
            sample=sample.id, item=2,
        )  # fmt: skip
        await one.inspections.step(order.id, Action.DONE, note="已整改", by="wang")
        await one.inspections.step(order.id, Action.BACK, note="照片不清", by="shen")
        before = (one.inspections.book.samples, one.inspections.book.orders)
        assert ("inspection.order", {"id": order.id, "unit": "north", "action": "rectify"}) in one.told
    async with room(folder) as two:
        assert (two.inspections.book.samples, two.inspections.book.orders) == before
        found = two.inspections.order(order.id)
        assert found.state == "open"
        assert [step.action for step in found.steps] == ["done", "back"]
        assert not found.overdue(LATER_US)
        assert found.overdue(LATER_US + 61 * US_PER_S)
        await two.inspections.step(order.id, Action.DONE, note="已补正", by="wang")
        assert (await two.inspections.step(order.id, Action.CLOSE, note="", by="shen")).state == "closed"
    assert folder.verify().exit_code is ExitCode.INTACT


async def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    async with room(folder) as one:
        sample = await drawn(one.inspections, seed="given-by-hand")
        assert (sample.seed, sample.seed_origin) == ("given-by-hand", "given")
        for outcome, code in (("problem", ""), ("problem", "V00"), ("pass", "V01")):
            with pytest.raises(InvalidRequest):
                await one.inspections.result(sample.id, 1, outcome=outcome, code=code, note="", by="shen")
        with pytest.raises(NotFound):
            await one.inspections.result(sample.id, 4, outcome="pass", code="", note="", by="shen")
        for what, until_us in (("整改", LATER_US), (" ", LATER_US + 10**9)):
            with pytest.raises(InvalidRequest):
                await one.inspections.rectify(unit="north", what=what, until_us=until_us, by="shen")
        order = await one.inspections.rectify(unit="north", what="整改", until_us=LATER_US + 10**9, by="shen")
        with pytest.raises(Conflict):
            await one.inspections.step(order.id, Action.BACK, note="?", by="shen")
        for action in (Action.DONE, Action.CLOSE):
            with pytest.raises(InvalidRequest):
                await one.inspections.step(order.id, action, note=" ", by="wang")


async def test_what_a_sample_was_drawn_from_is_under_the_ledger(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    async with room(folder) as one:
        sample = await drawn(one.inspections)
    flip(folder.data / sample.file, 3)
    verdict = folder.verify()
    assert (verdict.exit_code, verdict.first and verdict.first.place) == (ExitCode.ALTERED_OR_INCOMPLETE, sample.file)
    async with room(folder) as two:
        with pytest.raises(NotFound) as refused:
            two.inspections.population_of(sample)
        assert refused.value.code == "population_altered"
    (folder.data / sample.file).unlink()
    assert folder.verify().harms == {Harm.MISSING: 1}


async def checked(one: Room, *streams: str) -> Any:
    job = one.inspections.start_check(streams, None, None, unit="root", by="shen")
    with pytest.raises(Conflict):
        one.inspections.start_check((), None, None, unit="root", by="shen")
    async with asyncio.timeout(60):
        while job.id not in one.inspections.book.checks:
            assert one.inspections.checks.job is None or one.inspections.checks.job.state == "running"
            await asyncio.sleep(0.02)
    return one.inspections.check(job.id)


async def test_a_check_says_altered_and_where(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    async with room(folder) as one:
        whole = await checked(one)
        assert (whole.verdict["exit"], whole.verdict["integrity"], whole.by) == (0, "ok", "shen")
        reel = folder.reels("cam-a")[0]
        flip(reel, reel.stat().st_size - 3)
        found = await checked(one)
        assert (found.verdict["exit"], found.verdict["integrity"]) == (1, "not_ok")
        finding = found.verdict["findings"][0]
        assert finding["stream"] == "cam-a"
        assert folder.name(reel) in finding["text"]
        assert "应为" in finding["text"]
        assert found.verdict["words"]["integrity"]
        elsewhere = await checked(one, "cam-b")
        assert elsewhere.verdict["exit"] == 0
        assert any("只核对了文件在且长度相符" in line for line in elsewhere.verdict["unchecked"])
    async with room(folder) as two:
        assert two.inspections.check(found.id).verdict == found.verdict
    assert folder.verify().harms == {Harm.ALTERED: 1}


async def test_a_check_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    async with room(folder) as one:
        job = one.inspections.start_check((), None, None, unit="root", by="shen")
        await asyncio.sleep(0.05)
        assert (await one.inspections.checks.cancel(job.id)).state == "cancelled"
        assert one.inspections.book.checks == {}
        with pytest.raises(NotFound):
            await one.inspections.checks.cancel(job.id)


async def test_a_scope_reads_what_was_asked_for_and_misses_nothing_that_is_gone(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    first, second = folder.reels("cam-a")
    flip(second, second.stat().st_size - 3)
    only_b = Scope(frozenset({"cam-b"}))
    assert folder.verify(scope=only_b).exit_code is ExitCode.INTACT
    assert folder.verify(scope=Scope(None, None, START_US + 1)).exit_code is ExitCode.INTACT
    late = folder.verify(scope=Scope(frozenset({"cam-a"}), START_US + 10 * US_PER_S, None))
    assert late.first is not None
    assert late.first.place.startswith(folder.name(second))
    second.write_bytes(second.read_bytes()[:-1])
    assert folder.verify(scope=only_b).harms == {Harm.ALTERED: 1}
    first.unlink()
    assert folder.verify(scope=only_b).harms == {Harm.ALTERED: 1, Harm.MISSING: 1}


def test_entries_of_a_later_hub_are_passed_over() -> None:
    book = Book()
    for body in ({"id": "x", "action": "sample"}, {"id": "y", "action": "result", "item": 1}, {"action": "other"}, {}):
        book.take(Said(1, "", 0, body))
    assert (book.samples, book.orders, book.checks) == ({}, {}, {})
