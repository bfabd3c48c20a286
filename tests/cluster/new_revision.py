"""Writes the next step of the schema from what the tables say now: python -m tests.cluster.new_revision "what and why".

Read what it wrote: it sees columns and indexes, not what becomes of the rows.
"""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from alembic import command

from hub.database import Database, cluster_metadata, metadata, open_engine
from hub.database.migrating import config
from tests.cluster.servers import postgres_server

HUB = Path(__file__).parents[2] / "hub"


def register_all() -> None:
    """Import whatever declares a table."""
    for path in HUB.rglob("*.py"):
        if re.search(r"^\s+(cluster_)?metadata,$|\bTable\(.*metadata,", path.read_text(encoding="utf-8"), re.MULTILINE):
            importlib.import_module(".".join(path.relative_to(HUB.parent).with_suffix("").parts))


def main(message: str) -> None:
    register_all()
    with postgres_server() as server:
        engine = open_engine(Database.at(server.fresh()), unlimited=True)
        with engine.begin() as connection:
            command.upgrade(config(connection), "head")
            ident = f"r{datetime.now(UTC):%Y%m%d%H%M}"
            script = command.revision(config(connection), message, autogenerate=True, rev_id=ident)
        engine.dispose()
    path = Path(script.path)  # type: ignore[union-attr]
    text = re.sub(r" sqlite_where=sa\.text\(.*?\),| *# ### .*\n", "", path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(path)], check=True)
    print(f"{path}: of {len(metadata.tables) + len(cluster_metadata.tables)} tables")


if __name__ == "__main__":
    main(sys.argv[1])
