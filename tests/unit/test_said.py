"""What a failed test of a cluster tells of its processes' logs."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.said import LAST, LOUD, told


def test_the_last_lines_and_the_loud_ones_before_them(tmp_path: Path) -> None:
    log = tmp_path / "ingest-1.log"
    log.write_text('{"level": "error", "event": "of the test before"}\n')
    began = log.stat().st_size
    quiet = [f'{{"level": "info", "event": "{number}"}}' for number in range(1000)]
    loud = [f'{{"level": "warning", "event": "loud {number}"}}' for number in range(LOUD + 1)]
    with log.open("a") as file:
        file.write("\n".join([*quiet[:500], *loud, *quiet[500:]]))
    text = told(log, began)
    assert "of the test before" not in text
    assert text.splitlines()[-LAST:] == quiet[-LAST:]
    assert [line for line in text.splitlines() if "loud" in line] == loud[1:]
    assert f"{1000 - LAST + 1} other lines" in text
