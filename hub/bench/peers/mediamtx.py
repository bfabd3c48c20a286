"""MediaMTX (Go): records the same streams to fragmented MP4. Its binary is given by ``--mediamtx PATH``.

Everything that it could do beside recording is switched off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from hub.bench.peers.peer import Peer
from hub.bench.processes import free_port
from hub.errors import HubError

START_TIMEOUT_S = 20.0
_ELSEWHERE = ("rtsp", "rtmp", "hls", "webrtc", "srt", "moq", "metrics", "pprof", "playback")


class Mediamtx(Peer):
    """``pull``: RTSP addresses that it connects to. ``push``: how many publishers come to it by WHIP."""

    name = "MediaMTX"

    def __init__(
        self, folder: Path, binary: Path, *, pull: Sequence[str] = (), push: int = 0, transport: str = "tcp"
    ) -> None:
        super().__init__(folder)
        if not binary.is_file():
            raise HubError(f"--mediamtx {binary}: there is no such file")
        self._binary, self._pull, self._push, self._transport = binary, pull, push, transport
        self._port = free_port()
        self._udp = free_port()
        self._api = free_port()

    @property
    def whip_urls(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{self._port}/camera-{number}/whip" for number in range(1, self._push + 1))

    async def start(self) -> None:
        path = self.folder.with_name(self.folder.name + ".yml")
        await asyncio.to_thread(path.write_text, json.dumps(self._config()))  # JSON is YAML
        log = path.with_suffix(".log")
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(str(self._binary), str(path), stdout=out, stderr=out)
        self.processes.append(process)
        await self._until_it_answers(log)

    async def _until_it_answers(self, log: Path) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT_S
        async with aiohttp.ClientSession() as http:
            while loop.time() < deadline and self.pids:
                try:
                    async with http.get(f"http://127.0.0.1:{self._api}/v3/paths/list") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        said = await asyncio.to_thread(log.read_text, errors="replace")
        raise HubError(f"MediaMTX did not start; its log ends with: {said[-500:]}")

    def _config(self) -> Mapping[str, Any]:
        off: dict[str, Any] = dict.fromkeys(_ELSEWHERE, False)
        sources: dict[str, Any] = {
            f"camera-{number}": {"source": url, "rtspTransport": self._transport}
            for number, url in enumerate(self._pull, 1)
        }
        return off | {
            "logLevel": "warn",
            "api": True,
            "apiAddress": f"127.0.0.1:{self._api}",
            "webrtc": bool(self._push),
            "webrtcAddress": f"127.0.0.1:{self._port}",
            "webrtcLocalUDPAddress": f"127.0.0.1:{self._udp}",
            "webrtcIPsFromInterfaces": False,
            "webrtcAdditionalHosts": ["127.0.0.1"],
            "pathDefaults": {
                "record": True,
                "recordPath": f"{self.folder}/%path/%Y-%m-%d_%H-%M-%S-%f",
                "recordFormat": "fmp4",
                "recordPartDuration": "1s",
                "recordSegmentDuration": "1h",
                "recordDeleteAfter": "0s",
            },
            "paths": sources | {"all_others": {}},
        }
