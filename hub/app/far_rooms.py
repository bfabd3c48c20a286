"""The disks of the nodes that record, as retention looks after them. Each is asked at its own door, because what it
told some seconds ago may be from before the last deletion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog
from pydantic import BaseModel, ConfigDict, StrictInt, ValidationError

from hub.app.membership import Membership
from hub.cluster.node_shelf import NodeShelf
from hub.retention.files import Usage
from hub.retention.rooms import OWN, Room
from hub.retention.space import Marks

log = structlog.get_logger(__name__)


class RoomTold(BaseModel):
    """What GET /node/room answers: of the disk of a node that records."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    total_bytes: StrictInt
    free_bytes: StrictInt
    low_bytes: StrictInt
    bytes_per_s: StrictInt
    leaving_bytes: StrictInt | None
    """What leaves it for the archive by itself; None: there is no archive."""

    def room(self) -> Room:
        usage = Usage(self.total_bytes, self.free_bytes)
        return Room(usage, Marks.above(self.low_bytes), float(self.bytes_per_s), self.leaving_bytes)


class FarRooms:
    """See :class:`hub.retention.rooms.Rooms`. ``own``: the name of this node, whose disk is the office's too."""

    def __init__(self, membership: Membership, nodes: NodeShelf, own: str) -> None:
        self._membership = membership
        self._nodes = nodes
        self._own = own

    def look(self) -> Mapping[str, Room]:
        found = {}
        for place in self._membership.all_recording():
            try:
                told = RoomTold.model_validate_json(self._nodes.ask(place.url, "room"))
            except (OSError, ValidationError) as error:
                log.warning("a node does not say what room it has", node=place.name, problem=str(error))
                continue
            found[self._name(place.name)] = told.room()
        return found

    def where(self, reels: Iterable[str]) -> Mapping[str, str]:
        places = self._membership.places.of_many(reels)
        return {reel: self._name(node) for reel, node in places.items()}

    def _name(self, node: str) -> str:
        return OWN if node == self._own else node
