"""The accounts of many nodes as one: who ends leaves what was counted, and what was on its way counts no more."""

from __future__ import annotations

from typing import Any

import pytest

from hub.app.node_figures import NodesTold, TellingOfNode, told_of
from hub.clock import ManualClock
from hub.cluster.messages import BadMessage, Message, read
from hub.monitor.vitals import Flow
from hub.operations.nodes import MergedFlow, NodeTold, Totals, together


def told(node: str, started_us: int = 1, records: bool = True, drops: int = 0, **readings: float) -> NodeTold:
    counts = Totals(frames=100, settled=90, recorded=90, chunks=10, chunk_entries=8, missing=1, viewer_drops=drops)
    return NodeTold(node, started_us, "1", records, readings, counts)


def test_a_node_that_starts_again_counts_on() -> None:
    flow = MergedFlow("office")
    flow.hear(told("a"))
    flow.hear(told("b", drops=3))
    flow.hear(told("office", drops=5))
    assert (flow.frames, flow.waiting, flow.missing(0), flow.viewer_drops) == (300, 30, 3, 3)
    flow.hear(told("a", started_us=2))
    flow.hear(told("a", started_us=1))
    assert (flow.frames, flow.settled, flow.chunks - flow.chunk_entries) == (390, 360, 6), "the old life came to rest"
    flow.gone(["a"])
    assert (flow.frames, flow.waiting, flow.chunks - flow.chunk_entries, flow.missing(0)) == (370, 10, 2, 1)


def test_series_of_all_processes_as_one() -> None:
    found = together(
        [
            told("a", cpu=0.5, loop_lag_s=0.02, disk_free_bytes=50.0, streams_live=9.0),
            told("b", cpu=0.25, loop_lag_s=0.5, disk_free_bytes=40.0),
            told("door", records=False, cpu=0.25, disk_free_bytes=1.0),
        ]
    )
    assert found == {"cpu": 1.0, "loop_lag_s": 0.5, "disk_free_bytes": 40.0}


def test_what_a_node_says_is_read_again(tmp_path: Any) -> None:
    clock = ManualClock()
    flow = Flow(frames=7, settled=5, recorded=5)
    node = TellingOfNode(clock, tmp_path, lambda _: None, flow, problems=lambda: {"ledger": "ok, but slow"})
    body = node.body(1000, 10)
    message = read(Message("m", ":figures", "a", 1, body).data())
    found = told_of(message)
    assert (found.totals.frames, found.readings["disk_free_bytes"], found.records) == (7, 10.0, True)
    assert found.problems == {"ledger": "ok, but slow"}
    nodes = NodesTold(clock)
    nodes.hear(message)
    assert [one.node for one in nodes.all()] == ["a"]
    clock.advance(20)
    assert nodes.of("a") is None
    nodes.keep(["b"])
    assert not nodes.names()
    for broken in ({}, body | {"totals": {}}, body | {"more": 1}, body | {"readings": {"cpu": "much"}}):
        with pytest.raises(BadMessage):
            told_of(Message("m", ":figures", "a", 1, broken))
    assert "cpu" not in told_of(Message("m", ":figures", "a", 1, body | {"readings": {"cpu": "nan"}})).readings
