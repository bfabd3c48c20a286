"""Reels, and what lies beside footage, on other nodes' disks, read there by Range. Everything here blocks; from
any thread."""

from __future__ import annotations

import http.client
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote, urlsplit

ANSWER_S = 10.0
MAX_KNOWN = 4096
MAX_CONNECTIONS = 64
REELS = "reels/"


class NodeShelf:
    """``nodes``: addresses of the nodes that may have a file of that path, the likeliest first; blocks, and raises
    OSError where that cannot be told, or the node that has it is away. ``headers`` bear the cluster's secret."""

    def __init__(self, nodes: Callable[[str], Sequence[str]], headers: dict[str, str]) -> None:
        self._nodes = nodes
        self._headers = headers
        self._known: OrderedDict[str, str] = OrderedDict()
        """Where files were found last."""
        self._free: dict[str, list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def size(self, path: str) -> int | None:
        """Raises OSError where a node that may have it cannot be asked, and none of the others has it."""
        failed: OSError | None = None
        for node in self._candidates(path):
            try:
                status, length, _ = self._ask(node, "HEAD", path)
            except OSError as error:
                failed = error
                continue
            if status == 200:
                self._remember(path, node)
                return length
        if failed is not None:
            raise failed
        return None

    def read(self, path: str, offset: int, size: int) -> bytes:
        if size <= 0:
            return b""
        failed: OSError | None = None
        for node in self._candidates(path):
            try:
                status, _, data = self._ask(node, "GET", path, f"bytes={offset}-{offset + size - 1}")
            except OSError as error:
                failed = error
                continue
            if status in (200, 206):
                self._remember(path, node)
                return data if status == 206 else data[offset : offset + size]
            if status == 416:
                return b""
        if failed is not None:
            raise failed
        raise FileNotFoundError(path)

    def names(self, below: str) -> Iterator[tuple[str, int]]:
        """Of what lies beside footage, as the nodes list it that answer; where reels lie, entries say."""
        if below.startswith(REELS):
            return
        for node in self._nodes(f"{below}/"):
            try:
                yield from listed(self.ask(node, below), f"{below}/")
            except (OSError, ValueError):
                continue

    def file(self, path: str) -> Path | None:  # noqa: ARG002
        return None

    def ask(self, node: str, path: str) -> bytes:
        """What the node at this address answers to GET /node/``path``. Raises OSError."""
        status, _, data = self._ask(node, "GET", path)
        if status != 200:
            raise OSError(f"a node answers {status} to /node/{path}")
        return data

    def remove(self, path: str, epoch: int) -> None:
        """Delete a reel from the disk that it lies on, as the office that leads with ``epoch``. Raises OSError where
        the node cannot be asked, or refuses; what is gone already is gone."""
        for node in self._candidates(path):
            status, _, data = self._ask(node, "DELETE", f"{path}?epoch={epoch}")
            if status != 204:
                raise OSError(f"a node does not delete {path}: {status} {data[:200].decode(errors='replace')}")

    def close(self) -> None:
        """Whoever reads just now ends in peace."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, {}
        for connections in free.values():
            for one in connections:
                one.close()

    # -------------------------------------------------------------------------------------- asking

    def _candidates(self, path: str) -> Sequence[str]:
        with self._lock:
            known = self._known.get(path)
        nodes = self._nodes(path)
        if known is None or known not in nodes:
            return nodes
        return (known, *(one for one in nodes if one != known))

    def _remember(self, path: str, node: str) -> None:
        with self._lock:
            self._known[path] = node
            self._known.move_to_end(path)
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)

    def _ask(self, node: str, method: str, path: str, wanted: str = "") -> tuple[int, int, bytes]:
        """Status, Content-Length and body. Raises OSError."""
        headers = self._headers | ({"Range": wanted} if wanted else {})
        kept = True
        while True:
            connection, kept = self._connection(node, fresh=not kept)
            try:
                connection.request(method, f"/node/{quote(path, safe='/?=')}", headers=headers)
                answer = connection.getresponse()
                data = answer.read()
                length = int(answer.getheader("Content-Length") or 0)
            except (OSError, http.client.HTTPException, ValueError) as error:
                connection.close()
                if kept:  # it may have been closed there since it was used last
                    kept = False
                    continue
                raise OSError(f"a node that has a reel does not answer: {error!r}") from error
            self._put_back(node, connection)
            return answer.status, length, data

    def _connection(self, node: str, *, fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            free = self._free.get(node, [])
            if free and not fresh:
                return free.pop(), True
        parts = urlsplit(node)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=ANSWER_S), False

    def _put_back(self, node: str, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            free = self._free.setdefault(node, [])
            if len(free) < MAX_CONNECTIONS and not self._closed:
                free.append(connection)
                return
        connection.close()


def listed(data: bytes, below: str) -> Iterator[tuple[str, int]]:
    """What a node says lies on its disk. Raises ValueError for what is no such list."""
    for name, size in json.loads(data):
        if not isinstance(name, str) or not name.startswith(below) or type(size) is not int:
            raise ValueError("expected names and sizes")
        yield name, size
