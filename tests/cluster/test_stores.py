"""Every store does on PostgreSQL what its own tests say it does in a file: they are run again, on a server.

``make test-stores``, apart from the rest: a database is made for each of some 600 tests.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STORES = {
    "people": ["people_people", "people_units", "registry_streams", "walls", "monitor_maintenance"],
    "activities": ["activities_search", "activities_life", "inspection_life", "labels", "looks_ranges"],
    "duty": ["duty_completeness", "duty_life"],
    "notices": ["notices_alarms", "notices_sending", "telemetry_part", "content_checks"],
    "ledger": [
        "ledger_ledger",
        "retention_deletion",
        "retention_verdicts",
        "retention_beside",
        "followup_life",
        "api_accesses",
    ],
    "evidence": ["footage", "exports", "package", "api_footage"],
    "hub": ["hub_activities", "hub_followup", "hub_people_kept"],
}
FILES_ALONE = (
    "test_tables_that_were_lost_are_made_again_from_the_entries",  # drops SQLite's index by its name
    "test_the_command_names_a_session_that_is_not_there",  # makes no folder, which SQLite does not need to say no
)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("room", STORES)
def test_on_postgresql(room: str) -> None:
    files = [f"tests/unit/test_{name}.py" for name in STORES[room]]
    command = [sys.executable, "-m", "pytest", "-p", "tests.cluster.on_postgresql", "-p", "no:cacheprovider", *files]
    command += ["-k", " and ".join(f"not {name}" for name in FILES_ALONE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1180)
    assert done.returncode == 0, done.stdout[-20_000:]
    assert " passed" in done.stdout or "[100%]" in done.stdout
