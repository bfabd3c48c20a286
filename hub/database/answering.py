"""A connection to PostgreSQL that is given up when the server stands still."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

from hub.database import engines

_Value = TypeVar("_Value")


class Answering(psycopg.Connection[Any]):
    """Closed by a server that does not answer in time."""

    def wait(self, gen: Generator[Any, Any, _Value], *arguments: Any, **options: Any) -> _Value:
        return super().wait(self._in_time(gen), *arguments, **options)

    def _in_time(self, gen: Generator[Any, Any, _Value]) -> Generator[Any, Any, _Value]:
        """psycopg's own steps; it looks here again ten times a second while nothing comes."""
        deadline = time.monotonic() + engines.ANSWER_S
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if time.monotonic() > deadline:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server did not answer within {engines.ANSWER_S} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            value: _Value = end.value
            return value
