"""A process of the tests that is gone costs the test that it died of, and no other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
CONFTEST = "from tests.scheduling import pytest_testnodedown, pytest_xdist_make_scheduler\n"
DIES = """
def test_dies():
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    pathlib.Path("left").write_text(str(child.pid))
    os._exit(1)
"""


def some(letter: str, count: int) -> str:
    return "".join(f"def test_{letter}{number}():\n    pass\n" for number in range(count))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 1), (30, 5)])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_goes_on_without_a_process(tmp_path: Path, before: int, after: int, processes: str) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(
        "import os, pathlib, subprocess\n" + some("a", before) + DIES + some("b", after)
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", processes, "--dist", "loadgroup", "."],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    wanted = "1 failed" + (f", {before + after} passed" if before + after else "")
    assert re.search(rf"^{wanted} in ", ran.stdout, re.M), ran.stdout + ran.stderr
    left = int((tmp_path / "left").read_text())
    assert not Path(f"/proc/{left}").exists() or "State:\tZ" in Path(f"/proc/{left}/status").read_text()
