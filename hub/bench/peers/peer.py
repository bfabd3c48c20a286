"""What the benchmarks ask of another recorder."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

STOP_TIMEOUT_S = 15.0


class Peer(ABC):
    """A recorder that writes the given streams below ``folder``. An async context: recording within, ended after."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[asyncio.subprocess.Process] = []

    @abstractmethod
    async def start(self) -> None:
        """Begin to record. Raises HubError."""

    @property
    def pids(self) -> Sequence[int]:
        """Of what still runs."""
        return [process.pid for process in self.processes if process.returncode is None]

    def written_bytes(self) -> int:
        """What lies in its folder now: a peer that records nothing is no comparison."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.folder.mkdir, parents=True)
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        for process in self.processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                process.kill()
                await process.wait()
