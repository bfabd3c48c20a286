"""Orders: what the office would answer for the next days, carried over whole, and worked out without asking again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.cluster.issuing import DAY_US, Issuing, Sources, order_of
from hub.cluster.orders import BadOrder, Due, Maintained, Order, Orders, table, write_orders
from hub.database import Database, open_engine
from hub.duty.clock import DutyClock, either
from hub.model import Capability, Expected, InterruptionKind, RtspSource, Stream, StreamKind, Transport, WhipSource
from hub.monitor.maintenance import MaintenanceState, Window
from hub.monitor.rules import DetectorRules, KindRule
from tests.duty_support import WEEK, at, history, stream

times = st.integers(0, 2**52)
words = st.text(max_size=10).map(lambda text: text.encode("utf-8", "replace").decode())
sources = st.builds(RtspSource, words, st.sampled_from(Transport)) | st.builds(WhipSource, words)
streams = st.builds(
    Stream, words, words, st.sampled_from(StreamKind), sources, times, st.booleans(), words, words, words,
    st.frozensets(st.sampled_from(Capability)), st.booleans(), st.none() | st.builds(RtspSource, words),
)  # fmt: skip
expected = st.builds(Expected, st.booleans(), st.none() | times, st.none() | times, words)
kinds = st.dictionaries(
    st.sampled_from(InterruptionKind), st.builds(KindRule, times, st.none() | times, st.none() | times)
)
orders = st.builds(
    Order,
    streams,
    kinds,
    st.lists(st.builds(Due, times, times, st.none() | expected), max_size=3).map(tuple),
    times,
    st.none() | expected,
    st.lists(st.builds(Maintained, words, times, times), max_size=3).map(tuple),
)


@given(orders)
def test_an_order_is_read_as_it_was_written(order: Order) -> None:
    assert Order.read(order.text()) == order
    assert Order.read(order.text()).text() == order.text()


@given(st.text(max_size=50) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_what_is_no_order_is_refused_with_the_one_error(text: str) -> None:
    with pytest.raises(BadOrder):
        Order.read(text)


@given(orders, st.sampled_from(["stream", "kinds", "due", "activity", "maintenance", "v"]))
def test_an_order_of_another_version_is_refused(order: Order, name: str) -> None:
    body = json.loads(order.text())
    body[name] = 7
    with pytest.raises(BadOrder):
        Order.read(json.dumps(body))


# --------------------------------------------------------------------------------- worked out

NOW = at("2026-09-28 10:30")


def sources_of(duty: DutyClock, activity: Expected | None = None, windows: Sequence[Window] = ()) -> Sources:
    def said(_stream_id: str, at_us: int) -> Expected | None:
        return activity if activity is not None and at_us >= (activity.from_us or 0) else None

    path = {"hall": ["hall", "root"]}
    return Sources(duty.pieces, said, lambda _: {}, lambda: windows, lambda unit: path.get(unit, ["root"]))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["w", "r"]),
    st.booleans(),
    st.lists(st.integers(-2 * 86_400, 3 * 86_400), min_size=20),
    st.integers(0, 20),
)
def test_a_node_answers_as_the_office_would(name: str, busy: bool, seconds: list[int], day: int) -> None:
    """Over the national holiday too, whose edges lie further away than the days that an order knows."""
    duty = DutyClock(history(WEEK))
    now_us = NOW + day * DAY_US
    activity = Expected(True, now_us - 3600_000_000, None, "activity a-1") if busy else None
    made = sources_of(duty, activity)
    order = Order.read(order_of(stream(name), made, now_us).text())
    office = either(duty.expected, made.activity)
    for second in seconds:
        at_us = now_us + second * 1_000_000
        assert order.expected(at_us) == office(name, at_us)


def test_an_order_knows_two_days_ahead_and_says_nothing_beyond() -> None:
    order = order_of(stream("w"), sources_of(DutyClock(history(WEEK))), NOW)
    assert order.known_until_us - NOW >= 2 * DAY_US
    assert order.due[-1].to_us == order.known_until_us
    assert order.expected(order.known_until_us - 1) is not None
    assert order.expected(order.known_until_us) is None


def test_an_order_stays_the_same_all_day() -> None:
    made = sources_of(DutyClock(history(WEEK)))
    morning, evening = at("2026-09-28 08:00", "UTC"), at("2026-09-28 23:59", "UTC")
    assert order_of(stream("w"), made, morning).text() == order_of(stream("w"), made, evening).text()


def test_maintenance_of_the_stream_and_of_what_is_above_it() -> None:
    def window(ident: str, on: dict[str, str], hour: int, **more: Any) -> Window:
        from_us = NOW + hour * 3600_000_000
        said = {"stream": "", "unit": "", "state": MaintenanceState.APPROVED, "decided_us": NOW} | on | more
        return Window(
            id=ident, from_us=from_us, to_us=from_us + 3600_000_000, reason="", requested_by="", requested_us=0, **said
        )

    windows = [
        window("m-own", {"stream": "w"}, 1),
        window("m-unit", {"unit": "hall"}, 3),
        window("m-other", {"stream": "x"}, 5),
        window("m-refused", {"stream": "w"}, 5, state=MaintenanceState.REFUSED),
        window("m-past", {"stream": "w"}, -5),
        window("m-far", {"stream": "w"}, 24 * 9),
    ]
    order = order_of(stream("w"), sources_of(DutyClock(history(WEEK)), windows=windows), NOW)
    assert [one.id for one in order.maintenance] == ["m-own", "m-unit"]
    assert order.maintained(NOW + 3600_000_000) == "m-own"
    assert order.maintained(NOW + 2 * 3600_000_000) == ""
    assert order.maintained(NOW + 3 * 3600_000_000) == "m-unit"


# --------------------------------------------------------------------------------- written and read


async def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    engine = open_engine(Database.in_folder(tmp_path))
    table.create(engine)
    registered = [stream("w"), stream("r", kind=StreamKind.RECORDER)]
    made, told = sources_of(DutyClock(history(WEEK))), list[int]()
    issuing = Issuing(engine, ManualClock(NOW), made, lambda: registered, lambda: told.append(1))
    node, heard = Orders(engine, ManualClock(NOW), DetectorRules()), list[tuple[str, bool, bool]]()
    node.on_change(lambda before, after: heard.append((after.stream.id, before is None, after.stream.retired)))
    assert await issuing.issue() == 2
    assert await node.read() == 2
    assert node.streams() == {"w": False, "r": False}
    assert node.expected("w", NOW) == made_answer()
    issuing.nudge()
    assert await issuing.issue() == 0, "nothing is written twice"
    assert await node.read() == 0
    registered[0] = replace(registered[0], name="another")
    issuing.nudge("w")
    assert await issuing.issue() == 1
    assert await node.read() == 1
    registered.pop(1)
    issuing.nudge("r")
    assert await issuing.issue() == 1
    assert await node.read() == 1
    assert node.stream("r") is None
    assert heard == [("r", True, False), ("w", True, False), ("w", False, False), ("r", False, True)]
    assert len(told) == 3
    registered.append(stream("r", kind=StreamKind.RECORDER))
    issuing.nudge()
    assert await issuing.issue() == 1
    engine.dispose()


def made_answer() -> Expected | None:
    return DutyClock(history(WEEK)).expected("w", NOW)


async def test_an_office_that_leads_no_more_writes_nothing_and_forgets_nothing(tmp_path: Path) -> None:
    engine = open_engine(Database.in_folder(tmp_path))
    table.create(engine)
    leads = [False]

    def check(_: object) -> None:
        if not leads[0]:
            raise PermissionError

    made = sources_of(DutyClock(history(WEEK)))
    issuing = Issuing(engine, ManualClock(NOW), made, lambda: [stream("w")], lambda: None, check)
    with pytest.raises(PermissionError):
        await issuing.issue()
    node = Orders(engine, ManualClock(NOW), DetectorRules())
    assert await node.read() == 0
    leads[0] = True
    assert await issuing.issue() == 1
    engine.dispose()


async def test_an_order_that_cannot_be_read_leaves_what_was_known(tmp_path: Path) -> None:
    engine = open_engine(Database.in_folder(tmp_path))
    table.create(engine)
    rules = {InterruptionKind.STALL: KindRule(1, 2, None)}
    write_orders(engine, {"w": Order(stream("w"), rules)})
    node = Orders(engine, ManualClock(NOW), DetectorRules())
    await node.read()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE cluster_orders SET version = 9, body = '{\"v\": 2}'")
    assert await node.read() == 1
    assert await node.read() == 0
    assert node.rules("w").of(InterruptionKind.STALL) == KindRule(1, 2, None)
    assert node.rules("unknown") == DetectorRules()
    engine.dispose()
