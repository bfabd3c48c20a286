"""Objects of the archive."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r202611212024"
down_revision = "r202611212020"


def upgrade() -> None:
    op.create_table(
        "archive_objects",
        sa.Column("path", sa.String(collation="C"), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(collation="C"), nullable=False),
        sa.Column("state", sa.String(collation="C"), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("begun_us", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.String(collation="C"), nullable=False),
        sa.Column("version", sa.String(collation="C"), nullable=False),
        sa.Column("lock_until_us", sa.BigInteger(), nullable=False),
        sa.Column("refused_us", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.String(collation="C"), nullable=False),
        sa.Column("reel", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_index("archive_objects_to_leave", "archive_objects", ["node", "reel", "begun_us"], unique=False)
