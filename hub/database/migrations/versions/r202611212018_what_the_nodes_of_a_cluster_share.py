"""What the nodes of a cluster share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r202611212018"
down_revision = "r202611212011"


def upgrade() -> None:
    op.create_table(
        "cluster_chains",
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("owner", sa.String(collation="C"), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("t_hub_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream"),
    )
    op.create_table(
        "cluster_inbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("stream", sa.String(collation="C"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("reel", sa.String(collation="C"), nullable=True),
        sa.Column("reel_end", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("stream", "seq"),
    )
    op.create_index("cluster_inbox_by_reel", "cluster_inbox", ["reel"], unique=False)
    op.create_table(
        "cluster_writers",
        sa.Column("writer", sa.String(collation="C"), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("writer"),
    )
