"""The labels in force, and whom they hide what from. Asked on the event loop, from memory; never blocks.

Every change is an entry ``label`` in the stream's chain. What hides holds from the moment that it is said; what shows
again only once its entry is durable.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import structlog

from hub.clock import Clock
from hub.errors import Conflict, HubError, InvalidRequest, NotFound
from hub.labels.model import MAX_CLEARED, MAX_REASON, Action, Label, Secrecy, labels_from
from hub.ledger.entries import Entry, EntryType, JsonValue
from hub.ledger.seam import EntryMade
from hub.people.rights import WITHOUT_PICTURES, Right
from hub.people.standing import Standing

MAX_IN_FORCE = 10_000
"""Of the hub; on one stream a tenth of it."""
_log = structlog.get_logger(__name__)

Tell = Callable[[str, Mapping[str, Any]], None]
Ended = Callable[[str], Awaitable[int | None]]
"""When an activity ended; None: it lasts."""


class Ledger(Protocol):
    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade: ...  # noqa: A002
    async def committed(self) -> None: ...
    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None: ...


class Labels:
    """``unit_of`` gives a stream's unit; empty for one that is unknown: then it belongs to the root."""

    def __init__(
        self, clock: Clock, ledger: Ledger, unit_of: Callable[[str], str], tell: Tell = lambda _type, _data: None
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._unit_of = unit_of
        self._tell = tell
        self._known: dict[str, Label] = {}
        self._by_stream: dict[str, dict[str, Label]] = {}

    async def start(self, entries: Iterable[tuple[str, int, Mapping[str, Any]]], ended: Ended) -> None:
        """Take up what the entries say (``Reader.labels``); the end of an activity that was missed is made up for."""
        for label in labels_from(entries).values():
            self._put(label)
        self._ledger.on_commit(self._heard)
        for label in [one for one in self._known.values() if one.in_force and one.activity and one.to_us is None]:
            end_us = await ended(label.activity)
            if end_us is not None:
                self._end(label, end_us)

    # ------------------------------------------------------------------------------------ reading

    def get(self, ident: str) -> Label:
        """Raises NotFound."""
        found = self._known.get(ident)
        if found is None:
            raise NotFound(f"no label has the id {ident[:63]!r}", code="unknown_label")
        return found

    def all(self) -> list[Label]:
        """Lifted ones too, newest first."""
        return sorted(self._known.values(), key=lambda one: (one.at_us, one.id), reverse=True)

    def touching(self, stream_id: str, from_us: int, to_us: int) -> tuple[Label, ...]:
        """In force, over any of that time of the stream."""
        own = self._by_stream.get(stream_id)
        return tuple(one for one in own.values() if one.touches(from_us, to_us)) if own else ()

    def of_stream_now(self, stream_id: str) -> tuple[Label, ...]:
        """In force over this moment."""
        now_us = self._clock.now().utc_us
        return self.touching(stream_id, now_us, now_us + 1)

    def sees(self, standing: Standing, label: Label) -> bool:
        """By the right over the stream, or cleared by name. Who sees no pictures by their role is cleared of none."""
        if standing.may(Right.LABELS_SEE, self._unit_of(label.stream_id)):
            return True
        return standing.name in label.cleared and not WITHOUT_PICTURES & standing.roles

    def hidden(self, standing: Standing, stream_id: str, from_us: int, to_us: int) -> tuple[Label, ...]:
        """Those that hide something of that time from this person."""
        return tuple(one for one in self.touching(stream_id, from_us, to_us) if not self.sees(standing, one))

    # ----------------------------------------------------------------------------------- changing

    async def set(
        self,
        stream_id: str,
        kind: Secrecy,
        reason: str,
        *,
        by: str,
        from_us: int | None = None,
        to_us: int | None = None,
        activity: str = "",
        cleared: Iterable[str] = (),
    ) -> Label:
        """Hides from this call on. Raises InvalidRequest, Conflict, LedgerError."""
        reason, names = _reason(reason), frozenset(cleared)
        if from_us is not None and to_us is not None and from_us >= to_us:
            raise InvalidRequest("to: expected a time after from", code="bad_time")
        if len(names) > MAX_CLEARED:
            raise InvalidRequest(f"cleared: expected at most {MAX_CLEARED} people", code="too_many_cleared")
        own = self._by_stream.get(stream_id, {})
        if len(own) >= MAX_IN_FORCE // 10 or sum(map(len, self._by_stream.values())) >= MAX_IN_FORCE:
            raise Conflict("there are too many labels; lift those that hold no more", code="too_many_labels")
        now_us = self._clock.now().utc_us
        ident = f"label-{secrets.token_hex(6)}"
        label = Label(ident, stream_id, kind, reason, by, now_us, from_us, to_us, activity, names)
        entry = self._ledger.append(stream_id, EntryType.LABEL, label.body())
        label = replace(label, at_us=entry.t_hub_us)
        self._put(label)
        self._announce(label, Action.SET, by)
        await self._ledger.committed()
        return label

    async def withdraw(self, ident: str, reason: str, *, by: str) -> Label:
        """Shows again once the entry is durable. Raises NotFound, Conflict, InvalidRequest, LedgerError."""
        label, reason = self.get(ident), _reason(reason)
        if not label.in_force:
            raise Conflict("this label was lifted already", code="label_withdrawn")
        body: dict[str, JsonValue] = {"id": ident, "action": Action.WITHDRAW.value, "by": by, "reason": reason}
        entry = self._ledger.append(label.stream_id, EntryType.LABEL, body)
        await self._ledger.committed()
        label = replace(self.get(ident), withdrawn_by=by, withdrawn_us=entry.t_hub_us, withdrawn_reason=reason)
        self._put(label)
        self._announce(label, Action.WITHDRAW, by)
        return label

    # ------------------------------------------------------------------------------------- within

    def _put(self, label: Label) -> None:
        self._known[label.id] = label
        own = self._by_stream.setdefault(label.stream_id, {})
        if label.in_force:
            own[label.id] = label
        else:
            own.pop(label.id, None)

    def _announce(self, label: Label, action: Action, by: str) -> None:
        data = {"id": label.id, "stream": label.stream_id, "kind": label.kind.value, "action": action.value, "by": by}
        self._tell("label.changed", data)

    def _heard(self, entries: Sequence[Entry]) -> None:
        """An activity that ended: its label goes no further."""
        for entry in entries:
            if entry.type is not EntryType.ACTIVITY or entry.body.get("action") != "end":
                continue
            for label in list(self._by_stream.get(entry.stream_id, {}).values()):
                if label.activity == entry.body.get("id") and label.to_us is None:
                    self._end(label, int(entry.body["at_us"]))

    def _end(self, label: Label, end_us: int) -> None:
        ended = replace(label, to_us=max(end_us, (label.from_us or 0) + 1))
        try:
            self._ledger.append(label.stream_id, EntryType.LABEL, ended.body() | {"by": "hub"})
        except HubError as error:  # it hides more than it must until the next start
            _log.error("the end of a labelled activity could not be entered", label=label.id, error=str(error))
            return
        self._put(ended)


def _reason(text: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_REASON:
        raise InvalidRequest(f"reason: expected 1 to {MAX_REASON} characters", code="reason_missing")
    return text
