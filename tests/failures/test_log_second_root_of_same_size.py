"""The log's key signs two roots of one size. Whoever saw the first has both in hand, as proof, and exit code 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.__main__ import main
from tests.small_log import SmallLog

LOG = SmallLog()


def test_the_second_root_convicts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.txt"
    look = ["audit", str(sheet), "--state", str(tmp_path / "state"), "--key", str(LOG.key)]
    sheet.write_text(LOG.note(12))
    assert main(look) == 0
    sheet.write_text(LOG.note(12, fork=11))
    assert main(look) == 1
    assert "CONTRADICTION" in capsys.readouterr().out
    (folder,) = tmp_path.rglob("contradictions/*")
    assert (folder / "known.note").read_text().startswith(LOG.note(12))
    assert (folder / "found.note").read_text() == LOG.note(12, fork=11)
