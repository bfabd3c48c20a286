"""What a cluster's nodes share: where each chain stands and whose it is, and entries that are not in the log yet."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Identity,
    Index,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from hub.database import cluster_metadata

_Text = String(collation="C")

chains = Table(
    "cluster_chains",
    cluster_metadata,
    Column("stream", _Text, primary_key=True),
    Column("owner", _Text, nullable=False),  # a node's name; empty: nobody's
    Column("epoch", BigInteger, nullable=False),  # how often it was taken
    Column("seq", BigInteger, nullable=False),  # -1: no entry yet
    Column("leaf", LargeBinary, nullable=False),
    Column("t_hub_us", BigInteger, nullable=False),
)

inbox = Table(
    "cluster_inbox",
    cluster_metadata,
    Column("id", BigInteger, Identity(), primary_key=True),  # of one chain in its order
    Column("stream", _Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("reel", _Text),  # whose footage it declares, and how far
    Column("reel_end", BigInteger),
    UniqueConstraint("stream", "seq"),
    Index("cluster_inbox_by_reel", "reel"),
)

# So that a commit whose answer was lost is not made twice.
writers = Table(
    "cluster_writers",
    cluster_metadata,
    Column("writer", _Text, primary_key=True),
    Column("done", BigInteger, nullable=False),  # the newest fact that was decided
    Column("answer", String, nullable=False),  # JSON: what became of the facts that were handed in last
)

# On whose disk a reel lies, from its first entry until it leaves that disk.
reels = Table(
    "cluster_reels",
    cluster_metadata,
    Column("path", _Text, primary_key=True),
    Column("node", _Text, nullable=False),
)
