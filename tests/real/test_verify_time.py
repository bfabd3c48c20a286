"""``hub verify`` over a log that a real authority stamped: the interval, the options, what could not be checked."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hub.anchoring.timestamp import TimestampAuthority, parse_timestamp_authority
from hub.clock import SystemClock
from hub.ledger.anchors.check import Trust
from hub.ledger.ledger import Ledger
from hub.ledger.verdict import TimeSource
from hub.ledger.verify.report import to_json, to_text
from tests.anchor_support import FakeWitness, anchoring, checkpointed, trust_in
from tests.ledger_folder import Folder, scan_fake
from tests.real.timestamp_authority import TimestampAuthority as Played
from tests.real.timestamp_authority import make_authority

pytestmark = pytest.mark.real


class Now(SystemClock):
    """The witness of the tests asks the clock for its time by this name."""

    @property
    def utc_us(self) -> int:
        return self.now().utc_us


@dataclass
class Stamped:
    folder: Folder
    played: Played
    witness: FakeWitness


@pytest.fixture
async def stamped(tmp_path: Path) -> AsyncIterator[Stamped]:
    """By the machine's clock, as ``openssl ts`` stamps by it."""
    folder, clock = Folder(tmp_path / "hub"), Now()
    with make_authority(tmp_path / "authority").serving() as played:
        asked = TimestampAuthority(parse_timestamp_authority(f"tsa {played.url} {played.ca}"))
        witness = FakeWitness(clock)  # type: ignore[arg-type]
        ledger = await Ledger.open(folder.settings, clock, scan_fake)
        try:
            ledger.heartbeat()
            await checkpointed(ledger)
            await anchoring(folder.settings, clock, ledger, asked, witness).turn()  # type: ignore[arg-type]
        finally:
            await ledger.close()
        yield Stamped(folder, played, witness)


async def test_the_strongest_kind_comes_first(stamped: Stamped) -> None:
    trust = Trust((stamped.witness.key,), trust_in(stamped.played.ca).roots)
    verdict = stamped.folder.verify(trust=trust)
    assert verdict.exit_code == 0, [str(one) for one in verdict.findings]
    assert verdict.time is TimeSource.AUTHORITY
    assert [one.source for one in verdict.anchored] == [TimeSource.AUTHORITY, TimeSource.WITNESS]
    assert verdict.notes == [], "the clocks agree"
    said = to_json(verdict)["time"]
    assert said["anchored"][0]["authority"] == "tsa"
    assert said["unanchored_entries"] == verdict.size - verdict.anchored[0].size > 0
    for lang, word in (("en", "timestamp authority tsa"), ("zh", "时间戳机构 tsa")):
        assert word in to_text(verdict, lang)


async def test_without_the_library_it_is_said_and_the_rest_stands(
    stamped: Stamped, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust = Trust((stamped.witness.key,), trust_in(stamped.played.ca).roots)
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    verdict = stamped.folder.verify(trust=trust)
    assert verdict.exit_code == 0
    assert verdict.time is TimeSource.WITNESS
    assert any("rfc3161-client is not installed" in text for text in verdict.unchecked)


async def test_a_stored_token_of_a_stranger_is_not_believed(stamped: Stamped, tmp_path: Path) -> None:
    stranger = make_authority(tmp_path / "stranger")
    verdict = stamped.folder.verify(trust=trust_in(stranger.ca))
    assert (verdict.exit_code, verdict.time) == (0, TimeSource.HUB_CLOCK)
    assert any("not among those that are trusted" in text for text in verdict.unchecked)
    assert "by nobody outside that could be checked" in to_text(verdict, "en")


async def test_a_token_exchanged_for_another_is_found(stamped: Stamped) -> None:
    (path,) = (stamped.folder.log / "anchors").glob("*/*.tst")
    path.write_bytes(stamped.played.token(b"other data\n"))
    verdict = stamped.folder.verify(trust=trust_in(stamped.played.ca))
    assert verdict.exit_code == 1
    assert verdict.first is not None
    assert path.name in verdict.first.place


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub", "verify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def test_the_command_takes_whom_to_believe(stamped: Stamped) -> None:
    options = (str(stamped.folder.data), "--json", "--keys", str(stamped.folder.keys), "--witness")
    root = ("--tsa-root", str(stamped.played.ca))
    done = await asyncio.to_thread(verify, *options, str(stamped.witness.key), *root)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["time"]["source"] == "timestamp_authority"
    bad = await asyncio.to_thread(verify, *options, "x")
    assert bad.returncode == 2
    assert "witness's verifier key" in bad.stderr
