"""The table of goals: which figure of which bench goes to which row, and how it is compared."""

from __future__ import annotations

import argparse
import importlib

import pytest

from hub.bench.goals import GOALS, STEPS, markdown, rows
from hub.bench.growth import call_results, stream_results
from hub.bench.peers.windows import Window
from hub.commands.bench import BENCHES

REPORTS = {
    "rtsp": {"  hub over MediaMTX": 0.7, "memory per stream beyond 100 MB": 0.9},
    "aac": {"  hub over MediaMTX": 0.75, "  hub over ffmpeg": 1.01, "memory per stream beyond 100 MB": 1.9},
    "pcma": {"  hub over ffmpeg": 0.99},
    "whip": {"  hub over aiortc (decode)": 0.11, "  hub over aiortc (record)": 0.02},
    "whip-mediamtx": {"  hub over MediaMTX": 1.5},
    "capacity": {"RTSP streams on one core": 350.0},
    "capacity-whip": {"WHIP streams on one core": 60.0},
    "fanout": {"CPU of recording a stream": 0.4, "CPU of a further watcher of a stream": 0.05},
    "latency": {"picture to paint, p50": 200.0, "picture to paint, p95": 401.0},
    "history": {
        "start to ready, 1000 open reels: p50": 4.0, "start to ready, 1000 open reels: worst": 9.0,
        "start over a long history, against a short one": 1.1, "time line of a month of one stream: p50": 20.0,
        "time lines of a day of 500 streams: p50": 90.0, "first frame of playback, anywhere: p50": 151.0,
    },
    "growth": {
        "CPU of a further stream, many over few": 1.2, "memory of a further stream, many over few": 1.4,
        "slowest ledger call, long over short": 2.0,
    },
    "verify": {
        "SHA-256, 1 thread": 1000.0, "verify, 1 thread": 950.0,
        "SHA-256, 2 threads": 2000.0, "verify, 2 threads": 1700.0, "an entry": 50.0,
    },
}  # fmt: skip


def test_each_goal_finds_its_figure_and_is_compared_with_it() -> None:
    found = rows(REPORTS, {}, quick=False, mediamtx="/somewhere/mediamtx")
    told = {(row.goal.what, row.goal.step): row.json() for row in found}
    assert len(told) == len(GOALS)
    assert [row.figure for row in found] == pytest.approx(
        [0.7, 0.75, 1.01, 0.99, 0.11, 0.02, 1.5, 0.9, 350, 60, 0.125, 401, 20, 90, 151, 4, 1.1, 1.2, 1.4, 2, 0.85]
    )
    assert [row["met"] for row in told.values()] == [
        True, True, False, True, True, False, True, True, True, False, True,
        False, True, True, False, True, True, True, False, True, False,
    ]  # fmt: skip


def test_what_was_not_measured_says_why_and_counts_as_neither() -> None:
    without = {**REPORTS, "aac": {"  hub over ffmpeg": 0.9, "memory per stream beyond 100 MB": 0.9}}
    del without["latency"]
    found = {row.goal.what: row for row in rows(without, {"latency": "no browser | here"}, quick=True)}
    against = found["RTSP with AAC: CPU per stream, against MediaMTX"]
    assert against.json()["met"] is None
    assert against.why == "MediaMTX is absent: no --mediamtx PATH"
    wall = found["picture to wall, p95, four tiles of 720p"]
    assert (wall.figure, wall.why) == (None, "no browser | here")
    assert wall.command == f"hub bench latency {STEPS['latency'].quick}"


def test_the_table_names_no_path_of_this_machine() -> None:
    table = markdown(rows(REPORTS, {}, quick=False, mediamtx="/home/me/mediamtx"))
    assert "/home/me" not in table
    assert "--mediamtx PATH" in table
    assert len({line.count("|") for line in table.splitlines()}) == 1
    assert len(table.splitlines()) == len(GOALS) + 2


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", STEPS)
def test_each_command_is_a_real_one(name: str, quick: bool) -> None:
    bench, *arguments = STEPS[name].command(quick, "PATH")
    assert bench in BENCHES
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(f"hub.bench.{bench}").add_arguments(parser)
    parser.parse_args(arguments)


def test_a_further_stream_costs_what_lies_between_steps() -> None:
    taken = [Window(1.0, 0.1, 100_000_000), Window(1.0, 0.2, 110_000_000), Window(1.0, 0.8, 150_000_000)]
    found = {one.name: one.value for one in stream_results([10, 30, 90], taken, [20.0, 25.0, 30.0])}
    assert found["CPU of a further stream, many over few"] == pytest.approx(2.0)
    assert found["memory of a further stream, many over few"] == pytest.approx(40 / 60 / (10 / 20))
    assert found["trip alone of a further stream, many over few"] == pytest.approx(1950 / 60 / (550 / 20))
    assert found["10 streams: CPU"] == pytest.approx(10)


def test_calls_are_compared_between_the_longest_and_the_shortest_history() -> None:
    found = {
        one.name: one.value
        for one in call_results([100, 1000], [{"append": 0.001, "spans": 0.002}, {"append": 0.003, "spans": 0.002}])
    }
    assert found["append: long over short"] == pytest.approx(3)
    assert found["spans: long over short"] == pytest.approx(1)
    assert found["slowest ledger call, long over short"] == pytest.approx(3)
    assert found["append, 1e+03 entries"] == pytest.approx(3)
