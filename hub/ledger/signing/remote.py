"""The hub's side: a signer in another process, a child of the hub or a service under its own user.

The hub loads no private key on this side. A child that died is started again, at most so often; a service that is
away is asked again. Every call has a time limit, and none of them is made on the event loop or in the
thread that commits entries: recording never waits for a signature.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import hub
from hub.errors import LedgerError
from hub.ledger.notes import BadNote, Checkpoint, VerifierKey, parse_note
from hub.ledger.signing.signer import Custody, SignedHead
from hub.ledger.signing.wire import (
    Answer,
    BadFrame,
    Config,
    Hello,
    Request,
    Sign,
    read_answer,
    read_frame,
    request_frame,
)

CALL_S = 10.0
END_S = 5.0
MAX_PAUSE_S = 60.0
START_WAIT_S = 10.0
"""How long a service may take to come up when the hub starts: both may be started at once."""


class Line(Protocol):
    """How the signer is reached."""

    custody: Custody

    def connect(self) -> socket.socket:
        """Raises OSError, LedgerError."""

    def lost(self) -> None: ...

    def worked(self) -> None: ...

    def close(self) -> None: ...


class Connection:
    """Calls over a line, one at a time; connects when it must. Any thread."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._closed = False

    @property
    def custody(self) -> Custody:
        return self._line.custody

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def begin(self) -> None:
        """Connect already; what is wrong with that is said by the first call, which tries again."""
        with self._lock, suppress(OSError, LedgerError):
            self._connect()

    def _connect(self) -> socket.socket:
        if self._socket is None:
            self._socket = self._line.connect()
            self._socket.settimeout(CALL_S)
        return self._socket

    def call(self, request: Request) -> Answer:
        """Raises LedgerError: the signer's own refusal, or code ``signer_unreachable``."""
        with self._lock:
            if self._closed:
                raise LedgerError("the signer was let go", code="signer_unreachable")
            try:
                connection = self._connect()
                connection.sendall(request_frame(request))
                data = read_frame(connection.recv)
                if data is None:
                    raise BadFrame("it ended without an answer")
                answer = read_answer(data)
            except (OSError, BadFrame) as error:
                self._drop()
                raise LedgerError(f"the signer does not answer: {error}", code="signer_unreachable") from error
            self._line.worked()
        if answer.code:
            raise LedgerError(answer.message, code=answer.code)
        return answer

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._line.lost()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._drop()
            self._line.close()


class RemoteSigner:
    """The signer of one log, over a connection."""

    def __init__(self, connection: Connection, origin: str, key: VerifierKey, answer: Answer) -> None:
        self._connection = connection
        self._origin = origin
        self._key = key
        self._last = answer.last
        self._statements = answer.statements

    @classmethod
    def open(cls, connection: Connection, origin: str, *, make: bool) -> RemoteSigner:
        answer = connection.call(Hello(origin, make))
        return cls(connection, origin, _key_of(answer, origin), answer)

    @property
    def key(self) -> VerifierKey:
        return self._key

    @property
    def last(self) -> SignedHead:
        return self._last

    @property
    def statements(self) -> tuple[str, ...]:
        return self._statements

    @property
    def custody(self) -> Custody:
        return self._connection.custody

    def refresh(self) -> None:
        if not self._connection.connected:
            self._take(self._connection.call(Hello(self._origin, False)))

    def sign(self, size: int, root: bytes, proof: Sequence[bytes], announced: Sequence[str] = ()) -> str:
        answer = self._connection.call(Sign(self._origin, size, root, tuple(proof), tuple(announced)))
        key = _key_of(answer, self._origin)
        _check_note(answer.last, Checkpoint(self._origin, size, root), key)
        self._take(answer)
        return answer.last.note

    def _take(self, answer: Answer) -> None:
        self._key = _key_of(answer, self._origin)
        self._last, self._statements = answer.last, answer.statements

    def close(self) -> None:
        """The connection belongs to whoever opened the signer."""


def _key_of(answer: Answer, origin: str) -> VerifierKey:
    if answer.key is None or answer.key.name != origin:
        raise LedgerError(f"expected a key of {origin} from the signer, found another")
    return answer.key


def _check_note(head: SignedHead, expected: Checkpoint, key: VerifierKey) -> None:
    try:
        note = parse_note(head.note)
    except BadNote as error:
        raise LedgerError(f"the signer answered with what is no checkpoint: {error}") from error
    if note.text != expected.text() or not note.signed_by(key):
        raise LedgerError("the signer answered with a checkpoint that was not asked for, or that its key did not sign")


# ------------------------------------------------------------------------------------ a child


class ChildLine:
    """Starts the signer as a child. It ends with this end of the socket, also when the hub is killed."""

    custody = Custody.CHILD

    def __init__(self, config: Config, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._monotonic_s = monotonic_s
        self._child: subprocess.Popen[bytes] | None = None
        self._failures = 0
        self._not_before_s = 0.0

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def connect(self) -> socket.socket:
        now_s = self._monotonic_s()
        if self._failures and now_s < self._not_before_s:
            raise LedgerError(
                f"the signer ended {self._failures} times; it is started again in {self._not_before_s - now_s:.0f} s",
                code="signer_unreachable",
            )
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", "hub.ledger.signing.child"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={"PYTHONPATH": str(Path(hub.__file__).parents[1])},
            )
        ours.settimeout(CALL_S)
        try:
            ours.sendall(request_frame(self._config))
        except OSError:
            ours.close()
            self.lost()
            raise
        return ours

    def worked(self) -> None:
        """One that answers and dies, again and again, has not come to rest."""
        if self._failures and self._monotonic_s() > self._not_before_s + MAX_PAUSE_S:
            self._failures = 0

    def lost(self) -> None:
        """The socket is closed: the child ends, or is made to. The first time another one starts at once."""
        self._end()
        pause_s = min(MAX_PAUSE_S, 2.0**self._failures - 1)
        self._failures += 1
        self._not_before_s = self._monotonic_s() + pause_s

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        try:
            child.wait(END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def close(self) -> None:
        self._end()


class ChildSigners:
    """The signer as a child of this process, its keys below ``keys_dir``."""

    def __init__(self, keys_dir: Path, secret: str = "") -> None:
        self.line = ChildLine(Config(str(keys_dir.absolute()), secret))
        self._connection = Connection(self.line)

    def begin(self) -> None:
        """Start the child before it is asked: it loads while the hub looks at its folder."""
        self._connection.begin()

    def open(self, origin: str, *, make: bool) -> RemoteSigner:
        return RemoteSigner.open(self._connection, origin, make=make)

    def close(self) -> None:
        self._connection.close()


# ---------------------------------------------------------------------------------- a service


class SocketLine:
    """Connects to ``hub signer``; the kernel says under which user it runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.custody = Custody.SAME_USER

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(CALL_S)
            connection.connect(str(self._path))
            uid = peer_uid(connection)
        except OSError as error:
            connection.close()
            raise OSError(f"{self._path}: {error.strerror or error}") from error
        protected = uid != os.geteuid() and os.geteuid() != 0  # root reads everything
        self.custody = Custody.OWN_USER if protected else Custody.SAME_USER
        return connection

    def worked(self) -> None: ...

    def lost(self) -> None: ...

    def close(self) -> None: ...


def peer_uid(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket (unix(7), SO_PEERCRED)."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", data)[1])


class SocketSigners:
    """A signer that runs by itself and listens at ``path``."""

    def __init__(self, path: Path, wait_s: float = START_WAIT_S) -> None:
        self._path, self._wait_s = path, wait_s
        self._connection = Connection(SocketLine(path))

    def open(self, origin: str, *, make: bool) -> RemoteSigner:
        """Waits a while for a signer that is being started at the same time."""
        end_s = time.monotonic() + self._wait_s
        while True:
            try:
                return RemoteSigner.open(self._connection, origin, make=make)
            except LedgerError as error:
                if error.code != "signer_unreachable":
                    raise
                if time.monotonic() >= end_s:
                    raise LedgerError(
                        f"{error}: what was signed last is not known, so nothing is recorded; start `hub signer`, or "
                        "empty signer_socket to have the hub start its own",
                        code="signer_unreachable",
                    ) from error
            with suppress(InterruptedError):
                time.sleep(0.2)

    def close(self) -> None:
        self._connection.close()
