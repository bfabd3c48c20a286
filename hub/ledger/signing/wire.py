"""What hub and signer say to each other: frames of JSON, their length (4 bytes, big endian) before them. Pure.

Two calls: ``hello`` (where does the signer stand?) and ``sign``. A first frame ``config`` tells a child where its
keys are. Nothing else can be asked of a signer: keys are made to follow and revoked by ``hub keys``, in the
key folder itself. Both sides treat what comes as hostile: bounded, strict, one error.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import LedgerError
from hub.ledger.merkle import HASH_SIZE
from hub.ledger.notes import VerifierKey, is_name, parse_vkey
from hub.ledger.signing.signer import SignedHead

MAX_FRAME_BYTES = 1 << 20
MAX_PROOF = 64
"""A consistency proof has at most one hash for each bit of the size."""
MAX_ANNOUNCED = 100
MAX_SIZE = 1 << 53
NOTHING = SignedHead()
_LENGTH = struct.Struct(">I")

Read = Callable[[int], bytes]


class BadFrame(LedgerError):
    """Bytes that are no frame of this protocol."""

    code = "bad_frame"


@dataclass(frozen=True, slots=True)
class Config:
    """To a child, once: its keys. ``secret`` never shows in a command line or an environment."""

    keys_dir: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Config({self.keys_dir!r})"


@dataclass(frozen=True, slots=True)
class Hello:
    origin: str
    make: bool


@dataclass(frozen=True, slots=True)
class Sign:
    origin: str
    size: int
    root: bytes
    proof: tuple[bytes, ...]
    announced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the signer stands now. ``code`` and ``message`` say why it refused; the rest is empty then."""

    key: VerifierKey | None = None
    last: SignedHead = NOTHING
    statements: tuple[str, ...] = ()
    code: str = ""
    message: str = ""


Request = Config | Hello | Sign


def read_frame(read: Read) -> bytes | None:
    """The next frame's bytes; None at an orderly end. ``read(n)`` gives up to n bytes, none at the end.
    Raises BadFrame, and what ``read`` raises."""
    head = _exactly(read, _LENGTH.size)
    if not head:
        return None
    if len(head) < _LENGTH.size:
        raise BadFrame("expected the length of a frame, found the end")
    (size,) = _LENGTH.unpack(head)
    if not 0 < size <= MAX_FRAME_BYTES:
        raise BadFrame(f"expected a frame of 1 to {MAX_FRAME_BYTES} bytes, found {size}")
    data = _exactly(read, size)
    if len(data) < size:
        raise BadFrame(f"expected {size} bytes, found {len(data)} and the end")
    return data


def _exactly(read: Read, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (part := read(size - len(data))):
        data += part
    return bytes(data)


def frame(value: Mapping[str, object]) -> bytes:
    data = json.dumps(value).encode()
    if len(data) > MAX_FRAME_BYTES:
        raise BadFrame(f"expected at most {MAX_FRAME_BYTES} bytes to send, found {len(data)}")
    return _LENGTH.pack(len(data)) + data


def request_frame(request: Request) -> bytes:
    if isinstance(request, Config):
        return frame({"op": "config", "keys_dir": request.keys_dir, "secret": request.secret})
    if isinstance(request, Hello):
        return frame({"op": "hello", "origin": request.origin, "make": request.make})
    return frame(
        {
            "op": "sign",
            "origin": request.origin,
            "size": request.size,
            "root": request.root.hex(),
            "proof": [node.hex() for node in request.proof],
            "announced": list(request.announced),
        }
    )


def read_request(data: bytes) -> Request:
    """Raises BadFrame, and nothing else."""
    value = _object(data)
    op = value.get("op")
    if op == "config":
        return Config(_text(value, "keys_dir", 4096), _text(value, "secret", 1 << 16))
    if op == "hello":
        return Hello(_origin(value), _flag(value, "make"))
    if op == "sign":
        root = _digest(value.get("root"))
        proof = tuple(map(_digest, _list(value, "proof", MAX_PROOF)))
        announced = tuple(map(_word, _list(value, "announced", MAX_ANNOUNCED)))
        return Sign(_origin(value), _size(value.get("size")), root, proof, announced)
    raise BadFrame("expected config, hello or sign, found another call")


def answer_frame(answer: Answer) -> bytes:
    if answer.code or answer.key is None:
        return frame({"ok": False, "code": answer.code or "ledger", "message": answer.message})
    return frame(
        {
            "ok": True,
            "vkey": str(answer.key),
            "size": answer.last.size,
            "root": answer.last.root.hex(),
            "note": answer.last.note,
            "statements": list(answer.statements),
        }
    )


def read_answer(data: bytes) -> Answer:
    """Raises BadFrame, and nothing else."""
    value = _object(data)
    if not _flag(value, "ok"):
        return Answer(code=_text(value, "code", 60) or "ledger", message=_text(value, "message", 4000))
    try:
        key = parse_vkey(_text(value, "vkey", 1000))
    except LedgerError as error:
        raise BadFrame(str(error)) from error
    head = SignedHead(_size(value.get("size")), _digest(value.get("root")), _text(value, "note", MAX_FRAME_BYTES))
    return Answer(key, head, tuple(map(_note, _list(value, "statements", 1000))))


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadFrame("expected JSON in a frame, found something else") from error
    if not isinstance(value, dict):
        raise BadFrame("expected an object in a frame, found something else")
    return value


def _text(value: Mapping[str, Any], name: str, most: int) -> str:
    text = value.get(name)
    if not isinstance(text, str) or len(text) > most:
        raise BadFrame(f"expected {name} as text of at most {most} characters")
    return text


def _origin(value: Mapping[str, Any]) -> str:
    origin = _text(value, "origin", 200)
    if not is_name(origin):
        raise BadFrame("expected the origin as printable ASCII without space and plus")
    return origin


def _flag(value: Mapping[str, Any], name: str) -> bool:
    flag = value.get(name)
    if not isinstance(flag, bool):
        raise BadFrame(f"expected {name} as true or false")
    return flag


def _list(value: Mapping[str, Any], name: str, most: int) -> list[Any]:
    items = value.get(name)
    if not isinstance(items, list) or len(items) > most:
        raise BadFrame(f"expected {name} as a list of at most {most}")
    return items


def _size(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_SIZE:
        raise BadFrame("expected a size from 0 to 2^53")
    return value


def _digest(value: object) -> bytes:
    if not isinstance(value, str) or len(value) != 2 * HASH_SIZE or not set(value) <= set("0123456789abcdef"):
        raise BadFrame("expected a digest of 64 hex digits")
    return bytes.fromhex(value)


def _word(value: object) -> str:
    if not isinstance(value, str) or len(value) > 64:
        raise BadFrame("expected the id of a key")
    return value


def _note(value: object) -> str:
    if not isinstance(value, str) or len(value) > 1 << 14:
        raise BadFrame("expected a statement")
    return value
