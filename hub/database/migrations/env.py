"""What Alembic runs for every command. The connection, and the transaction around all steps, are the caller's."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import BigInteger, String

from hub.database.schema import cluster_metadata, metadata


def _spelled(kind: str, item: Any, _: object) -> str | Literal[False]:
    """A step says what a type is in PostgreSQL, and leans on nothing of the hub that may change."""
    if kind == "type" and isinstance(item, BigInteger):
        return "sa.BigInteger()"
    return 'sa.String(collation="C")' if kind == "type" and isinstance(item, String) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, cluster_metadata],
    render_item=_spelled,
)
with context.begin_transaction():
    context.run_migrations()
