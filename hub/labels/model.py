"""A label, as its ledger entries tell it. Pure.

Nothing is edited: a label is what its last entry ``set`` says, until an entry ``withdraw`` lifts it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

MAX_CLEARED = 100
MAX_REASON = 2000


class Secrecy(StrEnum):
    """A§25, 002§26, 004§37."""

    STATE_SECRET = "state_secret"  # noqa: S105  a word, not a password
    """国家秘密"""
    TRADE_SECRET = "trade_secret"  # noqa: S105
    """商业秘密"""
    PRIVACY = "privacy"
    """个人隐私"""


class Action(StrEnum):
    SET = "set"
    WITHDRAW = "withdraw"


WORDS: Mapping[Secrecy, str] = {
    Secrecy.STATE_SECRET: "国家秘密",
    Secrecy.TRADE_SECRET: "商业秘密",
    Secrecy.PRIVACY: "个人隐私",
}
_STRICTEST = tuple(Secrecy)


@dataclass(frozen=True, slots=True)
class Label:
    """Times are hub UTC, µs, half open; ``from_us`` None: from the beginning, ``to_us`` None: until it is lifted.
    ``activity``: the enforcement activity that is labelled; empty: the stream, or a range of it. ``cleared``: usernames
    of who may see it beside those who may by their right."""

    id: str
    stream_id: str
    kind: Secrecy
    reason: str
    by: str
    at_us: int
    from_us: int | None = None
    to_us: int | None = None
    activity: str = ""
    cleared: frozenset[str] = field(default_factory=frozenset)
    withdrawn_by: str = ""
    withdrawn_us: int | None = None
    withdrawn_reason: str = ""

    @property
    def in_force(self) -> bool:
        return self.withdrawn_us is None

    def touches(self, from_us: int, to_us: int) -> bool:
        """Whether any of that time is labelled. A moment is a µs long."""
        to_us = max(to_us, from_us + 1)
        return (self.from_us is None or self.from_us < to_us) and (self.to_us is None or from_us < self.to_us)

    def body(self) -> dict[str, Any]:
        """Of its entry ``set``."""
        body: dict[str, Any] = {
            "id": self.id, "action": Action.SET.value, "by": self.by, "kind": self.kind.value, "reason": self.reason,
            "cleared": sorted(self.cleared),
        }  # fmt: skip
        if self.from_us is not None:
            body["from_us"] = self.from_us
        if self.to_us is not None:
            body["to_us"] = self.to_us
        if self.activity:
            body["activity"] = self.activity
        return body


def follow(known: Label | None, stream_id: str, at_us: int, body: Mapping[str, Any]) -> Label:
    """The label after one more entry. Raises ValueError, KeyError or TypeError for one that fits nothing."""
    action = Action(body["action"])
    if known is not None and known.stream_id != stream_id:
        raise ValueError("expected a label's entries in one chain")
    if action is Action.WITHDRAW:
        if known is None:
            raise ValueError("expected a label first")
        return replace(known, withdrawn_by=body["by"], withdrawn_us=at_us, withdrawn_reason=body["reason"])
    from_us, to_us = body.get("from_us"), body.get("to_us")
    if not all(one is None or isinstance(one, int) for one in (from_us, to_us)):
        raise TypeError("expected times in µs")
    return Label(
        id=str(body["id"]),
        stream_id=stream_id,
        kind=Secrecy(body["kind"]),
        reason=body["reason"],
        by=body["by"] if known is None else known.by,
        at_us=at_us if known is None else known.at_us,
        from_us=from_us,
        to_us=to_us,
        activity=str(body.get("activity", "")),
        cleared=frozenset(str(one) for one in body.get("cleared", ())),
    )


def labels_from(entries: Iterable[tuple[str, int, Mapping[str, Any]]]) -> dict[str, Label]:
    """By id, of entries in their order: stream, hub UTC (µs), body. What fits nothing stays an entry."""
    found: dict[str, Label] = {}
    for stream_id, at_us, body in entries:
        try:
            label = follow(found.get(str(body["id"])), stream_id, at_us, body)
        except (KeyError, TypeError, ValueError):
            continue
        found[label.id] = label
    return found


def strictest(labels: Iterable[Label]) -> Secrecy | None:
    """The gravest kind of them."""
    return min((one.kind for one in labels), key=_STRICTEST.index, default=None)
