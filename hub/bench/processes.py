"""Processes that a benchmark starts, watches and ends: the hub itself, and its peers."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import aiohttp

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_KIB = 1024
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
"""Not for a hub that is measured: an installed one has its modules compiled."""
_MAX_HELD = 256
_held: deque[int] = deque()
"""File descriptors of sockets that keep ports."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes have used so far: CPU seconds (user and system), and resident bytes now."""

    cpu_s: float
    rss_bytes: int


def usage(pids: Iterable[int]) -> Usage:
    """The sum over processes, by the kernel's own accounting (proc(5)). Those that ended count as 0."""
    ticks = rss = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += int(fields[11]) + int(fields[12])
        rss += next((int(line.split()[1]) * _KIB for line in status.splitlines() if line.startswith("VmRSS:")), 0)
    return Usage(ticks / _TICKS_PER_S, rss)


def memory_bytes(pids: Iterable[int]) -> int:
    """What processes hold together, as if nothing else ran on the machine: their own pages (written to, or of no file),
    and each mapped file's resident pages once, however many of them map it: of the one that has most of it resident.

    Not the sum of resident sizes, which counts libraries once for each process; nor of proportional ones, which counts
    less of them when a program that is not measured has them mapped, too."""
    own = 0
    files: dict[str, int] = {}
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        here: Counter[str] = Counter()
        mapped = ""
        for line in lines:
            name, _, rest = line.partition(" ")
            if not name.endswith(":"):  # the head of a mapping: addresses, rights, offset, device, inode, path
                fields = rest.split(maxsplit=4)
                mapped = fields[4] if len(fields) == 5 and fields[3] != "0" else ""
            elif name == "Rss:":
                here[mapped] += int(rest.split()[0]) * _KIB
            elif name == "Anonymous:":
                anonymous = int(rest.split()[0]) * _KIB
                here[mapped] -= anonymous
                own += anonymous
        own += here.pop("", 0)
        for path, size in here.items():
            files[path] = max(size, files.get(path, 0))
    return own + sum(files.values())


def family(pid: int) -> list[int]:
    """The process and its children of this moment."""
    children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(int(child) for some in children for child in some)]


def free_port() -> int:
    """A TCP port of the loopback address that nobody listens on, and that nobody else finds free: it stays bound here,
    without listening. A server with SO_REUSEADDR, which all of ours set, has it all the same, and again later."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    port = int(keeper.getsockname()[1])
    _held.append(keeper.detach())
    if len(_held) > _MAX_HELD:
        os.close(_held.popleft())
    return port


class HubProcess:
    """A real hub in a process of its own, on a free port, with an admin token and a session to it."""

    START_TIMEOUT_S = 60.0
    STOP_TIMEOUT_S = 30.0
    usual: ClassVar[dict[str, str]] = {}
    """Environment of every hub that this process starts, beside its own."""

    def __init__(
        self,
        data: Path,
        environ: Mapping[str, str] | None = None,
        *,
        prefix: Sequence[str] = (),
        code: Path | None = None,
    ) -> None:
        """``prefix`` is a command that runs the hub as its argument, in its own process (as ``nsenter``); ``code`` a
        folder with other sources of a hub than these."""
        self.data = data
        self._code = code
        self._prefix = tuple(prefix)
        self.token = secrets.token_urlsafe(24)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ready_url = ""
        self.log_path = data.with_name(data.name + ".log")
        self.keys_dir = data.with_name(data.name + ".keys")
        self._environ = dict(environ or {})
        self.process: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def pids(self) -> list[int]:
        """Its own, and its signer's."""
        return family(self.pid)

    @property
    def http(self) -> aiohttp.ClientSession:
        assert self._http is not None
        return self._http

    async def start(self, *, wait: bool = True) -> None:
        """Start (again, on the same data and port), and wait until it is ready if ``wait``."""
        environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("HUB_") and key != _NO_BYTECODE},
            "HUB_ADMIN_TOKEN": self.token,
            "HUB_KEYS_DIR": str(self.keys_dir),
            "HUB_WEBRTC_ADDRESSES": "127.0.0.1",
            **self.usual,
            **self._environ,
        }
        with self.log_path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._prefix, sys.executable, "-m", "hub", "serve",
                "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}",
                env=environ, stdout=log, stderr=log, cwd=self._code,
            )  # fmt: skip
        self._http = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self.token}"})
        if wait:
            await self._wait_until_ready()

    async def _wait_until_ready(self) -> None:
        assert self.process is not None
        deadline = asyncio.get_running_loop().time() + self.START_TIMEOUT_S
        while asyncio.get_running_loop().time() < deadline:
            if self.process.returncode is not None:
                break
            try:
                async with self.http.get(f"{self.ready_url or self.url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
        tail = self.log_path.read_text(errors="replace")[-2000:]
        await self.stop()
        raise RuntimeError(f"the hub did not become ready; its log ends with:\n{tail}")

    async def stop(self) -> int:
        """SIGTERM, the orderly end; returns the exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL: the end that nothing can prepare for."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> int:
        if self._http is not None:
            await self._http.close()
            self._http = None
        process, self.process = self.process, None
        if process is None:
            return 0
        if process.returncode is None:
            process.send_signal(how)
        try:
            return await asyncio.wait_for(process.wait(), self.STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise RuntimeError(f"the hub did not stop within {self.STOP_TIMEOUT_S} s; see {self.log_path}") from None

    async def add_camera(self, name: str, url: str, transport: str = "tcp") -> None:
        """Register a window's camera: the hub connects to it at once."""
        source = {"type": "rtsp", "url": url, "transport": transport}
        await self.call("POST", "/api/streams", {"id": name, "name": name, "kind": "window", "source": source})

    async def add_recorder(self, name: str) -> str:
        """Register a recorder that publishes to ``/whip/NAME``; its token."""
        stream = {"id": name, "name": name, "kind": "recorder", "source": {"type": "whip"}}
        return str((await self.call("POST", "/api/streams", stream))["token"])

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """One API call; the parsed JSON answer. Raises on a status of 400 and above, with its text."""
        async with self.http.request(method, self.url + path, json=body) as answer:
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {await answer.text()}")
            if answer.content_type == "application/json":
                return await answer.json()
            return await answer.text()
