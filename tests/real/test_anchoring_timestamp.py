"""The real path: a ledger's checkpoint, ``openssl ts`` behind HTTP, a token that ``openssl ts -verify`` accepts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.anchoring.authority import AnchorRefused
from hub.anchoring.timestamp import TimestampAuthority, parse_timestamp_authority
from hub.clock import ManualClock
from hub.errors import SettingsError
from hub.ledger.anchors.stored import anchor_of, check_stored, read_stored
from hub.ledger.anchors.tokens import as_response, check_token
from hub.ledger.entries import Entry, EntryType
from tests.anchor_support import OTHER_TEXT, TEXT, anchoring, trust_in
from tests.ledger_folder import START_US, Folder
from tests.real.timestamp_authority import TimestampAuthority as Played
from tests.real.timestamp_authority import make_authority, run, signed_by

pytestmark = pytest.mark.real
NOTE = f"{TEXT.decode()}\n\u2014 example.com/log AAAAAAAA\n"


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    with make_authority(tmp_path / "authority").serving() as authority:
        yield authority


def client(played: Played, ca: Path | None = None, timeout_s: float = 20.0) -> TimestampAuthority:
    settings = parse_timestamp_authority(f"tsa {played.url} {ca or played.ca}")
    return TimestampAuthority(settings, timeout_s=timeout_s)


async def test_a_checkpoint_is_stamped_kept_and_accepted_by_openssl(tmp_path: Path, played: Played) -> None:
    folder, clock = Folder(tmp_path), ManualClock(START_US)
    entries: list[Entry] = []
    ledger = await folder.open(clock)
    try:
        ledger.on_commit(entries.extend)
        await anchoring(folder.settings, clock, ledger, client(played)).turn()
    finally:
        await ledger.close()
    (entry,) = [one for one in entries if one.type is EntryType.ANCHOR]
    stored = anchor_of(entry)
    assert stored.file == f"anchors/2026-01-01/{stored.size:012d}-tsa.tst"
    found = check_stored(folder.log, stored, trust_in(played.ca))
    assert found.from_us < stored.time_us < found.until_us
    token = read_stored(folder.log, stored)
    assert played.verifies(stored.text, token)
    assert not played.verifies(OTHER_TEXT, token)


@pytest.mark.parametrize(
    ("line", "from_us", "until_us"),
    [
        ("accuracy = secs:1, millisecs:500, microsecs:100", 1_500_100, 1_500_100),
        ("", 0, 1_000_000),
    ],
    ids=["stated", "not stated"],
)
def test_the_accuracy_widens_the_interval(played: Played, line: str, from_us: int, until_us: int) -> None:
    """Without one the stated second itself is the interval: authorities cut its fraction off."""
    played.configure("accuracy = secs:1", line)
    stamp = check_token(played.token(TEXT), TEXT, trust_in(played.ca).roots)
    stated_us = stamp.from_us + from_us
    assert stated_us % 1_000_000 == 0
    assert stamp.until_us == stated_us + until_us


async def test_an_answer_to_an_older_question_is_refused(played: Played) -> None:
    """The same data, another nonce: a replayed token would make the log look older than shown."""
    asked: list[bytes] = []
    reply = played.reply
    played.reply = lambda query: (asked.append(query), reply(query))[1]  # type: ignore[method-assign]
    await client(played).anchor(NOTE)
    played.mangle_query = [asked[0]]
    with pytest.raises(AnchorRefused, match="nonce") as refused:
        await client(played).anchor(NOTE)
    assert refused.value.code == "bad_answer"


async def test_a_stranger_is_refused_when_it_answers(tmp_path: Path, played: Played) -> None:
    other = make_authority(tmp_path / "other")
    with pytest.raises(AnchorRefused, match="trusted here"):
        await client(played, other.ca).anchor(NOTE)


async def test_an_authority_without_the_usage_is_refused_when_it_answers(tmp_path: Path, played: Played) -> None:
    bad = make_authority(tmp_path / "bad", usage=False)
    reply = played.reply

    def forged(query: bytes) -> bytes:
        (played.folder / "given.tsr").write_bytes(reply(query))
        token = played.folder / "given.tst"
        run("ts", "-reply", "-in", played.folder / "given.tsr", "-token_out", "-out", token)
        return as_response(signed_by(bad, token.read_bytes()))

    played.reply = forged  # type: ignore[method-assign]
    with pytest.raises(AnchorRefused, match="timeStamping"):
        await client(played, bad.ca).anchor(NOTE)


async def test_a_refusal_says_what_the_authority_said(played: Played) -> None:
    """SHA-256 is not among what it takes."""
    played.configure("digests = sha256", "digests = sha512")
    with pytest.raises(AnchorRefused, match="refused: expected status granted") as refused:
        await client(played).anchor(NOTE)
    assert refused.value.code == "refused"


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (503, b"later", "status 200, found 503"),
        (302, b"", "status 200, found 302"),
        (200, b"<html>a captive portal</html>", "in DER form"),
        (200, b"", "in DER form"),
        (200, bytes(1 << 20), "found more"),
    ],
    ids=["503", "redirect", "a page", "nothing", "a megabyte"],
)
async def test_whatever_else_it_answers_is_refused(played: Played, status: int, body: bytes, word: str) -> None:
    played.status, played.broken = status, body
    with pytest.raises(AnchorRefused, match=word):
        await client(played).anchor(NOTE)


def test_the_setting_says_what_it_expects(tmp_path: Path, played: Played) -> None:
    assert parse_timestamp_authority(f"tsa {played.url} {played.ca}").name == "tsa"
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for line, word in (
        ("tsa", "name url ca.pem"),
        (f"t/sa {played.url} {played.ca}", "name url ca.pem"),
        (f"tsa ftp://x {played.ca}", "http or https"),
        (f"tsa {played.url} {tmp_path / 'none.pem'}", "No such file"),
        (f"tsa {played.url} {empty}", "PEM"),
        (f"tsa {played.url} {played.folder / 'tsa.pem'}", "root certificate"),
    ):
        with pytest.raises(SettingsError, match=word):
            parse_timestamp_authority(line)
