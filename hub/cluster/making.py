"""Facts are made on the event loop, at once; their place in the chain is known when the database took them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from hub.clock import Clock
from hub.cluster.facts import Fact, check, salt
from hub.ledger.entries import EntryType, JsonValue
from hub.ledger.timekeeping import Calendar, Timekeeping, boot_id
from hub.metrics import ENTRIES


class Appended:
    """A fact that was appended. ``seq`` is -1 and ``leaf`` empty until it is committed."""

    __slots__ = ("__weakref__", "fact", "leaf", "seq", "size")

    def __init__(self, fact: Fact, size: int) -> None:
        self.fact = fact
        self.size = size
        self.seq = -1
        self.leaf = ""

    @property
    def stream_id(self) -> str:
        return self.fact.stream_id

    @property
    def type(self) -> EntryType:
        return self.fact.type

    @property
    def body(self) -> Mapping[str, Any]:
        return self.fact.body

    @property
    def t_hub_us(self) -> int:
        return self.fact.t_hub_us

    @property
    def t_mono_us(self) -> int:
        return self.fact.t_mono_us


class Maker:
    """One writer: one life of one node, or of its office (``part``). Its facts are numbered from 1."""

    def __init__(self, clock: Clock, node: str, part: str = "") -> None:
        self.writer = f"{node}/{part}{secrets.token_hex(8)}"
        self.made = 0
        self._node = node
        self._clock = clock
        self._boot = boot_id()
        self._timekeeping = Timekeeping()
        self._calendar = Calendar()
        self._counters = {kind: ENTRIES.labels(kind.value) for kind in EntryType}

    def stepped_us(self) -> int:
        """By how much the calendar was set since the last fact; 0: it was not."""
        return self._calendar.step_us(self._clock.now())

    def make(self, stream_id: str, kind: EntryType, body: Mapping[str, JsonValue], fence: str, epoch: int) -> Appended:
        """Raises BadEntry."""
        size = check(stream_id, kind, body)
        now = self._clock.now()
        self.made += 1
        self._counters[kind].inc()
        clock = self._timekeeping.state(now.mono_us)
        fact = Fact(
            self.made,
            stream_id,
            kind,
            body,
            now.utc_us,
            now.mono_us,
            clock,
            salt(),
            self._node,
            self._boot,
            fence,
            epoch,
        )
        return Appended(fact, size)
