"""aiortc: a WHIP server in a process of its own that decodes what comes, or records it with its MediaRecorder.

``python -m hub.bench.peers.aiortc FOLDER decode|record PORT``
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from itertools import count
from pathlib import Path
from typing import Literal

import aiohttp
import aioice.ice
import uvloop
from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRecorder
from aiortc.mediastreams import MediaStreamError

from hub.bench.peers.peer import Peer
from hub.bench.processes import free_port
from hub.errors import HubError

Mode = Literal["decode", "record"]
START_TIMEOUT_S = 20.0


class Aiortc(Peer):
    """``publishers`` may come to :attr:`whip_urls`."""

    def __init__(self, folder: Path, mode: Mode, publishers: int) -> None:
        super().__init__(folder)
        self.name = f"aiortc ({mode})"
        self._mode, self._publishers, self._port = mode, publishers, free_port()

    @property
    def whip_urls(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{self._port}/{number}" for number in range(1, self._publishers + 1))

    async def start(self) -> None:
        arguments = (str(self.folder), self._mode, str(self._port))
        self.processes.append(await asyncio.create_subprocess_exec(sys.executable, "-m", __name__, *arguments))
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_S
        async with aiohttp.ClientSession() as http:
            while asyncio.get_running_loop().time() < deadline:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    await http.get(f"http://127.0.0.1:{self._port}/")
                    return
                await asyncio.sleep(0.1)
        raise HubError("the aiortc server did not start")


# ------------------------------------------------------------------------------- the child's side


class _Server:
    def __init__(self, folder: Path, mode: Mode) -> None:
        self._folder, self._mode = folder, mode
        self._numbers = count(1)
        self._kept: list[object] = []

    async def offer(self, request: web.Request) -> web.Response:
        connection = RTCPeerConnection()
        number = next(self._numbers)
        recorder = MediaRecorder(str(self._folder / f"{number}.mp4")) if self._mode == "record" else None

        def on_track(track: MediaStreamTrack) -> None:
            if recorder is not None:
                recorder.addTrack(track)
            else:
                self._kept.append(asyncio.create_task(self._decode(track, self._folder / f"{number}-{track.kind}")))

        connection.on("track", on_track)
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        if recorder is not None:
            await recorder.start()
        self._kept += [connection, recorder]
        headers = {"Location": f"{request.path}/{number}"}
        body = connection.localDescription.sdp
        return web.Response(status=201, text=body, content_type="application/sdp", headers=headers)

    async def _decode(self, track: MediaStreamTrack, counted: Path) -> None:
        """A byte a second of pictures: whoever compares sees that they come."""
        with contextlib.suppress(MediaStreamError):
            for number in count(1):
                await track.recv()
                if number % 25 == 0:
                    with counted.open("ab") as file:
                        file.write(b".")


async def _serve(folder: Path, mode: Mode, port: int) -> None:
    app = web.Application()
    app.router.add_post("/{number}", _Server(folder, mode).offer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def main() -> None:
    folder, mode, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    assert mode in ("decode", "record")
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]  # noqa: ARG005
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(folder, mode, port))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
