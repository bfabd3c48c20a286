"""A node among others: its lease, who leads, how all streams are, and what it says. Every role stands on this."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from hub.app.far_whip import Place
from hub.app.meanwhile import Work
from hub.app.node_figures import NodesTold
from hub.clock import Clock
from hub.cluster.bus import FIGURES, NEWS, STANDING, Listening, Saying
from hub.cluster.leases import LeaderLease, Member, Members
from hub.cluster.messages import BadMessage, Message
from hub.cluster.node_shelf import REELS
from hub.cluster.ownership import STARTS
from hub.cluster.redis_link import RedisLink
from hub.cluster.reel_places import ReelPlaces
from hub.cluster.standing import Standing, Standings
from hub.settings import Settings

log = structlog.get_logger(__name__)

SERVES, LEADS = "api", "notary"
_HAVE_DISKS = frozenset({STARTS, LEADS})
ORDERS_CHANGED = "orders"


class Membership:
    """One a process, whatever its roles. Everything is asked from memory, on the event loop."""

    def __init__(self, settings: Settings, clock: Clock, link: RedisLink, url: str, places: ReelPlaces) -> None:
        roles = frozenset(one for one in (STARTS, SERVES, LEADS) if settings.plays(one))
        me = Member(settings.node_name, url, roles)
        self.link = link
        self.places = places
        self.members = Members(link, clock, me, lease_s=settings.lease_s)
        self.lease = LeaderLease(
            link, clock, self.members, lease_s=settings.lease_s,
            wants=lambda: LEADS in roles and not self.members.me.draining and not self.leaving,
        )  # fmt: skip
        self.saying = Saying(link, clock, me.name)
        self.standings = Standings(clock)
        self.nodes = NodesTold(clock)
        self.leaving = False
        """This node stops: it leads no more."""
        self._clock = clock
        self._orders: list[Callable[[], None]] = []

    def works(self) -> Sequence[Work]:
        return (
            self.members.run,
            self.lease.run,
            self.saying.run,
            Listening(self.link, self._clock, STANDING, self._hear_standing).run,
            Listening(self.link, self._clock, NEWS, self._hear_news).run,
        )

    def on_orders(self, listener: Callable[[], None]) -> None:
        """The office has written orders."""
        self._orders.append(listener)

    def tell_orders(self) -> None:
        self.saying.news(ORDERS_CHANGED)

    def _hear_standing(self, message: Message) -> None:
        try:
            if message.kind == FIGURES:
                self.nodes.hear(message)
                self.nodes.keep(self.members.seen().keys())
            else:
                self.standings.hear(message)
        except BadMessage as error:
            log.warning("how a stream or a node is cannot be read", node=message.node, error=str(error))

    def _hear_news(self, message: Message) -> None:
        if message.kind == ORDERS_CHANGED:
            for listener in self._orders:
                listener()

    # ------------------------------------------------------------------------------------ places

    def leader_url(self) -> str | None:
        leader = self.lease.leader()
        return None if leader is None else leader.url

    def owner_url(self, stream_id: str) -> str | None:
        """Where a stream is recorded, as it was told last."""
        owner = self.owner(stream_id)
        return None if owner is None else owner.url

    def owner(self, stream_id: str) -> Place | None:
        standing = self.standings.of(stream_id)
        return None if standing is None else self.find(standing.node)

    def open(self) -> Sequence[Place]:
        seen = self.members.seen().values()
        return [Place(one.name, one.url, one.streams) for one in seen if STARTS in one.roles and not one.draining]

    def all_recording(self) -> Sequence[Place]:
        seen = self.members.seen().values()
        return [Place(one.name, one.url, one.streams) for one in seen if STARTS in one.roles]

    def reel_nodes(self, path: str) -> Sequence[str]:
        """The address of the node on whose disk a reel lies; nothing: on nobody's. Of what lies beside footage: of all
        who may have it. Blocks, from any thread. Raises OSError where PostgreSQL does not say, or that node is away."""
        if not path.startswith(REELS):
            return [one.url for one in self.members.seen().values() if one.roles & _HAVE_DISKS]
        name = self.places.of(path)
        if name is None:
            return ()
        place = self.find(name)
        if place is None:
            raise OSError(f"it lies on the disk of the node {name}, which is away")
        return (place.url,)

    def find(self, name: str) -> Place | None:
        found = self.members.seen().get(name)
        return None if found is None else Place(found.name, found.url, found.streams)

    def standing(self, stream_id: str) -> Standing | None:
        return self.standings.of(stream_id)
