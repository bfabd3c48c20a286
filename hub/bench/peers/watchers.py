"""Watchers of live tiles, in a process of their own: each a WebSocket that takes everything and shows nothing.

``python -m hub.bench.peers.watchers URL WATCHERS STREAM,STREAM…`` with the token in HUB_ADMIN_TOKEN; on standard input
a line ``look`` is answered with ``{"bytes", "fragments", "dropped"}`` of all of them so far.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

import aiohttp
import uvloop

from hub.errors import HubError

START_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Got:
    """What all watchers together were sent."""

    bytes: int = 0
    fragments: int = 0
    dropped: int = 0


class Watchers:
    """The child process, as an async context manager. ``streams`` are watched by each watcher, over one socket."""

    def __init__(self, url: str, token: str, watchers: int, streams: list[str]) -> None:
        self._arguments = (url, str(watchers), ",".join(streams))
        self._token = token
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, *self._arguments,
            env=os.environ | {"HUB_ADMIN_TOKEN": self._token}, stdin=pipe, stdout=pipe,
        )  # fmt: skip
        async with asyncio.timeout(START_TIMEOUT_S):
            while (await self.got()).fragments == 0:  # noqa: ASYNC110  another process answers
                await asyncio.sleep(0.2)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def got(self) -> Got:
        """Raises HubError when the watchers ended by themselves."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"look\n")
        line = await self._process.stdout.readline()
        if not line:
            raise HubError("the watchers ended; see their message above")
        return Got(**json.loads(line))


# ------------------------------------------------------------------------------- the child's side


async def _watch(http: aiohttp.ClientSession, address: str, got: Got) -> None:
    async with http.ws_connect(address, max_msg_size=0) as socket:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                got.bytes += len(message.data)
                got.fragments += 1
            elif message.type is aiohttp.WSMsgType.TEXT:
                text = json.loads(message.data)
                got.dropped += text.get("fragments", 0) if text["type"] == "dropped" else 0
    raise HubError("the hub ended a watcher's socket")


async def _serve(url: str, watchers: int, streams: str) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    got = Got()
    headers = {"Authorization": f"Bearer {os.environ['HUB_ADMIN_TOKEN']}"}
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, connector=connector) as http, asyncio.TaskGroup() as group:
        address = f"{url}/api/live?streams={streams}"
        tasks = [group.create_task(_watch(http, address, got)) for _ in range(watchers)]
        while await reader.readline():
            sys.stdout.write(json.dumps(asdict(got)) + "\n")
            sys.stdout.flush()
        for task in tasks:
            task.cancel()


def main() -> None:
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(sys.argv[1], int(sys.argv[2]), sys.argv[3]))


if __name__ == "__main__":
    main()
