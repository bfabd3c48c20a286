"""The folder that is attacked: two streams, two reels each, an interruption between them, a signed log.

Made of pure parts with fixed keys, times and salts, so that it is the same bytes on every machine and in every
year; a change of the format changes it, and nothing else does. Whoever holds the key can make it again otherwise:
:func:`make` takes what is to be different.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.clock import Instant
from hub.ledger import chain
from hub.ledger.bodies import chunk_body, close_body, interruption_body
from hub.ledger.entries import HUB_STREAM, Entry, EntryType
from hub.ledger.files import entry_file, log_slug
from hub.ledger.merkle import CompactRange
from hub.ledger.notes import Checkpoint, VerifierKey, sign_note
from hub.model import InterruptionState
from tests.ledger_folder import START_US, Folder, Reel, interruption

ORIGIN = "attacked.example/log"
STREAMS = ("cam-a", "cam-b")
YESTERDAY = 12
"""Size of the log at its first checkpoint."""


def private_key(name: str = "the hub") -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def verifier_key(private: Ed25519PrivateKey) -> VerifierKey:
    return VerifierKey(ORIGIN, private.public_key().public_bytes_raw())


@dataclass(frozen=True)
class Fact:
    """What an entry will say, before it has its place in a chain."""

    stream: str
    kind: EntryType
    body: Mapping[str, Any]
    at_us: int


@dataclass(frozen=True)
class Base(Folder):
    """The folder, and what was handed out of it in time: the key, and the newest head."""

    entries: list[Entry] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return self.data / "log" / log_slug(ORIGIN)

    @property
    def memory(self) -> Path:
        """What the signer signed last, beside its key."""
        return self.keys / log_slug(ORIGIN) / "signed.json"

    @property
    def hub_file(self) -> Path:
        return self.data / "_hub/2026-01-01.entries"

    def reel(self, stream: str = "cam-a", number: int = 0) -> Path:
        return self.reels(stream)[number]

    def lines_of(self, stream: str = "cam-a", number: int = 0) -> Path:
        return self.entry_files(stream)[number]

    def checkpoint(self, size: int, private: Ed25519PrivateKey | None = None) -> str:
        """A head of this log, as it is now, signed."""
        private = private or private_key()
        tree = CompactRange()
        leaves = (self.log / "leaves").read_bytes()
        for at in range(0, size * 32, 32):
            tree.append(leaves[at : at + 32])
        return sign_note(Checkpoint(ORIGIN, size, tree.root()).text(), ORIGIN, private, verifier_key(private))


Change = Callable[[list[Fact]], list[Fact]]


def make(
    root: Path,
    change: Change = lambda facts: facts,
    *,
    signer: str = "the hub",
    salts: int = 1,
    until: int | None = None,
) -> Base:
    """Write a whole folder. ``change`` what it says; ``until`` that many entries only."""
    base = Base(root)
    facts = change(_footage(base.data))
    with mock.patch.object(chain.os, "urandom", random.Random(salts).randbytes):
        base.entries.extend(_chained(facts)[:until])
    for entry in base.entries:
        path = base.data / entry_file(entry.stream_id, entry.type, entry.body, entry.t_hub_us)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(entry.data + b"\n")
    _sign(base, private_key(signer))
    return base


def _footage(data: Path) -> list[Fact]:
    """Reels with chunks, written as they are told of; the streams' entries interleave as in a log."""
    told: list[list[Fact]] = []
    for stream in STREAMS:
        rng = random.Random(stream)
        facts = [Fact(stream, EntryType.GENESIS, {"of": stream}, START_US)]
        at_us, index = START_US, 0
        for number in range(2):
            reel = Reel(data, stream, 1, number, at_us, rng)
            for _ in range(3):
                facts.append(Fact(stream, EntryType.CHUNK, chunk_body(reel.chunk(index)), reel.at_us))
                index += 1
            at_us = reel.at_us + 7_000_000
            if number == 0:
                opened = interruption(stream, InterruptionState.CONFIRMED, reel.at_us)
                closed = interruption(stream, InterruptionState.CLOSED, reel.at_us, at_us)
                facts.append(Fact(stream, EntryType.INTERRUPTION_OPEN, interruption_body(opened), reel.at_us))
                facts.append(Fact(stream, EntryType.INTERRUPTION_CLOSE, interruption_body(closed), at_us))
                index += 5
        facts.append(Fact(stream, EntryType.CLOSE, close_body("stop", run=1), at_us))
        told.append(facts)
    hub = [Fact(HUB_STREAM, EntryType.GENESIS, {"of": HUB_STREAM}, START_US)]
    both = [fact for pair in zip(*told, strict=True) for fact in pair]
    beat = Fact(HUB_STREAM, EntryType.HEARTBEAT, {}, START_US + 60_000_000)
    return [*hub, *both, beat, Fact(HUB_STREAM, EntryType.CLOSE, {"reason": "stop"}, START_US + 61_000_000)]


def _chained(facts: list[Fact]) -> list[Entry]:
    writer = chain.Writer(ORIGIN, "node", 0, "boot")
    heads: dict[str, chain.Head] = {}
    entries = []
    for fact in facts:
        body = fact.body
        if fact.kind is EntryType.HEARTBEAT:
            digest = chain.heads_digest({stream: head.leaf for stream, head in heads.items()})
            body = {"digest": digest, "seqs": {stream: head.seq for stream, head in heads.items()}}
        now = Instant(fact.at_us, fact.at_us - START_US)
        head = heads.get(fact.stream, chain.Head())
        entry = chain.make_entry(writer, head, fact.stream, fact.kind, body, now, {"source": "unknown"})
        heads[fact.stream] = chain.Head(entry.seq, entry.leaf)
        entries.append(entry)
    return entries


def _sign(base: Base, private: Ed25519PrivateKey) -> None:
    """The log of these entries, its checkpoints, and the signer's memory, in files."""
    base.log.mkdir(parents=True, exist_ok=True)
    base.memory.parent.mkdir(parents=True, exist_ok=True)
    (base.data / "log/origin").write_text(f"{ORIGIN}\n")
    (base.log / "leaves").write_bytes(b"".join(bytes.fromhex(entry.leaf) for entry in base.entries))
    size = len(base.entries)
    notes = [base.checkpoint(at, private) for at in (YESTERDAY, size) if at <= size]
    (base.log / "checkpoints").write_text("".join(f"{note}\n" for note in notes))
    (base.log / "checkpoint").write_text(notes[-1])
    root = CompactRange()
    for entry in base.entries:
        root.append(bytes.fromhex(entry.leaf))
    memory = {"size": size, "root": root.root().hex(), "note": notes[-1]}
    base.memory.write_text(json.dumps(memory))
    for folder in (base.log, base.memory.parent):
        (folder / "vkey").write_text(f"{verifier_key(private)}\n")
