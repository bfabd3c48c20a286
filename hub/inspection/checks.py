"""Checks of the chain (哈希链校验): one at a time, in a process of their own. For the event loop."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import structlog

from hub.archive.told import archive_of
from hub.clock import Clock
from hub.errors import Conflict, NotFound
from hub.settings import Settings

LINE_BYTES = 4 << 20
STOP_S = 2.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A check that runs, or failed. ``done`` of ``total`` bytes. ``streams`` empty: all; times None: open."""

    id: str
    unit: str
    by: str
    streams: tuple[str, ...]
    from_us: int | None
    to_us: int | None
    started_us: int
    done: int = 0
    total: int = 0
    state: Literal["running", "failed", "cancelled"] = "running"
    problem: str = ""


Finished = Callable[[Job, Mapping[str, Any]], Awaitable[None]]


class Checks:
    """``finished(job, verdict)`` keeps what was found; ``tell(job)`` says that one began, went on or ended."""

    def __init__(self, settings: Settings, clock: Clock, finished: Finished, tell: Callable[[Job], None]) -> None:
        self._settings = settings
        self._clock = clock
        self._finished = finished
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.job: Job | None = None
        """The newest, as long as nothing of it is in the ledger: what runs, or did not come to an end."""

    def start(self, job: Job) -> Job:
        """Raises Conflict while another runs."""
        if self._task is not None and not self._task.done():
            raise Conflict("another check is running; wait for it or cancel it", code="check_running")
        self.job = job
        self._task = asyncio.create_task(self._run(job))
        self._tell(job)
        return job

    async def cancel(self, ident: str) -> Job:
        """Raises NotFound unless that one is running."""
        job, task = self.job, self._task
        if job is None or job.id != ident or job.state != "running" or task is None:
            raise NotFound("no such check is running", code="unknown_check")
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self.job = replace(self.job or job, state="cancelled")
        self._tell(self.job)
        return self.job

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, job: Job) -> None:
        try:
            verdict = await self._verify(job)
            await self._finished(job, verdict)
            self.job = None
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever it is, the page must say so
            _log.exception("a check of the chain failed")
            self.job = replace(self.job or job, state="failed", problem=str(error)[:500])
            self._tell(self.job)

    async def _verify(self, job: Job) -> Mapping[str, Any]:
        root = str(Path(__file__).parents[2])  # this hub's own code, wherever it was started
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "hub.inspection.runner", cwd=root, limit=LINE_BYTES,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._process = process
        try:
            source, said_by, complained = process.stdin, process.stdout, process.stderr
            if source is None or said_by is None or complained is None:
                raise RuntimeError("the verifier has no pipes")
            complaints = asyncio.create_task(complained.read(LINE_BYTES))
            source.write(json.dumps(self._asked(job)).encode())
            source.close()
            verdict: Mapping[str, Any] | None = None
            async for line in said_by:
                said = json.loads(line)
                if "verdict" in said:
                    verdict = said["verdict"]
                else:
                    self.job = replace(self.job or job, done=said["done"], total=said["total"])
            code = await process.wait()
            if verdict is None:
                raise RuntimeError(
                    f"the verifier ended with {code}: {(await complaints)[-400:].decode(errors='replace')}"
                )
            await complaints
            return verdict
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def _asked(self, job: Job) -> dict[str, Any]:
        settings = self._settings
        return {
            "data": str(settings.data.resolve()), "keys_dir": str(settings.keys_dir.resolve()),
            "witnesses": list(settings.witnesses), "timestamp_authorities": list(settings.timestamp_authorities),
            "places": archive_of(settings) | _cluster_of(settings),
            "streams": list(job.streams), "from_us": job.from_us, "to_us": job.to_us,
        }  # fmt: skip


def _cluster_of(settings: Settings) -> dict[str, str]:
    if settings.database_url is None:
        return {}
    from hub.cluster.everywhere import cluster_of  # a hub that is one process does without Redis' client

    return cluster_of(settings)
