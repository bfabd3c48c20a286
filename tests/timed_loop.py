"""The event loop of all tests, on which a test's time can be over."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop


class TimedLoop(uvloop.Loop):
    """A test's time is over in a signal handler, and what is raised there uvloop only logs: the test went on for ever.
    Here it ends, where it stood."""

    _runs: asyncio.Future[Any] | None = None

    def run_until_complete(self, future: Any) -> Any:
        self._runs = asyncio.ensure_future(future, loop=self)
        try:
            return super().run_until_complete(self._runs)
        finally:
            self._runs = None

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, pytest.fail.Exception) and self._runs is not None:
            self._runs.cancel(str(error))
        else:
            super().call_exception_handler(context)
