"""For all tests: they run on the event loop that the hub runs on, whose transports are not asyncio's own classes."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Mapping

import hypothesis
import pytest

from hub.bench.processes import HubProcess
from tests.scheduling import pytest_testnodedown, pytest_xdist_make_scheduler
from tests.timed_loop import TimedLoop

__all__ = ["pytest_testnodedown", "pytest_xdist_make_scheduler"]  # hooks

# The tests' cameras play loops of a few seconds: to the bit the same picture again and again is rightly called frozen.
HubProcess.usual["HUB_CONTENT_CHECKS"] = "false"

# An example may wait for a processor: its 200 ms would be a statement about the machine.
hypothesis.settings.register_profile("hub", deadline=None)
hypothesis.settings.load_profile("hub")


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": TimedLoop}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """What failed is kept under the names that it has without groups: pytest-xdist adds them (``test_x@office``), and
    ``--last-failed`` would not find those tests again."""
    cache = getattr(session.config, "cache", None)  # none with -p no:cacheprovider
    if cache is not None and not hasattr(session.config, "workerinput"):
        failed: dict[str, bool] = cache.get("cache/lastfailed", {})
        cache.set("cache/lastfailed", {re.sub(r"@[\w-]+$", "", name): True for name in failed})


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Commands that run inside the test's process take away rights: the next test's files must not lack them."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)
