"""A real S3 server: versitygw (Apache-2.0), a Go module, over a folder of the test's own.

It checks signatures and checksums, keeps versions, refuses what object lock forbids, and its objects are plain files,
so a test can turn a bit of one. ``python -m tests.cluster.object_store`` builds it once, below the virtual environment.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from hub.archive.s3 import S3Calls
from hub.archive.signature import Keys
from tests.cluster.servers import free_port

MODULE, VERSION = "github.com/versity/versitygw/cmd/versitygw", "v1.8.0"
ACCESS, SECRET = "hub-of-a-test", "secret-of-a-test"
_NUMBERS = count()


class NoObjectStore(Exception):
    """Tests that need one are skipped, and say so."""


def install() -> Path:
    """The program; built where it is not there yet, which takes two minutes. Raises NoObjectStore."""
    folder = Path(sys.prefix) / "peers" / f"versitygw-{VERSION}"
    program = folder / "versitygw"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            environ = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOFLAGS": "-trimpath"}
            try:
                subprocess.run(["go", "install", f"{MODULE}@{VERSION}"], check=True, env=environ, timeout=900)
            except (OSError, subprocess.SubprocessError) as error:
                raise NoObjectStore(
                    f"no object store: {MODULE} {VERSION} cannot be built here ({error}); it needs Go, and Go's modules"
                ) from error
    return program


@dataclass
class ObjectStore:
    """A running server. Buckets are folders of ``folder / "buckets"``."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bucket(self, *, locked: bool = False) -> str:
        """A new one's name. ``locked``: it takes retention dates, and so keeps versions."""
        name = f"reels-{os.getpid()}-{next(_NUMBERS)}"
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if locked else {}
        self.calls(name)._call("PUT", "", headers=headers)
        return name

    def calls(self, bucket: str) -> S3Calls:
        return S3Calls(self.endpoint, bucket, Keys(ACCESS, SECRET, "us-east-1"))

    def settings(self, bucket: str) -> dict[str, Any]:
        """Of a hub that archives into a bucket."""
        return {
            "archive_url": f"s3://{bucket}/county",
            "archive_endpoint": self.endpoint,
            "archive_access_key": ACCESS,
            "archive_secret_key": SECRET,
        }

    def file(self, bucket: str, path: str) -> Path:
        """Where an object lies."""
        return self.folder / "buckets" / bucket / "county" / path

    def stop(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(20)

    def pause(self) -> None:
        """It stands still: connections stay open and nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def start(self) -> None:
        """Again, on the same port and folder."""
        self.process = _process(self.folder, self.port)
        _wait(self)


def _process(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [str(install()), "--port", f"127.0.0.1:{port}", "--quiet", "posix"]
    command += ["--versioning-dir", str(folder / "versions"), str(folder / "buckets")]
    environ = {**os.environ, "ROOT_ACCESS_KEY": ACCESS, "ROOT_SECRET_KEY": SECRET}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environ)


def _wait(server: ObjectStore) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            server.calls("none").locks()
            return
        except OSError:
            if time.monotonic() > deadline or server.process.poll() is not None:
                raise RuntimeError((server.folder / "log").read_text()) from None
            time.sleep(0.05)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    folder = Path(tempfile.mkdtemp(prefix="hub-objects-"))
    server = None
    try:
        (folder / "buckets").mkdir()
        (folder / "versions").mkdir()
        port = free_port()
        server = ObjectStore(port, folder, _process(folder, port))
        _wait(server)
        yield server
    finally:
        if server is not None and server.process.poll() is None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        print(install())
    except NoObjectStore as missing:
        print(f"{missing}; what needs one is skipped", file=sys.stderr)
