"""The chains of a cluster, in PostgreSQL. Everything here blocks; one thread uses an object at a time.

A commit is one transaction: the rows of the chains concerned are locked in the order of their names, what comes with
an epoch that is over is refused, entries are made on the heads that were read, put into the inbox, and the heads
moved. Whoever writes to a chain needs to know of no other writer.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from hub.cluster.facts import Fact, Fate, fate_of
from hub.cluster.tables import chains
from hub.errors import LedgerError
from hub.ledger.chain import Head
from hub.ledger.entries import HUB_STREAM, ZERO_LEAF, Entry, EntryType, is_footage

_Told = list[Any]
"""What became of a fact, in an answer: its number, its fate, seq, prev, epoch and origin of its entry."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a fact. ``entry``: None if it was dropped, or decided so long ago that nobody knows any more."""

    fact: Fact
    fate: Fate
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Give a chain to another node (or to nobody), as long as it was taken ``epoch`` times."""

    to: str
    epoch: int


@dataclass(slots=True)
class Done:
    """One transaction. ``epochs``: of each chain concerned, after it; ``handed``: those that were given away."""

    results: list[Result] = field(default_factory=list)
    epochs: dict[str, int] = field(default_factory=dict)
    handed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Owned:
    """Whose a chain is."""

    stream_id: str
    owner: str
    epoch: int
    seq: int


@dataclass(slots=True)
class _Chain:
    owner: str
    epoch: int
    head: Head
    t_hub_us: int = 0
    moved: bool = False


class Chains:
    """See the module. Raises SQLAlchemyError when the database is away, and then nothing has changed, or all has:
    the same call again tells which."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._known: set[str] = set()
        self._placed: dict[str, str] = {}
        """Of each stream the reel of which was said last on whose disk it lies."""
        self._certain: dict[str, int] = {}
        self._busy: Any = None

    def commit(self, writer: str, facts: Sequence[Fact], handovers: Mapping[str, HandOver] | None = None) -> Done:
        """Enter these facts of one writer, in the order of their numbers. What was decided before stays so.

        Raises LedgerError, code ``no_log``, as long as no notary has begun a log.
        """
        try:
            return self._commit(writer, facts, handovers or {})
        except BaseException:
            self._certain.pop(writer, None)  # whether it went through is asked before anything else
            raise

    def _commit(self, writer: str, facts: Sequence[Fact], given: Mapping[str, HandOver]) -> Done:
        done = Done()
        with self._transaction() as connection:
            last, answered = self._decided(connection, writer, facts)
            new = [fact for fact in facts if fact.number > last]
            names = {fact.stream_id for fact in facts} | {fact.fence for fact in facts if fact.fence} | set(given)
            locked, origin = self._lock(connection, names)
            # Those that were decided stay in the answer: this one may be lost as well.
            answer = []
            for fact in facts[: len(facts) - len(new)]:
                told = answered.get(fact.number)
                answer += [] if told is None else [told]
                done.results.append(_again(fact, told))
            fresh: list[Entry] = []
            answer += [_enter(fact, locked, origin, fresh, done) for fact in new]
            for stream, over in given.items():
                _hand_over(stream, over, locked[stream], done)
            _insert(connection, fresh)
            placed = self._place(connection, done.results[len(facts) - len(new) :])
            _move(connection, locked)
            if new:
                self._decide(connection, writer, last, new[-1].number, json.dumps(answer))
        self._certain[writer] = new[-1].number if new else last
        self._known |= locked.keys()
        self._placed |= placed
        done.epochs = {stream: chain.epoch for stream, chain in locked.items()}
        return done

    def _place(self, connection: Connection, results: Sequence[Result]) -> dict[str, str]:
        """Say on whose disk a reel lies with the first entry about it. The newest of each stream."""
        new = {
            one.entry.body["reel"]: one
            for one in results
            if one.entry is not None
            and is_footage(one.entry.type, one.entry.body)
            and self._placed.get(one.fact.stream_id) != one.entry.body["reel"]
        }
        if new:
            nodes = [one.fact.node for one in new.values()]
            connection.execute(text(_PLACE), {"paths": list(new), "nodes": nodes})
        return {one.fact.stream_id: reel for reel, one in new.items()}

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self.engine.connect() as connection, connection.begin():
            self._busy = connection.connection.driver_connection
            try:
                yield connection
            except BaseException:
                self._busy = None
                raise
            # the commit is what hangs most often: it is within reach of interrupt() as well
        self._busy = None

    def interrupt(self) -> None:
        """Ends the call that is under way, from another thread, by cutting its connection. Whether it went through
        is found out by making it again."""
        busy = self._busy
        if busy is not None:
            with suppress(Exception), socket.socket(fileno=socket.dup(busy.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    # ------------------------------------------------------------------- what was decided before

    def _decided(self, connection: Connection, writer: str, facts: Sequence[Fact]) -> tuple[int, dict[int, _Told]]:
        """The newest fact of the writer that was decided; and what became of those of which it may not know, if any of
        them is asked for again."""
        certain = self._certain.get(writer)
        if certain is not None and (not facts or facts[0].number > certain):
            return certain, {}
        row = connection.execute(text(_WRITER), {"writer": writer}).one_or_none()
        if row is None:
            connection.execute(text(_NEW_WRITER), {"writer": writer})
            return 0, {}
        return row.done, {told[0]: told for told in json.loads(row.answer or "[]")}

    def _decide(self, connection: Connection, writer: str, before: int, done: int, answer: str) -> None:
        values = {"writer": writer, "before": before, "done": done, "answer": answer}
        if connection.execute(text(_DECIDE), values).rowcount != 1:
            raise LedgerError(f"the facts of {writer} were handed in by somebody else meanwhile", code="two_writers")

    def forget_former(self, writer: str) -> None:
        """Whoever wrote under this node's name before ``writer`` (NODE/…) hands nothing in any more."""
        with self._transaction() as connection:
            connection.execute(text(_FORGET), {"writer": writer, "name": writer.rpartition("/")[0] + "/"})

    # ------------------------------------------------------------------------------------- heads

    def _lock(self, connection: Connection, names: set[str]) -> tuple[dict[str, _Chain], str]:
        wanted = sorted(names)
        missing = [name for name in wanted if name not in self._known]
        if missing:
            connection.execute(text(_NEW_CHAINS), {"names": missing, "leaf": bytes.fromhex(ZERO_LEAF)})
        rows = connection.execute(text(_LOCK), {"names": wanted}).all()
        origin = rows[0].origin if rows else ""
        if rows and origin is None:
            raise LedgerError("no notary of this cluster has begun a log yet", code="no_log")
        found = {row.stream: _Chain(row.owner, row.epoch, Head(row.seq, row.leaf.hex()), row.t_hub_us) for row in rows}
        return found, origin

    def owners(self) -> list[Owned]:
        """Every chain and whose it is, by name; ``_hub`` too."""
        rows = chains.c
        with self.engine.connect() as connection:
            query = select(rows.stream, rows.owner, rows.epoch, rows.seq).order_by(rows.stream)
            return [Owned(*row) for row in connection.execute(query)]


def _again(fact: Fact, told: _Told | None) -> Result:
    """A fact that was decided by a commit whose answer did not come."""
    if told is None:
        return Result(fact, Fate.ENTERED, None)
    _, word, seq, prev, epoch, origin = told
    fate = Fate(word)
    entry = None if fate is Fate.DROPPED else fact.entry(origin, Head(seq - 1, prev), epoch, fate)
    return Result(fact, fate, entry)


def _enter(fact: Fact, locked: Mapping[str, _Chain], origin: str, fresh: list[Entry], done: Done) -> _Told:
    """Make the fact's entry, behind its chain's genesis if it is the first; what :func:`_again` needs of it."""
    fate = fate_of(fact, locked[fact.fence].epoch if fact.fence else None)
    if fate is Fate.DROPPED:
        done.results.append(Result(fact, fate, None))
        return [fact.number, fate.value, -1, "", 0, ""]
    chain = locked[fact.stream_id]
    if chain.head.seq < 0 and fact.type is not EntryType.GENESIS:
        if fact.stream_id == HUB_STREAM:
            raise LedgerError("no notary of this cluster has begun the hub's own chain yet", code="no_log")
        genesis = _genesis(fact)
        _append(chain, genesis.entry(origin, chain.head, chain.epoch, Fate.ENTERED), fresh)
    before = chain.head
    entry = fact.entry(origin, before, chain.epoch, fate)
    _append(chain, entry, fresh)
    done.results.append(Result(fact, fate, entry))
    return [fact.number, fate.value, entry.seq, before.leaf, chain.epoch, origin]


def _genesis(fact: Fact) -> Fact:
    return Fact(
        fact.number, fact.stream_id, EntryType.GENESIS, {"of": fact.stream_id}, fact.t_hub_us, fact.t_mono_us,
        fact.clock, fact.salt[::-1], fact.node, fact.boot,
    )  # fmt: skip


def _append(chain: _Chain, entry: Entry, fresh: list[Entry]) -> None:
    chain.head, chain.t_hub_us, chain.moved = Head(entry.seq, entry.leaf), entry.t_hub_us, True
    fresh.append(entry)


def _hand_over(stream: str, over: HandOver, chain: _Chain, done: Done) -> None:
    if chain.epoch == over.epoch:
        chain.owner, chain.epoch, chain.moved = over.to, chain.epoch + 1, True
    elif (chain.owner, chain.epoch) != (over.to, over.epoch + 1):  # that is: by a commit whose answer was lost
        return
    done.handed[stream] = chain.epoch


def _insert(connection: Connection, fresh: Sequence[Entry]) -> None:
    if not fresh:
        return
    reels = [one.body.get("reel") if is_footage(one.type, one.body) else None for one in fresh]
    ends = [one.body["offset"] + one.body["size"] if reel else None for one, reel in zip(fresh, reels, strict=True)]
    connection.execute(
        text(_INSERT),
        {
            "streams": [one.stream_id for one in fresh],
            "seqs": [one.seq for one in fresh],
            "epochs": [one.epoch for one in fresh],
            "leaves": [bytes.fromhex(one.leaf) for one in fresh],
            "datas": [one.data for one in fresh],
            "reels": reels,
            "ends": ends,
        },
    )


def _move(connection: Connection, locked: Mapping[str, _Chain]) -> None:
    moved = {stream: chain for stream, chain in locked.items() if chain.moved}
    if moved:
        connection.execute(
            text(_MOVE),
            {
                "streams": list(moved),
                "owners": [one.owner for one in moved.values()],
                "epochs": [one.epoch for one in moved.values()],
                "seqs": [one.head.seq for one in moved.values()],
                "leaves": [bytes.fromhex(one.head.leaf) for one in moved.values()],
                "times": [one.t_hub_us for one in moved.values()],
            },
        )


# One statement for all rows of a transaction: what a commit costs is its round trips.
_LOCK = """
SELECT c.stream, c.owner, c.epoch, c.seq, c.leaf, c.t_hub_us,
       (SELECT origin FROM ledger_logs ORDER BY id DESC LIMIT 1) AS origin
FROM cluster_chains c WHERE c.stream = ANY(CAST(:names AS text[])) ORDER BY c.stream FOR UPDATE OF c
"""
_NEW_CHAINS = """
INSERT INTO cluster_chains (stream, owner, epoch, seq, leaf, t_hub_us)
SELECT name, '', 0, -1, :leaf, 0 FROM unnest(CAST(:names AS text[])) AS name ON CONFLICT DO NOTHING
"""
_INSERT = """
INSERT INTO cluster_inbox (stream, seq, epoch, leaf, data, reel, reel_end)
SELECT stream, seq, epoch, leaf, data, reel, reel_end
FROM unnest(CAST(:streams AS text[]), CAST(:seqs AS bigint[]), CAST(:epochs AS bigint[]), CAST(:leaves AS bytea[]),
            CAST(:datas AS bytea[]), CAST(:reels AS text[]), CAST(:ends AS bigint[]))
     WITH ORDINALITY AS given(stream, seq, epoch, leaf, data, reel, reel_end, place) ORDER BY place
"""
_MOVE = """
UPDATE cluster_chains c SET owner = n.owner, epoch = n.epoch, seq = n.seq, leaf = n.leaf, t_hub_us = n.t_hub_us
FROM unnest(CAST(:streams AS text[]), CAST(:owners AS text[]), CAST(:epochs AS bigint[]), CAST(:seqs AS bigint[]),
            CAST(:leaves AS bytea[]), CAST(:times AS bigint[])) AS n(stream, owner, epoch, seq, leaf, t_hub_us)
WHERE c.stream = n.stream
"""
_FORGET = """
DELETE FROM cluster_writers WHERE starts_with(writer, :name) AND strpos(substr(writer, length(:name) + 1), '/') = 0
AND writer <> :writer
"""
_PLACE = """
INSERT INTO cluster_reels (path, node)
SELECT path, node FROM unnest(CAST(:paths AS text[]), CAST(:nodes AS text[])) AS given(path, node) ORDER BY path
ON CONFLICT DO NOTHING
"""
_WRITER = "SELECT done, answer FROM cluster_writers WHERE writer = :writer FOR UPDATE"
_NEW_WRITER = "INSERT INTO cluster_writers (writer, done, answer) VALUES (:writer, 0, '') ON CONFLICT DO NOTHING"
_DECIDE = "UPDATE cluster_writers SET done = :done, answer = :answer WHERE writer = :writer AND done = :before"
