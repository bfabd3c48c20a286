"""`hub audit`: what one look at a log says, for every way in which a log may answer."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.audit.audit import Auditor, Outcome
from hub.audit.bundle import Bundle
from hub.audit.sources import FileSource, HubSource, Unreachable
from hub.audit.witness import Witness
from hub.ledger.notes import parse_note
from hub.ledger.signing.statements import Statement, What, sign_text
from tests.small_log import NOW_US, ORIGIN, FakeSource, SmallLog

LOG = SmallLog()


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    return Auditor(Witness.open(tmp_path / "state", "aud.example/1"), lambda: NOW_US)


def said(outcome: Outcome) -> tuple[int, str]:
    return outcome.exit_code, outcome.code


def kept(tmp_path: Path) -> list[str]:
    """What the accusations are about."""
    return sorted(path.name.partition("Z-")[2] for path in tmp_path.rglob("contradictions/*"))


def test_first_look_pins_the_key_and_says_so(auditor: Auditor, tmp_path: Path) -> None:
    source = FakeSource(LOG, 5)
    outcome = auditor.look(source)
    assert said(outcome) == (0, "consistent")
    assert any(str(LOG.key) in remark and "pinned on first use" in remark for remark in outcome.remarks)
    (cosigned,) = source.given
    assert len(parse_note(cosigned).signatures) == 2
    assert not any("pinned" in remark for remark in auditor.look(source).remarks)


def test_a_log_that_grows(auditor: Auditor) -> None:
    source = FakeSource(LOG, 5)
    for size, known in ((5, None), (5, 5), (9, 5), (64, 9)):
        source.size = size
        outcome = auditor.look(source)
        assert said(outcome) == (0, "consistent")
        assert (outcome.size, outcome.known_size) == (size, known)


def test_a_log_without_entries_grows_too(auditor: Auditor) -> None:
    for size in (0, 0, 3):
        assert said(auditor.look(FakeSource(LOG, size))) == (0, "consistent")


@pytest.mark.parametrize(
    ("size", "fork", "code"),
    [(7, None, "smaller"), (7, 6, "smaller"), (10, 9, "split_view"), (15, 9, "inconsistent"), (5, 4, "split_view")],
)
def test_a_live_log_that_contradicts_what_was_seen(
    auditor: Auditor, tmp_path: Path, size: int, fork: int | None, code: str
) -> None:
    for seen in (5, 10):
        auditor.look(FakeSource(LOG, seen))
    bad = FakeSource(LOG, size, fork=fork)
    outcome = auditor.look(bad)
    assert said(outcome) == (1, code)
    assert not bad.given, "a head that contradicts must not be cosigned"
    assert kept(tmp_path) == [code]
    (folder,) = tmp_path.rglob("contradictions/*")
    assert (folder / "found.note").read_text() == bad.note()
    assert (folder / "known.note").read_text().startswith(LOG.note(10))
    # the memory stays with what was good
    assert said(auditor.look(FakeSource(LOG, 12))) == (0, "consistent")


def test_another_key_of_the_same_name(auditor: Auditor, tmp_path: Path) -> None:
    auditor.look(FakeSource(LOG, 5))
    impostor = SmallLog(seed=2)
    assert said(auditor.look(FakeSource(impostor, 9))) == (1, "other_key")
    assert kept(tmp_path) == ["other_key"]
    # a change of keys in order: the auditor is told by another way
    outcome = auditor.look(FakeSource(impostor, 9), str(impostor.key))
    assert said(outcome) == (0, "consistent")
    assert any("replaces the pinned one" in remark for remark in outcome.remarks)
    assert said(auditor.look(FakeSource(LOG, 12))) == (1, "other_key")


def statement(what: What, new: SmallLog, old: SmallLog | None, *signers: SmallLog) -> str:
    text = Statement(what, new.key, old.key if old else None, 9, NOW_US).text()
    return sign_text(text, ORIGIN, [one.private for one in signers]) + "\n"


def test_a_key_that_hands_over_in_order(auditor: Auditor) -> None:
    second, third = SmallLog(seed=2), SmallLog(seed=3)
    auditor.look(FakeSource(LOG, 5))
    source = FakeSource(third, 9)
    source.told_keys = "junk\n\n\u2014 a QUJDREVGRw==\n\n" + statement(What.ROTATE, second, LOG, LOG, second)
    source.told_keys += statement(What.ROTATE, third, second, second, third)
    outcome = auditor.look(source)
    assert said(outcome) == (0, "consistent")
    assert any("changed in order" in remark for remark in outcome.remarks)
    assert said(auditor.look(FakeSource(third, 12))) == (0, "consistent")
    assert said(auditor.look(FakeSource(LOG, 13))) == (1, "other_key")


@pytest.mark.parametrize("signers", [(), (0,), (1,)])
def test_a_key_that_no_one_or_only_one_side_names(auditor: Auditor, signers: tuple[int, ...]) -> None:
    logs = (LOG, SmallLog(seed=2))
    auditor.look(FakeSource(LOG, 5))
    source = FakeSource(logs[1], 9)
    source.told_keys = statement(What.ROTATE, logs[1], LOG, *(logs[number] for number in signers))
    assert said(auditor.look(source)) == (1, "other_key")


def test_a_revoked_key_names_no_heir(auditor: Auditor) -> None:
    second = SmallLog(seed=2)
    auditor.look(FakeSource(LOG, 5))
    source = FakeSource(second, 9)
    source.told_keys = statement(What.REVOKE, LOG, None, LOG) + statement(What.ROTATE, second, LOG, LOG, second)
    assert said(auditor.look(source)) == (1, "other_key")


def test_a_given_key_that_did_not_sign(auditor: Auditor) -> None:
    assert auditor.look(FakeSource(LOG, 5), str(SmallLog(seed=2).key)).exit_code == 2
    assert auditor.look(FakeSource(LOG, 5), str(SmallLog("other.example/log").key)).exit_code == 2
    assert auditor.look(FakeSource(LOG, 5), "no key").exit_code == 2
    assert said(auditor.look(FakeSource(LOG, 5), str(LOG.key))) == (0, "consistent")


def test_a_hub_that_begins_another_log(auditor: Auditor, tmp_path: Path) -> None:
    auditor.look(FakeSource(LOG, 5))
    other = SmallLog("new.example/log", seed=3)
    outcome = auditor.look(FakeSource(other, 2))
    assert said(outcome) == (1, "other_log")
    assert kept(tmp_path) == ["other_log"]
    assert said(auditor.look(FakeSource(other, 2))) == (0, "consistent")


@pytest.mark.parametrize("text", ["", "<html>log in</html>", "text\n\n— a QUJDREVG\n", "x" * 2_000_000])
def test_what_is_no_head(auditor: Auditor, text: str) -> None:
    source = FakeSource(LOG, 5)
    source.text = text
    assert auditor.look(source).exit_code == 2


def test_a_log_that_gives_no_proof_is_not_judged(auditor: Auditor, tmp_path: Path) -> None:
    auditor.look(FakeSource(LOG, 5))

    class Silent(FakeSource):
        def consistency(self, old: int, size: int) -> None:
            raise Unreachable("503")

    assert said(auditor.look(Silent(LOG, 9))) == (2, "unreachable")
    assert kept(tmp_path) == []


# ----------------------------------------------------------------------------------------- by file


def file_of(tmp_path: Path, text: str) -> FileSource:
    path = tmp_path / "head.txt"
    path.write_text(text)
    return FileSource(path)


def test_a_usb_stick_is_enough(auditor: Auditor, tmp_path: Path) -> None:
    first = file_of(tmp_path, Bundle(str(LOG.key), {}, LOG.note(5)).text())
    assert said(auditor.look(first)) == (0, "consistent")
    cosigned = (tmp_path / "head.txt.cosigned").read_text()
    assert cosigned.startswith(LOG.note(5))
    later = file_of(tmp_path, Bundle(str(LOG.key), {3: LOG.proof(3, 30), 5: LOG.proof(5, 30)}, LOG.note(30)).text())
    assert said(auditor.look(later)) == (0, "consistent")
    assert said(auditor.look(first)) == (0, "known"), "an older stick, seen before"
    forged = Bundle(str(LOG.key), {30: LOG.proof(30, 40, fork=29)}, LOG.note(40, fork=29)).text()
    assert said(auditor.look(file_of(tmp_path, forged))) == (1, "inconsistent")
    assert said(auditor.look(file_of(tmp_path, LOG.note(5, fork=2)))) == (1, "split_view")


@pytest.mark.parametrize(("signers", "verdict"), [((0, 1), (0, "consistent")), ((1,), (1, "other_key"))])
def test_a_stick_after_a_change_of_keys(
    auditor: Auditor, tmp_path: Path, signers: tuple[int, ...], verdict: tuple[int, str]
) -> None:
    """The bundle brings the statement by which the old key hands over: nobody has to give the new one by hand."""
    logs = (LOG, SmallLog(seed=2))
    auditor.look(file_of(tmp_path, Bundle(str(LOG.key), {}, LOG.note(5)).text()))
    said_of_keys = statement(What.ROTATE, logs[1], LOG, *(logs[number] for number in signers)).removesuffix("\n")
    stick = Bundle(str(logs[1].key), {5: LOG.proof(5, 30)}, logs[1].note(30), (said_of_keys,))
    assert said(auditor.look(file_of(tmp_path, stick.text()))) == verdict


@pytest.mark.parametrize("form", ["{}", "{}\n\n", "\ufeff"])
def test_a_scanned_qr_code(auditor: Auditor, tmp_path: Path, form: str) -> None:
    """A scanner leaves out the last line end; an editor on Windows changes the others."""
    text = form.format(LOG.note(5).rstrip("\n"))
    source = file_of(tmp_path, text)
    if form == "\ufeff":
        assert auditor.look(source).exit_code == 2
        return
    assert auditor.look(source).exit_code == 2, "a note tells no key"
    assert said(auditor.look(source, str(LOG.key))) == (0, "consistent")
    (tmp_path / "head.txt").write_bytes(text.replace("\n", "\r\n").encode())
    assert said(auditor.look(FileSource(tmp_path / "head.txt"))) == (0, "consistent")


def test_a_head_without_a_proof_is_proven_afterwards(auditor: Auditor, tmp_path: Path) -> None:
    auditor.look(FakeSource(LOG, 5))
    sheet = file_of(tmp_path, LOG.note(12))
    outcome = auditor.look(sheet)
    assert said(outcome) == (2, "unproven")
    assert not outcome.cosignature
    assert auditor.look(sheet).exit_code == 2
    between = auditor.look(FakeSource(LOG, 8))
    assert said(between) == (0, "consistent")
    after = auditor.look(FakeSource(LOG, 20))
    assert said(after) == (0, "consistent")
    assert any("size 12" in remark and "now proven" in remark for remark in after.remarks)
    assert not any("size 12" in remark for remark in auditor.look(FakeSource(LOG, 21)).remarks)


@pytest.mark.parametrize("size", [12, 20])
def test_a_head_without_a_proof_convicts_the_log(auditor: Auditor, tmp_path: Path, size: int) -> None:
    """The sheet showed another history than the live hub does: both are signed."""
    auditor.look(FakeSource(LOG, 5))
    auditor.look(file_of(tmp_path, LOG.note(12, fork=11)))
    assert said(auditor.look(FakeSource(LOG, size))) == (1, "split_view")
    assert kept(tmp_path) == ["split_view"]


def test_an_older_sheet_that_nobody_saw(auditor: Auditor, tmp_path: Path) -> None:
    auditor.look(FakeSource(LOG, 20))
    assert said(auditor.look(file_of(tmp_path, LOG.note(12)))) == (2, "unproven")
    assert said(auditor.look(FakeSource(LOG, 20))) == (0, "consistent")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=100) | st.builds(lambda at: LOG.note(5).encode()[:at], st.integers(0, 200)))
def test_any_file_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "file").write_bytes(data)
    auditor = Auditor(Witness.open(folder / "state", "a"), lambda: NOW_US)
    with contextlib.suppress(Unreachable):
        assert auditor.look(FileSource(folder / "file")).exit_code == 2


def test_an_address_that_is_none() -> None:
    for url in ("file:///etc/passwd", "ftp://a/b", "gopher://x"):
        with pytest.raises(Unreachable):
            HubSource(url)
    with pytest.raises(Unreachable):
        HubSource("http://127.0.0.1:1").note()


def test_the_origin_decides_the_memory(auditor: Auditor) -> None:
    """Two logs behind two addresses do not disturb each other."""
    other = FakeSource(SmallLog("two.example/log", seed=4), 50)
    other.name = "https://other.example"
    assert said(auditor.look(FakeSource(LOG, 5))) == (0, "consistent")
    assert said(auditor.look(other)) == (0, "consistent")
    assert said(auditor.look(FakeSource(LOG, 6))) == (0, "consistent")
    assert other.log.origin != ORIGIN


BLOCKED = ("aiohttp", "aiortc", "av", "numpy", "pydantic", "sqlalchemy", "structlog", "uvloop", "segno")


def test_an_auditor_needs_no_library_but_cryptography(tmp_path: Path) -> None:
    (tmp_path / "head.txt").write_text(Bundle(str(LOG.key), {}, LOG.note(5)).text())
    program = f"""
import sys
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED}:
            raise ImportError("not on an auditor's machine: " + name)
sys.meta_path.insert(0, Wall())
import argparse
from hub.commands import audit
parser = argparse.ArgumentParser()
audit.add(parser.add_subparsers())
options = parser.parse_args(["audit", "head.txt", "--state", "state"])
sys.exit(options.command(options))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "remembered as the first head" in done.stdout
