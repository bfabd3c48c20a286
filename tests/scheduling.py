"""Which process runs which test (``--dist loadgroup``), and what becomes of its tests when a process is gone.

A test that does not end within its time takes its process with it. The scheduler of pytest-xdist 3.8 then waits for
ever: it hands finished tests to the process that follows, or a single one, and a process begins a test when it knows
the next (its issues 1323, 1327 and 1378; mended there, not yet released).
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController

from tests import orphans


class GroupScheduling(LoadGroupScheduling):
    """As ``loadgroup``, and goes on without a process that is gone. The test that it died of is not run again."""

    def remove_node(self, node: WorkerController) -> str | None:
        workload = self.assigned_work[node]
        left = [(unit, test) for unit in workload.values() for test, done in unit.items() if not done]
        if not left:
            return super().remove_node(node)
        unit, died = left[0]
        unit[died] = True
        del self.assigned_work[node]
        self.workqueue.update({scope: unit for scope, unit in workload.items() if not all(unit.values())})
        for other in self.assigned_work:
            self._reschedule(other)
        return died

    def schedule(self) -> None:
        follows = self.collection is not None
        super().schedule()
        if follows:
            super().schedule()  # the second test, or the word that there is none


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupScheduling | None:
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_testnodedown(node: WorkerController, error: object) -> None:
    if error:
        orphans.end(node.workerinput["workerid"], node.workerinput["testrunuid"])
