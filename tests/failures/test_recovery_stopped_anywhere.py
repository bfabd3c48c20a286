"""The disk ends in the middle of any call, with or without the power: what was durable is there, the rest is declared.

Recovery itself is stopped as well: five lives follow each other on the same folder before it is looked at.
``make soak`` does it thousands of times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STOPS = int(os.environ.get("SOAK_STOPS", "60"))
SEED = int(os.environ.get("SOAK_SEED", "1"))


@pytest.mark.timeout(120 + 3 * STOPS)
def test_stopped_at_any_call(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.recovery.line", str(tmp_path), str(STOPS), str(SEED)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    result = json.loads(ran.stdout)
    assert result["wrong"] == [], ran.stderr[-3000:]
    assert result["stops"] >= STOPS
    assert result["calls"] > 100, "a life of the line makes few calls: it no longer records"
