"""A program for a process of its own: compares parts of reels with what their entries say, and says yes or no.

It is run as text, so that it begins in a hundredth of a second: the standard library alone, and little of it. A part
that comes in is a line with a number of bytes, and so many bytes: the path, an offset, and of each chunk from there on
its size and its SHA-256 as hex, with a zero byte between all. A line that goes out is ``1`` where all of them are
as told, else ``0``: what differs, whoever asked finds out.
"""

import hashlib
import sys
from io import FileIO

BLOCK = 2 << 20
"""Bytes read at a time, at most: several chunks, since a read costs more than a hash is begun for."""


def as_told(path: bytes, offset: int, chunks: list[tuple[int, str]], block: memoryview) -> bool:
    """Raises OSError where it cannot be read."""
    with FileIO(path) as file:
        file.seek(offset)
        number = 0
        while number < len(chunks):
            first, wanted = number, 0
            while number < len(chunks) and wanted + chunks[number][0] <= len(block):
                wanted += chunks[number][0]
                number += 1
            if number == first:
                number += 1
                same = _large(file, *chunks[first], block)
            else:
                same = file.readinto(block[:wanted]) == wanted and _together(chunks[first:number], block)
            if not same:
                return False
    return True


def _together(chunks: list[tuple[int, str]], block: memoryview) -> bool:
    at = 0
    for size, sha256 in chunks:
        if hashlib.sha256(block[at : at + size]).hexdigest() != sha256:
            return False
        at += size
    return True


def _large(file: FileIO, size: int, sha256: str, block: memoryview) -> bool:
    """A chunk that does not fit into a block."""
    digest = hashlib.sha256()
    while size and (count := file.readinto(block[:size])):
        digest.update(block[:count])
        size -= count
    return digest.hexdigest() == sha256


def main() -> None:
    block = memoryview(bytearray(BLOCK))
    for line in sys.stdin.buffer:
        path, offset, *told = sys.stdin.buffer.read(int(line)).split(b"\0")
        chunks = [(int(size), sha256.decode()) for size, sha256 in zip(told[::2], told[1::2], strict=True)]
        try:
            answer = as_told(path, int(offset), chunks, block)
        except OSError:
            answer = False
        sys.stdout.buffer.write(b"1\n" if answer else b"0\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
