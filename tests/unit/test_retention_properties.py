"""Whatever happens in whatever order: nothing under a hold, in an open case or below its least term is tombstoned."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.clock import ManualClock
from hub.errors import HubError
from hub.ledger.deletions import Deletions, TombstonedReel
from hub.ledger.entries import ZERO_LEAF, Entry, EntryType, check_body
from hub.ledger.keeping import DAY_US
from hub.ledger.retained import HoldRow, ReelRow, Standing
from hub.retention.files import Usage
from hub.retention.retention import Retention
from hub.settings import Settings

STREAMS = ("cam-a", "cam-b")
CLASSES = ("patrol=366", "evidence=400..500", "window=30..60", "risk=700")
LEAST_DAYS = {"cam-a": 366, "cam-b": 30}
GIB = 1 << 30


@dataclass
class World:
    """Ledger, database and disk in memory, and an oracle of its own over what was done."""

    clock: ManualClock = field(default_factory=ManualClock)
    entries: list[Entry] = field(default_factory=list)
    reels: dict[str, ReelRow] = field(default_factory=dict)
    there: set[str] = field(default_factory=set)
    free: int = 100 * GIB
    signed: int = 0
    holds: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """In force: stream, from, to."""
    terms: list[tuple[str, int, int, int]] = field(default_factory=list)
    """Stream, from, to, days: of every class a range was put into."""
    cases: dict[str, tuple[str, int, int, int | None]] = field(default_factory=dict)
    """By id: stream, from, to, kept until (None: open)."""
    deleted: int = 0

    def __post_init__(self) -> None:
        self.verifiers = {stream: Deletions(stream) for stream in STREAMS}

    # ------------------------------------------------------------------------------- the ledger

    def next_run(self, stream_id: str) -> int:
        return sum(entry.stream_id == stream_id for entry in self.entries)

    def append(self, stream_id: str, kind: EntryType, body: Mapping[str, Any]) -> Entry:
        check_body(stream_id, kind, body)
        leaf = hashlib.sha256(str(len(self.entries)).encode()).hexdigest()
        now, seq = self.clock.now(), self.next_run(stream_id)
        entry = Entry(stream_id, seq, kind, 0, ZERO_LEAF, now.utc_us, now.mono_us, body, "test/log", b"", leaf)
        self.entries.append(entry)
        if kind is EntryType.TOMBSTONE:
            for reel in body["reels"]:
                self.must_be_lawful(stream_id, self.reels[reel["reel"]])
        elif kind is EntryType.DELETED:
            for name in body["reels"]:
                self.must_be_lawful(stream_id, self.reels[name])
                self.deleted += 1
        self.verifiers[stream_id].entry(entry, f"entry {seq}")
        return entry

    async def committed(self) -> None:
        pass

    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None:
        pass

    def must_be_lawful(self, stream: str, reel: ReelRow) -> None:
        now_us = self.clock.now().utc_us
        for ident, (where, from_us, to_us) in self.holds.items():
            assert not (where == stream and from_us < reel.end_us and to_us > reel.first_us), f"held by {ident}"
        least = LEAST_DAYS[stream]
        for where, from_us, to_us, days in self.terms:
            if where == stream and from_us < reel.end_us and to_us > reel.first_us:
                least = max(least, days)
        assert now_us - reel.end_us >= least * DAY_US, f"only {(now_us - reel.end_us) / DAY_US} of {least} days old"
        for where, from_us, to_us, until in self.cases.values():
            if where == stream and from_us < reel.end_us and to_us > reel.first_us:
                assert until is not None, "the case is open"
                assert until <= now_us, "the term of the case has not ended"

    # ----------------------------------------------------------------------------- the database

    def holds_rows(self) -> list[HoldRow]:
        return []

    def streams(self) -> list[str]:
        return list(STREAMS)

    def _state(self) -> dict[str, Entry | None]:
        """Reels whose tombstone stands."""
        found: dict[str, Entry | None] = {}
        stones = {}
        for entry in self.entries:
            if entry.type is EntryType.TOMBSTONE:
                stones[entry.leaf] = entry
                found |= {one["reel"]: entry for one in entry.body["reels"]}
            elif entry.type is EntryType.DELETED:
                found |= dict.fromkeys((*entry.body["reels"], *entry.body["absent"]), None)
                for reel in entry.body["kept"]:
                    del found[reel]
        return found

    def list_reels(self, stream_id: str, before: str, after: str, limit: int) -> list[ReelRow]:
        gone = self._state()
        own = [self.reels[name] for name in sorted(self.reels) if after < name < before and name not in gone]
        return [one for one in own if one.stream_id == stream_id][:limit]

    def described(self, reels: Sequence[ReelRow]) -> list[TombstonedReel]:
        sha256 = hashlib.sha256(bytes(32)).hexdigest()
        return [TombstonedReel(one.reel, one.size, 1, sha256, one.first_us, one.end_us) for one in reels]

    def standing(self) -> list[Standing]:
        pending: dict[str, list[str]] = {}
        for reel, stone in self._state().items():
            if stone is not None:
                pending.setdefault(stone.leaf, []).append(reel)
        return [
            Standing(
                entry.stream_id, entry.body["id"], entry.leaf, at, entry.t_hub_us, entry.body,
                tuple(self.described([self.reels[reel] for reel in pending[entry.leaf]])),
            )
            for at, entry in enumerate(self.entries)
            if entry.leaf in pending
        ]  # fmt: skip

    def signed_size(self, entry_id: int) -> int | None:
        return self.signed if entry_id < self.signed else None

    def any_deleted(self, stream_id: str, from_us: int, to_us: int) -> bool:
        return False

    # --------------------------------------------------------------------------------- the disk

    def size(self, path: Path) -> int | None:
        name = str(path.relative_to("/data"))
        return self.reels[name].size if name in self.there else None

    def remove(self, path: Path) -> None:
        self.there.remove(str(path.relative_to("/data")))

    def flush_folder(self, path: Path) -> None:
        pass

    def usage(self, path: Path) -> Usage:
        return Usage(100 * GIB, self.free)

    # ---------------------------------------------------------------------------------- footage

    def record(self, stream: str, minutes: int) -> None:
        first_us = self.clock.now().utc_us
        self.clock.advance(minutes * 60)
        end_us = self.clock.now().utc_us
        moment = f"{first_us // DAY_US:08d}-{first_us % DAY_US // 1_000_000:06d}"
        # any name that sorts by time, below the path that the survey makes of a moment
        name = f"reels/{stream}/1990-01-01/{moment}.mp4"
        self.reels[name] = ReelRow(stream, name, GIB, first_us, end_us)
        self.there.add(name)
        self.append(
            stream,
            EntryType.CHUNK,
            {
                "reel": name, "run": 1, "offset": 0, "size": GIB, "sha256": "0" * 64, "init_size": 0,
                "init_sha256": "0" * 64, "first_us": first_us, "end_us": end_us, "tracks": [], "reason": "",
            },
        )  # fmt: skip


class MemoryRetained:
    """``World`` under the names of :class:`hub.ledger.retained.Retained`."""

    def __init__(self, world: World) -> None:
        self.holds = world.holds_rows
        self.streams = world.streams
        self.reels = world.list_reels
        self.described = world.described
        self.standing = world.standing
        self.signed_size = world.signed_size
        self.any_deleted = world.any_deleted


stream = st.sampled_from(STREAMS)
which = st.integers(0, 9)
edges_s = st.tuples(st.sampled_from([-86_400, -3600, -1, 0, 1, 30]), st.sampled_from([-1, 0, 1, 59, 3600, 90_000]))
"""Of a range about a reel: seconds after its begin, and after its begin again or its end."""
step = st.one_of(
    st.tuples(st.just("record"), stream, st.integers(1, 2000)),
    st.tuples(st.just("record"), stream, st.integers(1, 20)),
    st.tuples(st.just("days"), st.integers(1, 400)),
    st.tuples(st.just("days"), st.sampled_from([366, 367, 30, 31, 61, 500])),
    st.tuples(st.just("pass"), st.booleans()),
    st.tuples(st.just("pass"), st.booleans()),
    st.tuples(st.just("free"), st.sampled_from([0, 1, 100])),
    st.tuples(st.just("hold"), which, edges_s),
    st.tuples(st.just("release"), st.integers(0, 5)),
    st.tuples(st.just("class"), which, edges_s, st.sampled_from(["evidence", "risk", "window", "patrol"])),
    st.tuples(st.just("close"), st.integers(0, 5), st.sampled_from([None, 100, 400, 1000])),
    st.tuples(st.just("approve"), which, edges_s),
)


keeping = st.one_of(
    st.tuples(st.just("hold"), which, edges_s),
    st.tuples(st.just("class"), which, edges_s, st.sampled_from(["evidence", "risk"])),
)


async def play(steps: list[tuple[Any, ...]], late: Sequence[tuple[Any, ...]] = ()) -> World:
    """The steps; at the end room is short and a year and more goes by; ``late`` is between tombstones and deletion."""
    world = World()
    config = Settings(
        data=Path("/data"), keys_dir=Path("/keys"), retention_classes=CLASSES, retention_streams=("cam-b=window",)
    )
    retention = Retention(config, world.clock, world, MemoryRetained(world), files=world)  # type: ignore[arg-type]
    await retention.start()
    for one in [*steps, ("free", 0), ("days", 420), ("pass", True), *late]:
        with suppress(HubError):  # a refusal is an answer
            await act(world, retention, *one)
        world.clock.advance(1)
    for _ in range(3):
        await act(world, retention, "pass", True)
    for verifier in world.verifiers.values():
        assert list(verifier.findings()) == []
    return world


async def act(world: World, retention: Retention, what: str, *args: Any) -> None:
    now_us = world.clock.now().utc_us
    if what == "record":
        world.record(*args)
    elif what == "days":
        world.clock.advance(args[0] * 86_400)
    elif what == "free":
        world.free = args[0] * GIB
    elif what == "pass":
        await retention.one_pass()
        if args[0]:
            world.signed = len(world.entries)
    elif what == "hold":
        hold = await retention.place_hold(*about(world, *args), "refusal", "", "ma")
        world.holds[hold.id] = (hold.stream_id, hold.from_us, hold.to_us)
    elif what == "release" and world.holds:
        ident = sorted(world.holds)[args[0] % len(world.holds)]
        await retention.release_hold(ident, "over", "ma")
        del world.holds[ident]
    elif what == "class":
        await classify(world, retention, *args)
    elif what == "close" and world.cases:
        ident = sorted(world.cases)[args[0] % len(world.cases)]
        (closed,) = await retention.close_case(ident, args[1], "ma")
        days = 400 if args[1] is None else args[1]
        world.cases[ident] = (*world.cases[ident][:3], now_us + days * DAY_US)
        assert closed.term_days == days
    elif what == "approve":
        await retention.approve(*about(world, *args), "ma")


def about(world: World, number: int, edges: tuple[int, int]) -> tuple[str, int, int]:
    """A range about one of the reels; of none: an empty one, which is refused."""
    if not world.reels:
        return STREAMS[0], 0, 0
    reel = world.reels[sorted(world.reels)[number % len(world.reels)]]
    return reel.stream_id, reel.first_us + edges[0] * 1_000_000, reel.first_us + edges[1] * 1_000_000


async def classify(world: World, retention: Retention, number: int, edges: tuple[int, int], name: str) -> None:
    case = f"case-{len(world.cases)}" if name == "evidence" else ""
    where, from_us, to_us = about(world, number, edges)
    one = await retention.classify(where, from_us, to_us, name, case, "ma")
    least = {"evidence": 400, "risk": 700, "window": 30, "patrol": 366}[name]
    world.terms.append((where, one.from_us, one.to_us, least))
    if case:
        world.cases[case] = (where, one.from_us, one.to_us, None)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(step, min_size=3, max_size=25), late=st.lists(keeping, max_size=2))
def test_nothing_goes_that_must_be_kept(steps: list[tuple[Any, ...]], late: list[tuple[Any, ...]]) -> None:
    asyncio.run(play([("record", "cam-b", 5), *steps], late))


def test_a_case_between_tombstone_and_deletion_that_ended_before_it() -> None:
    steps: list[tuple[Any, ...]] = [
        ("days", 60), ("pass", False), ("class", 0, (-86_400, 1), "evidence"), ("close", 0, None),
    ]  # fmt: skip
    asyncio.run(play([("record", "cam-b", 5), *steps]))


def test_and_what_may_go_does_go() -> None:
    steps: list[tuple[Any, ...]] = [
        ("record", "cam-a", 10), ("record", "cam-b", 10), ("days", 61), ("pass", True), ("pass", True), ("days", 400),
    ]  # fmt: skip
    world = asyncio.run(play(steps))
    assert world.deleted == 2
    assert world.there == set()
