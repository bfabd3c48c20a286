"""Room on several disks: what goes for want of it lies where it is wanting, and a disk that nothing leaves is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hub.ledger.entries import EntryType
from hub.retention.files import Usage
from hub.retention.rooms import OWN, Room
from hub.retention.space import Marks
from tests.retention_support import START_US, Place, bodies, running

GIB = 1 << 30
FULL, EMPTY = GIB // 2, 50 * GIB


@dataclass
class Nodes:
    """Disks of other nodes; reels of a stream lie on the disk of its name."""

    free: dict[str, int]
    leaving: int | None = None
    away: bool = False
    unknown: set[str] = field(default_factory=set)

    def look(self) -> Mapping[str, Room]:
        return {
            name: Room(Usage(100 * GIB, free), Marks.above(GIB), 1e6, self.leaving) for name, free in self.free.items()
        }

    def where(self, reels: Iterable[str]) -> Mapping[str, str]:
        if self.away:
            raise OSError("PostgreSQL is away")
        return {reel: f"node-{reel.split('/')[1][-1]}" for reel in reels}


async def two_years_of(place: Place, nodes: Nodes) -> tuple[list[str], list[str]]:
    """Of cam-a, on node-a, and of cam-b, on node-b, which is older."""
    place.retention._rooms, place.retention._where = nodes, {}
    older = await place.record("cam-b", 2)
    newer = await place.record("cam-a", 2, at_us=START_US + 60_000_000)
    place.days(367)
    return newer, older


async def test_room_is_made_on_the_disk_that_is_short_of_it(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        nodes = Nodes({"node-a": FULL, "node-b": EMPTY})
        _, older = await two_years_of(place, nodes)
        await place.passes()
        assert place.there("cam-b") == older, "it is older, but its disk has room"
        assert place.there("cam-a") == []
        assert {one["rule"] for one in bodies(place, "cam-a", EntryType.TOMBSTONE)} == {"room"}


async def test_no_more_goes_than_makes_room(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        nodes = Nodes({"node-a": EMPTY, "node-b": EMPTY})
        newer, _ = await two_years_of(place, nodes)
        size = (place.folder.data / newer[0]).stat().st_size
        nodes.free["node-a"] = 2 * GIB - size
        place.retention._freeing = {"node-a"}
        await place.passes(1)
        assert place.there("cam-a") == newer, "not before it is signed"
        await place.passes(1)
        nodes.free["node-a"] += size
        await place.passes()
        assert place.there("cam-a") == newer[1:]


async def test_a_full_disk_with_nothing_that_may_go_is_told_by_its_name(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        nodes = Nodes({"node-a": EMPTY, "node-b": EMPTY})
        place.retention._rooms = nodes
        await place.record("cam-a", 2)
        nodes.free["node-b"] = FULL
        await place.passes()
        kind, data = place.told[-1]
        assert (kind, data["node"], data["free_bytes"]) == ("storage.low", "node-b", FULL)
        assert data["full_at"] is not None
        assert "on node-b" in place.retention.problem
        assert "no footage may go" in place.retention.problem
        nodes.free["node-b"] = EMPTY
        await place.passes(1)
        assert (place.told[-1][0], place.retention.problem) == ("storage.ok", "ok")


async def test_with_an_archive_nothing_is_deleted_for_want_of_room(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        nodes = Nodes({"node-a": FULL, "node-b": FULL}, leaving=5)
        newer, older = await two_years_of(place, nodes)
        await place.passes()
        assert (place.there("cam-a"), place.there("cam-b")) == (newer, older)
        assert place.retention.problem == "ok", "what is in the archive leaves by itself"
        nodes.leaving = 0
        await place.passes(1)
        assert "on node-a" in place.retention.problem


@pytest.mark.parametrize("why", ["nobody says where reels lie", "the node is away"])
async def test_what_cannot_be_told_frees_nothing(tmp_path: Path, why: str) -> None:
    async with running(tmp_path) as place:
        nodes = Nodes({"node-a": FULL})
        newer, older = await two_years_of(place, nodes)
        nodes.away = why.startswith("nobody")
        nodes.free = nodes.free if nodes.away else {}
        await place.passes()
        assert (place.there("cam-a"), place.there("cam-b")) == (newer, older)
        nodes.away, nodes.free = False, {"node-a": FULL}
        await place.passes()
        assert place.there("cam-a") == []


async def test_this_hub_s_own_disk_is_one_of_them(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        nodes = Nodes({OWN: FULL, "node-b": EMPTY})
        await two_years_of(place, nodes)
        await place.passes()
        assert "no footage may go" in place.retention.problem, "what may go lies elsewhere"
        assert place.told[-1][0] == "storage.low"
        assert "node" not in place.told[-1][1]
