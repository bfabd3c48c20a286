"""A small cluster's ledgers on a real PostgreSQL: nodes that record made-up reels, the notary's folder to verify."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, text

from hub.clock import Clock, ManualClock, SystemClock
from hub.cluster.claims import Claimed, claim
from hub.cluster.node_ledger import NodeLedger
from hub.cluster.office_ledger import Lead, OfficeLedger
from hub.database import Database, open_engine
from hub.ledger.bodies import chunk_body, close_body, open_body
from hub.ledger.entries import HUB_STREAM, EntryType
from hub.ledger.verdict import Verdict
from hub.ledger.verify import verify_path
from hub.model import Codec, SessionInfo, TrackInfo
from hub.settings import Settings
from tests.ledger_folder import ORIGIN, START_US, Reel, scan_fake


def settings(url: str, folder: Path, **more: Any) -> Settings:
    return Settings(
        data=folder / "data",
        keys_dir=folder / "keys",
        log_origin=ORIGIN,
        commit_ms=10,
        checkpoint_s=1,
        database_url=SecretStr(url),
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        cluster_secret=SecretStr("a secret of these tests, long enough"),
        **more,
    )


@dataclass
class Node:
    """A node that records, its folder, and what it owns."""

    name: str
    folder: Path
    ledger: NodeLedger
    clock: Clock
    engine: Engine
    lost: list[str] = field(default_factory=list)
    reels: dict[str, Reel] = field(default_factory=dict)
    indexes: dict[str, int] = field(default_factory=dict)
    at_us: int = START_US

    async def take(self, stream: str, known: int | None = None) -> Claimed | None:
        owner = (await self.ledger.owners()).get(stream)
        epoch = known if known is not None else owner.epoch if owner else 0
        return await self.ledger.claim(stream, epoch)

    def begin(self, stream: str, at_us: int | None = None) -> int:
        """A run, with its first reel; from then on :meth:`chunk` goes on with it."""
        run = self.ledger.next_run(stream)
        session = SessionInfo("rtsp", "192.0.2.7", "Camera/1", (TrackInfo(1, Codec.H264, 90_000),), self.clock.now())
        self.ledger.append(stream, EntryType.OPEN, open_body(session, run))
        number = self.indexes.get(stream, 0)
        begun_us = self.at_us if at_us is None else at_us
        self.reels[stream] = Reel(self.folder / "data", stream, run, number, begun_us, random.Random(f"{stream} {run}"))
        return run

    def chunk(self, stream: str, size: int = 400) -> Any:
        index = self.indexes[stream] = self.indexes.get(stream, 0) + 1
        return self.ledger.append(stream, EntryType.CHUNK, chunk_body(self.reels[stream].chunk(index, size)))

    def end(self, stream: str, reason: str = "stop") -> None:
        self.ledger.append(stream, EntryType.CLOSE, close_body(reason, run=self.reels.pop(stream).run))

    async def recovered(self) -> None:
        """What an earlier life left on this node's disk is declared."""
        assert self.ledger._recovering is not None
        await self.ledger._recovering

    async def close(self) -> None:
        await self.ledger.close()
        self.engine.dispose()


@dataclass
class Cluster:
    """Of one test."""

    url: str
    root: Path
    engine: Engine = field(init=False)
    nodes: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = open_engine(Database.at(self.url))

    async def lead(self, name: str = "notary", lost: Callable[[], None] = lambda: None, **more: Any) -> OfficeLedger:
        """Take the lead on the folder of this name."""
        epoch = await asyncio.to_thread(self.take_lead, name)
        return await OfficeLedger.open(
            settings(self.url, self.root / name), SystemClock(), Lead(name, epoch, lost, **more)
        )

    def take_lead(self, name: str) -> int:
        known = self.value("SELECT epoch FROM cluster_chains WHERE stream = '_hub'") or 0
        claimed = claim(self.engine, HUB_STREAM, name, known)
        assert claimed is not None
        return claimed.epoch

    async def node(self, name: str, clock: Clock | None = None, url: str = "") -> Node:
        folder, lost = self.root / name, list[str]()
        made = clock or ManualClock(START_US)
        engine = open_engine(Database.at(url or self.url))
        ledger = await NodeLedger.open(settings(self.url, folder), made, engine, name, lost.append, scan_fake)
        node = Node(name, folder, ledger, made, engine, lost)
        self.nodes.append(node)
        return node

    def value(self, query: str, **values: Any) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(query), values).scalar()

    def rows(self, query: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), values)]

    def verify(self, name: str = "notary") -> Verdict:
        """The notary's folder, with the nodes' reels as an archive would bring them together."""
        whole = self.root / f"{name}-whole"
        shutil.rmtree(whole, ignore_errors=True)
        shutil.copytree(self.root / name, whole)
        self.bring_reels(whole / "data")
        return verify_path(whole / "data", keys_dir=whole / "keys")

    def bring_reels(self, data: Path) -> None:
        """Those of all nodes into one data folder."""
        for reel in self.root.glob("*/data/reels/*/*/*.mp4"):
            target = data / Path(*reel.parts[len(self.root.parts) + 2 :])
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(reel, target)

    async def until_moved(self) -> None:
        """What the nodes found on their disks is handed in, and everything that was handed in is in the log."""
        for node in self.nodes:
            await node.recovered()
        while self.value("SELECT count(*) FROM cluster_inbox"):  # noqa: ASYNC110  another process may be who moves it
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        for node in self.nodes:
            await node.close()
        self.engine.dispose()


def intact(verdict: Verdict) -> bool:
    """With what is wrong in sight where it is not."""
    found = [str(one) for one in verdict.findings]
    assert (verdict.exit_code, found) == (0, []), f"{verdict.exit_code}: {found} {verdict.unchecked}"
    return True
