"""One look at what was recorded: who may play which streams, from when to when, why, and until when. Frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from hub.clock import rfc3339
from hub.looks.ranges import Range

MAX_STREAMS = 16
MAX_TEXT = 500


class LookState(StrEnum):
    PENDING = "pending"
    """It waits for somebody who decides; what nobody decides lapses at ``ends_us``."""
    OPEN = "open"
    REFUSED = "refused"
    ENDED = "ended"
    """By the clock, by who asked, or by who may approve."""


class Grant(StrEnum):
    """By what right it is, or would be, open."""

    STANDING = "standing"
    """The right playback.view over every stream of it, which must still hold when it is used."""
    APPROVAL = "approval"


class Note(Protocol):
    """Makes an entry ``access``. Raises LedgerError where the ledger takes nothing."""

    def __call__(self, by: str, what: str, reason: str = "", *, stream: str, **facts: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Look:
    """``from_us`` … ``to_us`` is what may be played, hub UTC; ``ends_us`` is until when, or until when it waits.

    ``used`` are the streams that were played already."""

    id: str
    by: str
    streams: tuple[str, ...]
    from_us: int
    to_us: int
    reason: str
    asked_us: int
    grant: Grant
    state: LookState
    ends_us: int
    decided_by: str = ""
    decided_us: int | None = None
    note: str = ""
    used: tuple[str, ...] = ()

    @property
    def lives(self) -> bool:
        return self.state in (LookState.PENDING, LookState.OPEN)

    @property
    def range(self) -> Range:
        return self.from_us, self.to_us

    def json(self) -> dict[str, Any]:
        """As HTTP and the events show it."""
        return {
            "id": self.id,
            "state": str(self.state),
            "streams": list(self.streams),
            "from": rfc3339(self.from_us),
            "to": rfc3339(self.to_us),
            "reason": self.reason,
            "by": self.by,
            "asked_at": rfc3339(self.asked_us),
            "decided_by": self.decided_by,
            "decided_at": None if self.decided_us is None else rfc3339(self.decided_us),
            "note": self.note,
            "ends_at": rfc3339(self.ends_us),
        }

    def facts(self) -> dict[str, Any]:
        """Of its entries, beside who, what and why. Its other streams say the same in their own chains."""
        return {
            "look": self.id,
            "grant": str(self.grant),
            "asked_by": self.by,
            "approved_by": self.decided_by if self.state is LookState.OPEN and self.grant is Grant.APPROVAL else "",
            "from_us": self.from_us,
            "to_us": self.to_us,
        }

    def kept(self) -> dict[str, Any]:
        """As the database keeps it: what :func:`look_of` reads."""
        return asdict(self)


def look_of(values: Mapping[str, Any]) -> Look:
    lists: dict[str, Sequence[str]] = {"streams": tuple(values["streams"]), "used": tuple(values["used"])}
    return Look(**{**values, **lists, "grant": Grant(values["grant"]), "state": LookState(values["state"])})
