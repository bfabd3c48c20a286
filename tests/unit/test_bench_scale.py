"""``hub bench scale``: the arithmetic of the plan, by hand for round figures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from hub.__main__ import main
from hub.bench.scale import Inputs, Limits, plan, strain

ROUND = Inputs(
    bitrate_bps=8e6,
    cores_per_stream=0.01,
    bytes_per_stream=2e6,
    chunk_s=2.0,
    other_entries_per_s=0.0,
    entry_bytes=1000,
    row_bytes=500,
    row_writes_per_entry=5,
    keep_days=100,
    watched=0.1,
    streams_per_node=50,
    spare_share=0.5,
    base_cores=1,
    base_bytes=1e9,
    spool_days=1,
    commits_per_s=4,
    leases_per_s=3,
    standing_s=5,
    store_overhead=1.5,
    disk_bytes=10e12,
)


def test_a_hundred_streams_by_hand() -> None:
    found = plan(100, ROUND)
    assert found.ingest_nodes == 2 + 1
    assert found.ingest_cores == pytest.approx(100 * 0.01 + 3)
    assert found.ingest_bytes == pytest.approx(200e6 + 3e9)
    assert found.received_bps == 800e6
    assert found.stored_bytes_per_day == pytest.approx(100e6 * 86_400)
    assert found.stored_bytes == pytest.approx(864e12)
    assert found.store_disks_per_year == 130  # 864 TB × 1.5 / 10 TB = 129.6
    assert found.spool_bytes_per_node == pytest.approx(50e6 * 86_400)
    assert found.node_network_bps == pytest.approx(400e6 * 2.1)
    assert found.entries_per_s == 50
    assert found.database_writes_per_s == 250
    assert found.database_commits_per_s == 16
    assert found.database_bytes_per_year == pytest.approx(50 * 500 * 86_400 * 365)
    assert found.entry_bytes_per_year == pytest.approx(50 * 1000 * 86_400 * 365)
    assert found.redis_ops_per_s == pytest.approx(3 * 3 + 40)
    assert found.watched_bps == pytest.approx(80e6)


def test_one_node_is_never_alone() -> None:
    assert plan(1, ROUND).ingest_nodes == 2


def test_what_grows_with_streams_grows_with_them() -> None:
    small, large = asdict(plan(1000, ROUND)), asdict(plan(10_000, ROUND))
    alone = {"spool_bytes_per_node", "node_network_bps"}
    for name, value in small.items():
        if name in alone:
            assert large[name] == value
        elif name == "database_commits_per_s":  # the notary's own stay
            assert large[name] - 4 == pytest.approx(10 * (value - 4))
        else:
            assert large[name] == pytest.approx(10 * value, rel=0.001), name


def test_what_breaks_first_is_first() -> None:
    limits = Limits(*[1e30] * 6)
    tight = Limits(1e30, 1e30, 1e30, 1e30, plan(100, ROUND).redis_ops_per_s / 2, 1e30)
    assert all(share < 1 for _, share in strain(plan(100, ROUND), limits))
    assert strain(plan(100, ROUND), tight)[0] == ("Redis", pytest.approx(2))


def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "scale"]) == 0
    table = capsys.readouterr().out.strip()
    page = (Path(__file__).parents[2] / "docs" / "design" / "scale.md").read_text(encoding="utf-8")
    assert table in page, f"docs/design/scale.md: paste what `hub bench scale` prints:\n{table}"


def test_inputs_are_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "scale", "--json", "--streams", "7", "--bitrate-bps", "4e6"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["plans"]
    assert (found["streams"], found["received_bps"]) == (7, 28e6)
