"""A fact: what becomes an entry once the database has given it its place in its stream's chain."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hub.clock import Instant
from hub.ledger.chain import SALT_BYTES, Head, Writer, make_entry
from hub.ledger.entries import MAX_ENTRY_BYTES, BadEntry, Entry, EntryType, JsonValue, canonical, check_body, is_footage

HEAD_BYTES = 2048
"""What an entry holds beside its body is shorter."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened, by the clock of who says it. ``number`` counts the facts of one writer, from 1.

    ``fence``: the chain whose epoch must still be ``epoch``; empty: what is true whoever owns anything.
    """

    number: int
    stream_id: str
    type: EntryType
    body: Mapping[str, JsonValue]
    t_hub_us: int
    t_mono_us: int
    clock: Mapping[str, JsonValue]
    salt: str
    node: str
    boot: str
    fence: str = ""
    epoch: int = 0

    def entry(self, origin: str, head: Head, epoch: int, fate: Fate) -> Entry:
        """The entry that it is behind ``head``: always the same bytes for the same place."""
        kind, body = (
            (EntryType.RECOVERY, recovered_body(self.body)) if fate is Fate.RECOVERED else (self.type, self.body)
        )
        writer = Writer(origin, self.node, epoch, self.boot)
        moment = Instant(self.t_hub_us, self.t_mono_us)
        return make_entry(writer, head, self.stream_id, kind, body, moment, self.clock, self.salt)

    def dump(self) -> bytes:
        """For the outbox."""
        value = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def load(cls, data: bytes) -> Fact:
        """Raises ValueError, TypeError, for what :meth:`dump` did not make."""
        value: dict[str, Any] = json.loads(data)
        return cls(**value | {"type": EntryType(value["type"])})


class Fate(StrEnum):
    """What the database made of a fact."""

    ENTERED = "entered"
    RECOVERED = "recovered"
    """Footage of a stream that has another owner by now: entered as ``recovery``."""
    DROPPED = "dropped"
    """What a node thinks of a stream that it no longer owns is no fact."""


def salt() -> str:
    return os.urandom(SALT_BYTES).hex()


def check(stream_id: str, kind: EntryType, body: Mapping[str, JsonValue]) -> int:
    """The size of the body in bytes. Raises BadEntry for one that no entry may have, before anything waits for it."""
    check_body(stream_id, kind, body)
    size = len(canonical(body))
    if size > MAX_ENTRY_BYTES - HEAD_BYTES:
        raise BadEntry(f"expected a body of at most {MAX_ENTRY_BYTES - HEAD_BYTES} bytes, found {size}")
    return size


def fate_of(fact: Fact, present_epoch: int | None) -> Fate:
    """``present_epoch``: of the chain that fences the fact; None: nothing does."""
    if not fact.fence or present_epoch == fact.epoch:
        return Fate.ENTERED
    if fact.type is EntryType.RECOVERY:
        return Fate.ENTERED
    return Fate.RECOVERED if is_footage(fact.type, fact.body) else Fate.DROPPED


def recovered_body(body: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Footage as a recovery declares it (``hub/ledger/reels.py``)."""
    return {**body, "what": "reel", "reason": "recovered", "quarantined": None}
