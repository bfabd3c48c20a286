"""What an outside authority is to the hub: somebody who is shown a checkpoint and gives something back for it.

A witness gives a cosignature (C2SP tlog-cosignature), a timestamp authority a token (RFC 3161).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from hub.errors import HubError

Kind = Literal["witness", "timestamp"]


class AnchorRefused(HubError):
    """An authority was not reached, refused, or answered what cannot be trusted. Asked again later.

    ``code``: ``unreachable``, ``refused`` (it answered, but not with what was asked for), ``bad_answer`` (what it
    gave does not hold).
    """

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Received:
    """What one authority gave for one checkpoint; already checked by whoever made this.

    ``data``: for a witness one signature line ``— name base64\\n``, for a timestamp authority the DER of the
    TimeStampToken. ``time_us``: the time that the authority states, µs UTC. ``root_hex`` and ``size`` are the
    checkpoint's.
    """

    kind: Kind
    authority: str
    size: int
    root_hex: str
    time_us: int
    data: bytes


class Authority(Protocol):
    """One configured authority. ``name`` is unique among those of a hub."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    async def anchor(self, note: str) -> Received:
        """Ask for an anchor of this signed checkpoint (the whole note, signature lines included).

        Ends within a bounded time. Raises HubError (best: :class:`AnchorRefused`); anything else is a fault that is
        logged and treated the same.
        """
        ...
