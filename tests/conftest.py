"""For all tests: they run on the event loop that the hub runs on, whose transports are not asyncio's own classes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from hub.bench.processes import HubProcess
from tests.timed_loop import TimedLoop

# The tests' cameras play loops of a few seconds: to the bit the same picture again and again is rightly called frozen.
HubProcess.usual["HUB_CONTENT_CHECKS"] = "false"


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": TimedLoop}


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Commands that run inside the test's process take away rights: the next test's files must not lack them."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
