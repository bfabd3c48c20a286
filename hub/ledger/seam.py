"""What the rest of the hub sees of a ledger: the embedded one, and those of a cluster's nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from hub.ledger.entries import Entry, EntryType, JsonValue
from hub.ledger.reader import Reader

Listener = Callable[[Sequence[Entry]], None]


class EntryMade(Protocol):
    """What an append gives back at once. ``seq`` and ``leaf`` (hex) are known for sure once it is committed: in a
    cluster the database gives an entry its place."""

    @property
    def stream_id(self) -> str: ...
    @property
    def type(self) -> EntryType: ...
    @property
    def body(self) -> Mapping[str, Any]: ...
    @property
    def t_hub_us(self) -> int: ...
    @property
    def t_mono_us(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def leaf(self) -> str: ...


class AnyLedger(Protocol):
    """What a pipeline, and most rooms, need of a ledger. For the event loop."""

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade:  # noqa: A002
        """Cheap, never blocks. Raises BadEntry, LedgerError."""
        ...

    async def committed(self) -> None:
        """Everything appended so far is durable, and readers see it."""
        ...

    def on_commit(self, listener: Listener) -> None:
        """``listener(entries)`` is called on the event loop after each commit, and must not block."""
        ...

    def next_run(self, stream_id: str) -> int:
        """A number that nothing of the stream has yet: for a run, or an id. The entry that uses it is appended next."""
        ...

    @property
    def problem(self) -> str: ...
    @property
    def waiting_bytes(self) -> int: ...


class OpenLedger(AnyLedger, Protocol):
    """A ledger with its read side: what is committed is read there."""

    @property
    def reader(self) -> Reader: ...
