"""Hashing in a process of its own. A thread that hashes needs the interpreter's lock for each chunk, which the one that
walks the entries holds; each time it changes hands, both lose more than all the bookkeeping of a chunk costs."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from hub.ledger.verify import hasher_program

WORTH_BYTES = 32 << 20
"""Less than this is read before a process would have begun."""


class Hasher:
    """For one thread. Whatever is wrong with the process, the answer is only that it cannot say."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._asked_bytes = 0
        self._lost = not sys.executable

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def agrees(self, path: str, offset: int, chunks: Sequence[tuple[int, str]]) -> bool:
        """Whether the file's bytes from ``offset`` on are these chunks: each its size, and its SHA-256 as hex. False:
        they are not, or nobody can say."""
        self._asked_bytes += sum(size for size, _ in chunks)
        if self._lost or self._asked_bytes < WORTH_BYTES:
            return False
        try:
            answer = self._ask(_part(path, offset, chunks))
        except OSError:
            answer = b""
        self._lost = not answer
        return answer == b"1\n"

    def _ask(self, part: bytes) -> bytes:
        """Nothing: it has ended. Raises OSError where there can be no process, or none any more."""
        if self._process is None:
            self._process = _begin()
        told, answers = self._process.stdin, self._process.stdout
        assert told is not None
        assert answers is not None
        told.write(part)
        told.flush()
        return answers.readline()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _part(path: str, offset: int, chunks: Sequence[tuple[int, str]]) -> bytes:
    told = [os.fsencode(path), b"%d" % offset]
    for size, sha256 in chunks:
        told += (b"%d" % size, sha256.encode())
    part = b"\0".join(told)
    return b"%d\n%b" % (len(part), part)


def _begin() -> subprocess.Popen[bytes]:
    """In a session of its own: who interrupts a verification at a terminal hears of it from the verification alone."""
    command = [sys.executable, "-I", "-S", "-c", inspect.getsource(hasher_program)]
    return subprocess.Popen(  # noqa: S603  this interpreter, and a text of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
