"""What the office orders of the nodes that record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r202611212020"
down_revision = "r202611212018"


def upgrade() -> None:
    op.create_table(
        "cluster_orders",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.String(collation="C"), nullable=False),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_index("ix_cluster_orders_version", "cluster_orders", ["version"], unique=False)
