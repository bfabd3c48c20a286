"""``hub signer``: the signer as a service under its own user, on a Unix socket. Blocking."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import structlog

from hub.errors import LedgerError
from hub.ledger.signing.local import LocalSigners
from hub.ledger.signing.remote import peer_uid
from hub.ledger.signing.service import serve_connection

MAX_CONNECTIONS = 16
BACKLOG = 16

_log = structlog.get_logger(__name__)


class Listener:
    """Listens at ``path``. ``mode`` are the socket's file rights; ``allowed`` the users that may ask beside those
    rights, by number, empty: whoever can open it. Raises LedgerError, OSError."""

    def __init__(self, path: Path, signers: LocalSigners, *, mode: int = 0o660, allowed: Collection[int] = ()) -> None:
        self._path, self._signers, self._allowed = path, signers, frozenset(allowed)
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            _clear(path)
            before = os.umask(0o177)  # nobody else's between bind and chmod
            try:
                self._socket.bind(str(path))
            finally:
                os.umask(before)
            path.chmod(mode)
            self._socket.listen(BACKLOG)
        except BaseException:
            self._socket.close()
            raise

    def serve(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Until :meth:`close` is called, or the process is told to end."""
        while not stopping():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                if self._socket.fileno() < 0:
                    return
                raise
            uid = peer_uid(connection)
            if self._allowed and uid not in self._allowed:
                _log.warning("a user who may not ask was turned away", uid=uid)
                connection.close()
            elif not self._places.acquire(blocking=False):
                _log.warning("too many connections at once; one was turned away", most=MAX_CONNECTIONS)
                connection.close()
            else:
                threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                serve_connection(connection, self._signers)
        finally:
            self._places.release()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)


def _clear(path: Path) -> None:
    """A socket that a signer left behind goes; one that is listened on, and any other file, stays."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise LedgerError(f"expected a socket or nothing at {path}, found another kind of file; choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except OSError:
            path.unlink()
            return
    raise LedgerError(f"another signer listens at {path}; stop it first")
