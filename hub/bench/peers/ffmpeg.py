"""``ffmpeg -c copy -f segment``: a process a stream, as people run it. It hashes nothing."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

from hub.bench.peers.peer import Peer
from hub.errors import HubError

APART_S = 0.05
"""A hundred probes at once would overrun the machine."""


class Ffmpeg(Peer):
    name = "ffmpeg"

    def __init__(self, folder: Path, urls: Sequence[str], transport: str) -> None:
        super().__init__(folder)
        self._urls, self._transport = urls, transport
        if shutil.which("ffmpeg") is None:
            raise HubError("ffmpeg is not on the PATH")

    async def start(self) -> None:
        for number, url in enumerate(self._urls, 1):
            arguments = ["-nostdin", "-loglevel", "error", "-rtsp_transport", self._transport, "-i", url, "-c", "copy"]
            arguments += ["-f", "segment", "-segment_time", "10", "-segment_format", "matroska", "-y"]
            arguments.append(str(self.folder / f"{number}-%03d.mkv"))  # its MP4 takes no G.711
            process = await asyncio.create_subprocess_exec("ffmpeg", *arguments, stdin=asyncio.subprocess.DEVNULL)
            self.processes.append(process)
            await asyncio.sleep(APART_S)
