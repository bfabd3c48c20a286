"""PostgreSQL and Redis for tests and benchmarks: each a process of its own on a free port of 127.0.0.1, with a folder
of its own. Debian's packages, see tests/install-peers.sh. What will not run as root runs as ``nobody``.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from hub.bench.processes import free_port

USER = "nobody"
_NAMES = itertools.count()


def as_user(command: Sequence[str]) -> list[str]:
    """The command as ``nobody``, where the test is root."""
    if os.getuid() != 0:
        return list(command)
    who = pwd.getpwnam(USER)
    return ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", *command]


def own_folder(prefix: str) -> Path:
    """A folder of its own that the server's user may write to."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if os.getuid() == 0:
        who = pwd.getpwnam(USER)
        os.chown(folder, who.pw_uid, who.pw_gid)
    return folder


@dataclass
class Postgres:
    """A running server. ``superuser`` without a password, on 127.0.0.1 alone."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def fresh(self, template: str = "template1") -> str:
        """The URL of a new database, empty or a copy of another one (to which nobody may be connected)."""
        name = f"test_{os.getpid()}_{next(_NAMES)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            # A language whose order is not that of bytes: what leans on the server's order must show.
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')

    def stop(self) -> None:
        """As a power cut, for the processes: connections break, what was committed stays."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def start(self) -> None:
        """Again, on the same port and folder."""
        self.process = _postgres_process(self.folder, self.port)
        _wait_for_postgres(self)

    def pause(self) -> None:
        """It stands still: connections stay open and nothing answers."""
        for pid in self.pids():
            with suppress(ProcessLookupError):  # a connection that has just ended
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def pids(self) -> list[int]:
        """Of the server and its children."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *(int(pid) for pid in children.split())]


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise FileNotFoundError("PostgreSQL is not installed: tests/install-peers.sh")
    return found[-1].parent


def _postgres_process(folder: Path, port: int) -> subprocess.Popen[bytes]:
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",  # of the machine; a process that is killed loses nothing by it
        "full_page_writes": "off",
        "max_connections": 200,
        "shared_buffers": "64MB",
    }
    command = [str(_binaries() / "postgres"), "-D", str(folder / "db")]
    command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(as_user(command), stdout=log, stderr=log, cwd=folder)


def _wait_for_postgres(server: Postgres) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(server.url(), connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline or server.process.poll() is not None:
                raise RuntimeError((server.folder / "log").read_text()) from None
            time.sleep(0.05)


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    folder = own_folder("hub-postgres-")
    server = None
    try:
        init = [str(_binaries() / "initdb"), "-D", str(folder / "db"), "-U", "postgres", "-A", "trust", "-N"]
        # A language whose order is not that of bytes: what leans on the server's order must show.
        init += ["-E", "UTF8", "--locale-provider=icu", "--icu-locale=zh-CN", "--locale=C.UTF-8"]
        subprocess.run(as_user(init), check=True, capture_output=True, cwd=folder, timeout=60)
        port = free_port()
        server = Postgres(port, folder, _postgres_process(folder, port))
        _wait_for_postgres(server)
        yield server
    finally:
        if server is not None and server.process.poll() is None:
            server.resume()
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Redis:
    """A running server; nothing of it is on a disk, so that one that is started again is empty."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        """As a power cut."""
        self.process.kill()
        self.process.wait(20)

    def start(self) -> None:
        """Again, empty, on the same port."""
        self.process = _redis_process(self.folder, self.port)
        _wait_for_redis(self)

    def pause(self) -> None:
        """It stands still: connections stay open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def info(self) -> dict[str, str]:
        """What it says of itself: INFO, by name."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"INFO\r\n")
            answer = connection.makefile("rb")
            text = answer.read(int(answer.readline()[1:])).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def empty(self) -> None:
        """For the next test."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(100) == b"+OK\r\n"


def _redis_process(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(as_user(command), stdout=log, stderr=log, cwd=folder)


def _wait_for_redis(server: Redis) -> None:
    deadline = time.monotonic() + 30
    while True:
        with closing(socket.socket()) as probe:
            probe.settimeout(2)
            if probe.connect_ex(("127.0.0.1", server.port)) == 0:
                return
        if time.monotonic() > deadline or server.process.poll() is not None:
            raise RuntimeError((server.folder / "log").read_text())
        time.sleep(0.02)


@contextmanager
def redis_server() -> Iterator[Redis]:
    folder = own_folder("hub-redis-")
    port = free_port()
    server = Redis(port, folder, _redis_process(folder, port))
    try:
        _wait_for_redis(server)
        yield server
    finally:
        if server.process.poll() is None:
            server.resume()
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
