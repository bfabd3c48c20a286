"""What nodes say to each other over the bus: one form for all, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.errors import InvalidRequest
from hub.ledger.entries import BadEntry, JsonValue, canonical, parse

VERSION = 1
MAX_BYTES = 256 << 10
_FIELDS = {"v": int, "id": str, "kind": str, "node": str, "at_us": int, "body": dict}
_MAX_NAME = 128


class BadMessage(InvalidRequest):
    """It is none of ours, or of a later hub: it is counted and skipped."""

    code = "bad_message"


@dataclass(frozen=True, slots=True)
class Message:
    """``id``: said once by its maker, and the same however often the message arrives; handlers go by it. ``at_us``:
    hub UTC of the maker."""

    id: str
    kind: str
    node: str
    at_us: int
    body: Mapping[str, Any] = field(default_factory=dict)

    def data(self) -> bytes:
        """Canonical JSON (RFC 8785). Raises BadMessage for what could not be read again."""
        said: dict[str, JsonValue] = {
            "v": VERSION,
            "id": self.id,
            "kind": self.kind,
            "node": self.node,
            "at_us": self.at_us,
            "body": dict(self.body),
        }
        try:
            data = canonical(said)
        except BadEntry as error:
            raise BadMessage(f"{self.kind}: {error}") from error
        if len(data) > MAX_BYTES:
            raise BadMessage(f"{self.kind}: expected at most {MAX_BYTES} bytes, found {len(data)}")
        return data


def read(data: bytes) -> Message:
    """The message whose :meth:`Message.data` these bytes are. Raises BadMessage, and nothing else."""
    try:
        said = parse(data, MAX_BYTES)
    except BadEntry as error:
        raise BadMessage(str(error)) from error
    if said.get("v") != VERSION or type(said["v"]) is not int:
        raise BadMessage(f"expected version {VERSION}, found {str(said.get('v'))[:20]!r}")
    if said.keys() != _FIELDS.keys():
        raise BadMessage(f"expected the fields {', '.join(_FIELDS)}, found {', '.join(sorted(said))[:200]}")
    for name, kind in _FIELDS.items():
        if type(said[name]) is not kind:
            raise BadMessage(f"{name}: expected {kind.__name__}, found {type(said[name]).__name__}")
    for name in ("id", "kind", "node"):
        if not 0 < len(said[name]) <= _MAX_NAME:
            raise BadMessage(f"{name}: expected 1 to {_MAX_NAME} characters, found {len(said[name])}")
    return Message(said["id"], said["kind"], said["node"], said["at_us"], said["body"])
