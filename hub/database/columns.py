"""Column types that are the same in both databases."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, String

Int64 = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits: times in microseconds, ids, sizes. In SQLite every integer has them, and only a key that is called INTEGER
counts by itself."""

Text = String().with_variant(String(collation="C"), "postgresql")
"""Text that is compared and ordered by its bytes, as SQLite does: paths, ids and words are asked for by ranges, and a
server's language must not change what lies between two of them."""
