"""footage that was brought is found by itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "r202611212152"
down_revision = "r202611212059"


def upgrade() -> None:
    op.create_index(
        "ledger_spans_brought",
        "ledger_spans",
        ["stream", "from_us"],
        unique=False,
        postgresql_where=sa.text("origin IS NOT NULL"),
    )
