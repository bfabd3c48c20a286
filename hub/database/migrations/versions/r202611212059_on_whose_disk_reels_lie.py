"""on whose disk reels lie."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r202611212059"
down_revision = "r202611212024"


def upgrade() -> None:
    op.create_table(
        "cluster_reels",
        sa.Column("path", sa.String(collation="C"), nullable=False),
        sa.Column("node", sa.String(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
