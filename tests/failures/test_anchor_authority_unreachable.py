"""No authority answers: the hub records as ever, asks again with growing pauses, and says since when."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from hub.anchoring.authority import AnchorRefused
from hub.anchoring.timestamp import TimestampAuthority, TimestampSettings
from hub.clock import ManualClock
from hub.ledger.bodies import close_body
from hub.ledger.entries import EntryType
from tests.anchor_support import TEXT, FakeWitness, anchoring, checkpointed, unreachable
from tests.ledger_folder import START_US, Folder

NOTE = f"{TEXT.decode()}\n\u2014 example.com/log AAAAAAAA\n"


def at(port: int, timeout_s: float) -> TimestampAuthority:
    return TimestampAuthority(TimestampSettings("tsa", f"http://127.0.0.1:{port}/", ()), timeout_s=timeout_s)


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(AnchorRefused, match="cannot be reached") as refused:
            await at(taken.getsockname()[1], 10).anchor(NOTE)
    assert refused.value.code == "unreachable"


async def test_it_listens_and_says_nothing() -> None:
    gone = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        with pytest.raises(AnchorRefused, match="did not answer"):
            await at(server.sockets[0].getsockname()[1], 0.2).anchor(NOTE)
        await gone.wait()


async def test_recording_goes_on_and_the_gap_is_told(tmp_path: Path) -> None:
    folder, clock = Folder(tmp_path), ManualClock(START_US)
    ledger = await folder.open(clock)
    try:
        witness = FakeWitness(clock, problem=unreachable())
        work = anchoring(folder.settings, clock, ledger, witness)
        await work.start()
        for _ in range(100):
            ledger.append("cam-a", EntryType.CLOSE, close_body("source ended", run=1))
            await checkpointed(ledger)
            await work.turn()
            clock.advance(60)
        status = work.status()
        assert status.state == "late"
        assert status.unanchored_since_us == START_US
        assert "no route" in status.authorities[0].error
        # 100 minutes: 5 s doubled up to 10 minutes, cut by half at the most, looked at once a minute
        assert 10 <= len(witness.seen) <= 27
        assert ledger.problem == ""
        await work.close()
    finally:
        await ledger.close()
    assert folder.verify().exit_code == 0
