"""Makes ``first_hub_db.sql`` again: the database of the first hub (commit a24c417), with a few rows, as SQL.

    python tests/unit/make_first_hub_db.py > tests/unit/first_hub_db.sql

The code of that commit makes it, in a folder of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

COMMIT = "a24c417"
MAKE = """
import asyncio, sqlite3, sys
from pathlib import Path
from argon2 import PasswordHasher
from pydantic import SecretStr
import hub.ledger.tables
from hub.api.accounts import Accounts
from hub.clock import ManualClock
from hub.database import create_tables, open_engine
from hub.model import StreamKind
from hub.registry import Registry, RtspDraft
from hub.settings import Settings

async def make(path):
    engine = open_engine(path)
    create_tables(engine)
    clock = ManualClock()
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    settings = Settings(admin_password=SecretStr("the first password"), session_hours=72)
    accounts, _ = await Accounts.open(engine, settings, clock, cheap)
    await accounts.sign_in("admin", "the first password")
    registry = await Registry.open(engine, clock)
    await registry.add("window-01", "1号窗口", StreamKind.WINDOW, RtspDraft("rtsp://10.0.0.9/1"))
    await registry.add("rec-1", "王警官", StreamKind.RECORDER, "whip")
    await registry.retire("rec-1")
    engine.dispose()

path = Path(sys.argv[1]) / "hub.db"
asyncio.run(make(path))
print("\\n".join(sqlite3.connect(path).iterdump()))
"""


def main() -> None:
    root = Path(__file__).parents[2]
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", COMMIT, "hub"], cwd=root, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        made = subprocess.run([sys.executable, "-c", MAKE, folder], cwd=folder, check=True, capture_output=True)
    sys.stdout.write(made.stdout.decode())


if __name__ == "__main__":
    main()
