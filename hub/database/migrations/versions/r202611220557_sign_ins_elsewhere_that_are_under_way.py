"""sign-ins elsewhere that are under way."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r202611220557"
down_revision = "r202611212152"


def upgrade() -> None:
    op.create_table(
        "oidc_flows",
        sa.Column("state_sha256", sa.String(collation="C"), nullable=False),
        sa.Column("binding_sha256", sa.String(collation="C"), nullable=False),
        sa.Column("nonce", sa.String(collation="C"), nullable=False),
        sa.Column("verifier", sa.String(collation="C"), nullable=False),
        sa.Column("redirect_uri", sa.String(collation="C"), nullable=False),
        sa.Column("back", sa.String(collation="C"), nullable=False),
        sa.Column("began_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state_sha256"),
    )
    op.create_index(op.f("ix_oidc_flows_began_us"), "oidc_flows", ["began_us"], unique=False)
