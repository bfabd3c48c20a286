"""Outside authorities played in the process, for what does not need a real one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.anchoring.anchoring import Anchoring
from hub.anchoring.authority import AnchorRefused, Authority, Kind, Received
from hub.clock import ManualClock
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.cosignature import WitnessKey, cosign, to_line
from hub.ledger.anchors.tokens import read_roots
from hub.ledger.ledger import Ledger
from hub.ledger.notes import Checkpoint, parse_checkpoint, parse_note
from hub.settings import Settings

TEXT = Checkpoint("example.com/log", 42, bytes(range(32))).text().encode()
OTHER_TEXT = Checkpoint("example.com/log", 43, bytes(range(32))).text().encode()


def trust_in(ca: Path) -> Trust:
    return Trust(roots=read_roots(ca.read_bytes()))


@dataclass
class FakeWitness:
    """Cosigns whatever it is shown, by the clock of the test; refuses while it is told to."""

    clock: ManualClock
    name: str = "witness.example/w1"
    kind: Kind = "witness"
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    problem: Exception | None = None
    hangs: asyncio.Event | None = None
    seen: list[int] = field(default_factory=list)

    @property
    def key(self) -> WitnessKey:
        return WitnessKey.of(self.name, self.private)

    async def anchor(self, note: str) -> Received:
        text = parse_note(note).text
        checkpoint = parse_checkpoint(text)
        self.seen.append(checkpoint.size)
        if self.hangs is not None:
            await self.hangs.wait()
        if self.problem is not None:
            raise self.problem
        at_s = self.clock.utc_us // 1_000_000
        data = to_line(cosign(text.encode(), self.key, self.private, at_s)).encode()
        root = checkpoint.root.hex()
        return Received(self.kind, self.name, checkpoint.size, root, at_s * 1_000_000, data)


def unreachable(name: str = "witness") -> AnchorRefused:
    return AnchorRefused(f"{name} cannot be reached: no route to host")


def anchoring(
    settings: Settings, clock: ManualClock, ledger: Ledger, *authorities: Authority, **more: Any
) -> Anchoring:
    return Anchoring(settings, clock, ledger, authorities, Random(1), **more)


async def checkpointed(ledger: Ledger) -> None:
    """Everything appended so far is under a signed checkpoint, without waiting for the clock on the wall."""
    await ledger.committed()
    await ledger._sign()
