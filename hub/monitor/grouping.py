"""Incidents of the running hub: which streams have what in common at this moment, and telling of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from hub.clock import US_PER_S, Instant
from hub.model import Interruption, RtspSource, Stream
from hub.monitor.events import EventBus
from hub.monitor.incidents import Group, Incident, Incidents, groups_by

_FRESH_US = US_PER_S
"""A whole hall that breaks off at once asks for the groups of each of its streams."""


class Grouping:
    """``due``: the streams of which something is due now. ``path``: a unit and what is above it, innermost first."""

    def __init__(
        self, due: Callable[[], Iterable[Stream]], path: Callable[[str], Sequence[str]], events: EventBus
    ) -> None:
        self._due = due
        self._path = path
        self._events = events
        self._groups: Callable[[str], Sequence[Group]] = groups_by({})
        self._grouped_us: int | None = None
        self._now = Instant(0, 0)
        self.incidents = Incidents(self._groups_of)

    def take(self, one: Interruption, now: Instant) -> str | None:
        """The incident that a change belongs to, told before the change itself is: one alarm rings, not fifty."""
        self._now = now
        for change in self.incidents.take(one, now.utc_us):
            self._events.publish(f"incident.{change.word}", change.incident.json(), now)
        return self.incidents.of(one.id)

    def restore(self, interruptions: Iterable[Interruption]) -> None:
        """What the ledger has of the last days, by start: incidents are no facts of their own."""
        for one in sorted(interruptions, key=lambda one: (one.started_us, one.id)):
            self.incidents.take(one, one.detected_us)

    def of(self, interruption_id: str) -> str | None:
        return self.incidents.of(interruption_id)

    def all(self) -> Sequence[Incident]:
        return self.incidents.all()

    def _groups_of(self, stream_id: str) -> Sequence[Group]:
        if self._grouped_us is None or self._now.mono_us - self._grouped_us > _FRESH_US:
            self._grouped_us = self._now.mono_us
            self._groups = groups_by({one.id: (subnet_of(one), self._path(one.unit)) for one in self._due()})
        return self._groups(stream_id)


def subnet_of(stream: Stream) -> str:
    """Cameras behind one switch mostly share a /24 (IPv6: /64); empty where the address is a name."""
    if not isinstance(stream.source, RtspSource):
        return ""
    try:
        address = ip_address(urlsplit(stream.source.url).hostname or "")
    except ValueError:
        return ""
    if address.is_loopback:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 64), strict=False))
