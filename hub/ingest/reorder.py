"""Packets that overtook others, held until the missing ones come or are given up."""

from __future__ import annotations

from dataclasses import dataclass

from hub.clock import Instant

US_PER_MS = 1000


@dataclass(frozen=True, slots=True)
class ReorderWindow:
    """How long and how many packets wait for a missing one. On TCP there is no window: None.

    Larger jumps than ``packets`` are not waited for: that much is not reordering. ``settle_us``: how long the very
    first packet is held, for one that it may have overtaken; nothing tells that there was one.
    """

    hold_us: int = 100 * US_PER_MS
    packets: int = 512
    settle_us: int = 0


class HeldPackets:
    """The packets behind a gap, by extended sequence number."""

    __slots__ = ("_highest", "held", "window")

    def __init__(self, window: ReorderWindow) -> None:
        self.window = window
        self.held: dict[int, tuple[bytes, Instant]] = {}
        """Always the same object: the hot path asks it alone whether anything waits."""
        self._highest = 0

    def __len__(self) -> int:
        return len(self.held)

    def put(self, seq: int, packet: bytes, arrival: Instant) -> None:
        """A packet ahead of the next one expected; a second copy changes nothing."""
        self.held.setdefault(seq, (packet, arrival))
        self._highest = max(self._highest, seq) if len(self.held) > 1 else seq

    def pop(self, seq: int) -> tuple[bytes, Instant] | None:
        return self.held.pop(seq, None)

    def first(self) -> int:
        """The lowest number held. Only when something is held."""
        return min(self.held)

    def missing(self, expected: int) -> list[int]:
        """Extended numbers between ``expected`` and the highest held that have not come."""
        held = self.held
        return [seq for seq in range(expected, self._highest) if seq not in held] if held else []

    def overdue(self, expected: int, now: Instant) -> bool:
        """Whether the gap at ``expected`` has been waited for long enough."""
        held = self.held
        if not held:
            return False
        if len(held) >= self.window.packets or self._highest - expected > self.window.packets:
            return True
        # The packet behind the gap need not be the one that came first after it.
        waited_since = min(arrival.mono_us for _, arrival in held.values())
        return now.mono_us - waited_since >= self.window.hold_us

    def clear(self) -> None:
        self.held.clear()
