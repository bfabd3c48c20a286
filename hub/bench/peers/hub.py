"""A hub of other sources on the same streams: what a change gained, at the same time and so in the same mood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hub.bench.peers.peer import Peer
from hub.bench.processes import HubProcess
from hub.errors import HubError


class OtherHub(Peer):
    """Of the sources in ``code``, run by this Python."""

    name = "the other hub"

    def __init__(
        self, folder: Path, urls: Sequence[str], transport: str, environ: Mapping[str, str], *, code: Path
    ) -> None:
        super().__init__(folder)
        self._urls = urls
        self._transport = transport
        self._hub = HubProcess(folder / "data", environ, code=code)
        self._code = code

    async def start(self) -> None:
        if not (self._code / "hub" / "__main__.py").is_file():
            raise HubError(f"--against: expected the sources of a hub, found none in {self._code}")
        await self._hub.start()
        for number, url in enumerate(self._urls, 1):
            await self._hub.add_camera(f"camera-{number}", url, self._transport)

    @property
    def pids(self) -> Sequence[int]:
        return self._hub.pids

    async def stop(self) -> None:
        await self._hub.stop()
