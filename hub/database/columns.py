"""Column types that are the same in both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String
from sqlalchemy.types import TypeDecorator

Int64 = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits: times in microseconds, ids, sizes. In SQLite every integer has them, and only a key that is called INTEGER
counts by itself."""


class _ServerText(TypeDecorator[str]):
    """PostgreSQL knows no NUL in a text. Nobody may store one, but anybody may ask for one: it is not found."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(collation="C")

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return value.replace("\0", "\ufffd") if isinstance(value, str) else value


Text = String().with_variant(_ServerText(), "postgresql")
"""Text that is compared and ordered by its bytes, as SQLite does: paths, ids and words are asked for by ranges, and a
server's language must not change what lies between two of them."""
