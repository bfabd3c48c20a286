"""How far the log is anchored, per authority and as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hub.anchoring.authority import Kind
from hub.clock import rfc3339

State = Literal["waiting", "ok", "late"]
LATE_AFTER = 3.0
"""Regular intervals without an anchor, after which the authority counts as late."""
NO_WITNESS = "no outside witness"


@dataclass(frozen=True, slots=True)
class AuthorityStatus:
    """One authority. Times are µs UTC: ``anchored_us`` by the authority's clock, the others by the hub's.

    ``unanchored_since_us``: what was recorded after this is not anchored by it; None: everything signed is.
    ``state``: ``waiting`` before the first anchor of a new hub is due, ``late`` when none came for three intervals.
    """

    name: str
    kind: Kind
    state: State
    size: int
    anchored_us: int | None
    unanchored_since_us: int | None
    error: str
    error_us: int | None

    def json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "size": self.size,
            "anchored_at": _time(self.anchored_us),
            "unanchored_since": _time(self.unanchored_since_us),
            "error": self.error,
            "error_at": _time(self.error_us),
        }


@dataclass(frozen=True, slots=True)
class LogStatus:
    """The whole: the newest checkpoint's size, and every authority."""

    size: int
    authorities: tuple[AuthorityStatus, ...]

    @property
    def state(self) -> str:
        """``no outside witness``; ``late`` while every authority is late; else ``ok``: one that anchors is enough."""
        if not self.authorities:
            return NO_WITNESS
        return "late" if all(one.state == "late" for one in self.authorities) else "ok"

    @property
    def unanchored_since_us(self) -> int | None:
        """Since when nobody outside vouches for what is recorded; None: all that is signed is anchored by somebody, or
        there is nobody to do it."""
        since = [one.unanchored_since_us for one in self.authorities]
        if not since or None in since:
            return None
        return max(one for one in since if one is not None)

    def json(self) -> dict[str, object]:
        return {
            "state": self.state,
            "size": self.size,
            "anchored_size": max((one.size for one in self.authorities), default=0),
            "unanchored_since": _time(self.unanchored_since_us),
            "authorities": [one.json() for one in self.authorities],
        }


class Standing:
    """What is known of one authority, from which its status is told."""

    def __init__(self, name: str, kind: Kind, every_s: float) -> None:
        self.name, self._kind = name, kind
        self._late_after_us = round(LATE_AFTER * every_s * 1_000_000)
        self._anchored_us: int | None = None
        self._covered_us = 0
        self._began_us = 0
        self._error = ""
        self._error_us: int | None = None
        self._told: State = "waiting"
        self.size = 0

    def began(self, now_us: int) -> None:
        """The hub began to ask at this time."""
        self._began_us = now_us

    def anchored(self, size: int, at_us: int, covered_us: int) -> None:
        """``covered_us``: hub time until which everything written is under the anchored head."""
        self.size, self._anchored_us, self._covered_us = size, at_us, covered_us
        self._error, self._error_us = "", None

    def failed(self, error: str, now_us: int) -> None:
        self._error, self._error_us = error, now_us

    def status(self, size: int, now_us: int) -> AuthorityStatus:
        """``size``: of the newest checkpoint."""
        since_us = None if self.size >= size else self._covered_us or self._began_us
        state: State = "ok" if self.size else "waiting"
        if since_us is not None and now_us - max(since_us, self._began_us) > self._late_after_us:
            state = "late"
        return AuthorityStatus(
            self.name, self._kind, state, self.size, self._anchored_us, since_us, self._error, self._error_us
        )

    def changed(self, state: State) -> State | None:
        """The state, if it is another than was told last."""
        if state == self._told:
            return None
        self._told = state
        return state


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
