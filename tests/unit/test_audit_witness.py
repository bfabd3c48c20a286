"""The witness: what it cosigns, what it refuses, and that its memory is never behind what it gave out."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.audit import witness as witness_module
from hub.audit.bundle import MAGIC, MAX_OLDER, Bundle, is_bundle, parse_bundle
from hub.audit.witness import Contradiction, Memory, NotTrusted, OtherSize, Witness
from hub.errors import InvalidRequest, LedgerError
from hub.ledger.anchors.cosignature import check_cosignature, parse_witness_vkey
from hub.ledger.notes import Checkpoint, parse_checkpoint, parse_note, sign_note
from hub.ledger.proofs import Addition, BadProof
from tests.small_log import NOW_US, ORIGIN, FakeSource, SmallLog

LOG = SmallLog()


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness.open(tmp_path / "state", "w.example/1")


def test_cosigns_a_log_that_grows(witness: Witness, tmp_path: Path) -> None:
    for old, size in ((0, 3), (3, 3), (3, 20), (20, 21)):
        line = witness.add(LOG.addition(old, size), [LOG.key], NOW_US)
        note = parse_note(LOG.note(size) + line)
        assert check_cosignature(note.text.encode(), note.signatures[1], witness.key) == NOW_US // 1_000_000
    memory = witness.memory(ORIGIN)
    assert [parse_checkpoint(parse_note(note).text).size for note in memory.notes()] == [3, 20, 21]
    again = Witness.open(tmp_path / "state", "another name")
    assert again.key == witness.key == parse_witness_vkey(str(witness.key))
    with pytest.raises(OtherSize) as caught:
        again.add(LOG.addition(20, 30), [LOG.key], NOW_US)
    assert caught.value.size == 21


def test_what_it_refuses(witness: Witness) -> None:
    other_key = SmallLog(seed=2)
    other_name = SmallLog("other.example/log")
    for trusted in ([], [other_key.key], [other_name.key]):
        with pytest.raises(NotTrusted):
            witness.add(LOG.addition(0, 3), trusted, NOW_US)
    with pytest.raises(InvalidRequest):
        witness.add(Addition(4, (), LOG.note(3)), [LOG.key], NOW_US)
    with pytest.raises(BadProof):
        witness.add(Addition(0, (bytes(32),), LOG.note(3)), [LOG.key], NOW_US)
    empty = sign_note(Checkpoint(ORIGIN, 0, bytes(32)).text(), ORIGIN, LOG.private, LOG.key)
    with pytest.raises(BadProof):
        witness.add(Addition(0, (), empty), [LOG.key], NOW_US)
    assert witness.memory(ORIGIN).head() is None


def test_a_proof_that_does_not_hold(witness: Witness) -> None:
    witness.add(LOG.addition(0, 10), [LOG.key], NOW_US)
    proof = LOG.proof(10, 15)
    wrong = [(), proof[:-1], (*proof, bytes(32)), (bytes(32), *proof[1:]), LOG.proof(10, 14), LOG.proof(9, 15)]
    for hashes in wrong:
        with pytest.raises(BadProof):
            witness.add(Addition(10, hashes, LOG.note(15)), [LOG.key], NOW_US)
    with pytest.raises(BadProof):
        witness.add(LOG.addition(10, 15, fork=9), [LOG.key], NOW_US)
    head = witness.memory(ORIGIN).head()
    assert head is not None
    assert head.checkpoint == LOG.head(10)


def test_a_second_root_of_the_same_size(witness: Witness) -> None:
    witness.add(LOG.addition(0, 10), [LOG.key], NOW_US)
    with pytest.raises(Contradiction) as caught:
        witness.add(Addition(10, (), LOG.note(10, fork=9)), [LOG.key], NOW_US)
    kept = {path.name: path.read_text() for path in caught.value.kept.iterdir()}
    assert kept["known.note"].startswith(LOG.note(10))
    assert kept["found.note"] == LOG.note(10, fork=9)
    assert caught.value.code == "split_view"


def test_nothing_is_given_out_that_is_not_remembered(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    witness.add(LOG.addition(0, 3), [LOG.key], NOW_US)

    def full(*_args: object) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(witness_module, "replace_file", full)
        with pytest.raises(OSError, match="no space"):
            witness.add(LOG.addition(3, 9), [LOG.key], NOW_US)
    assert witness.add(LOG.addition(3, 8), [LOG.key], NOW_US)


def test_of_many_at_once_one_goes_on(tmp_path: Path) -> None:
    """The race that C2SP describes: without the lock a smaller head could end up as the newest."""
    witness = Witness.open(tmp_path, "w.example/1")
    witness.add(LOG.addition(0, 5), [LOG.key], NOW_US)
    begin, results = threading.Barrier(8), []

    def add(size: int) -> None:
        own = Witness.open(tmp_path, "w.example/1")  # as another process would
        addition = LOG.addition(5, size)
        begin.wait()
        try:
            own.add(addition, [LOG.key], NOW_US)
            results.append(size)
        except OtherSize:
            pass

    threads = [threading.Thread(target=add, args=(6 + number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    head = witness.memory(ORIGIN).head()
    assert head is not None
    assert results == [head.checkpoint.size]


def test_a_damaged_memory_is_not_forgotten(witness: Witness) -> None:
    witness.add(LOG.addition(0, 5), [LOG.key], NOW_US)
    (witness.memory(ORIGIN).folder / "head").write_text("what is this\n")
    with pytest.raises(LedgerError, match="damaged"):
        witness.add(LOG.addition(0, 6), [LOG.key], NOW_US)


def test_a_note_that_a_power_cut_tore_is_left_out(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.append("seen", LOG.note(1))
    with (tmp_path / "seen").open("a") as file:
        file.write(LOG.note(2)[:60])
    memory.append("seen", LOG.note(3))
    assert LOG.note(1) in list(memory.notes())
    assert memory.root_at(1) == LOG.head(1).root


def test_a_key_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        Witness.open(tmp_path, "two words")
    Witness.open(tmp_path, "one")
    assert (tmp_path / "witness.pem").stat().st_mode & 0o077 == 0
    (tmp_path / "witness.pem").write_text("no key")
    with pytest.raises(LedgerError, match="damaged"):
        Witness.open(tmp_path, "one")


# ------------------------------------------------------------------------------------ head bundles


def bundle(*olds: int, size: int = 20) -> Bundle:
    return Bundle(str(LOG.key), {old: LOG.proof(old, size) for old in olds}, LOG.note(size), ("said\n\nof keys\n",))


@pytest.mark.parametrize("olds", [(), (7,), (3, 7, 20)])
def test_a_bundle_is_read_as_written(olds: tuple[int, ...]) -> None:
    data = bundle(*olds).text().encode()
    assert is_bundle(data)
    assert parse_bundle(data) == bundle(*olds)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (MAGIC, MAGIC[:-1] + "2"),
        ("vkey ", "key "),
        ("said ", "said !"),
        ("old 3\n", ""),
        ("old 3\n", "old 7\n"),
        ("old 3\n", "old x\n"),
        ("\n\n", "\n"),
        ("\n\n", "\n" + "old 1\nold 1\n" + "\n"),
        ("\n\n", "\n" + "".join(f"old {100 + number}\n" for number in range(MAX_OLDER)) + "\n"),
        ("\n20\n", "\n\x00\n"),
    ],
)
def test_what_is_no_bundle(old: str, new: str) -> None:
    text = bundle(3, 7).text()
    assert old in text
    with pytest.raises(BadProof):
        parse_bundle(text.replace(old, new, 1).encode())


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=60)
    | st.builds(lambda at, junk: bundle(3, 7).text().encode()[:at] + junk, st.integers(0, 930), st.binary(max_size=9))
    | st.text(max_size=60).map(lambda text: f"{MAGIC}\nvkey k\n{text}\n\n{LOG.note(1)}".encode(errors="replace"))
)
def test_the_parser_raises_bad_proof_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(BadProof):
        parse_bundle(data)


def test_the_fake_source_is_honest() -> None:
    """The tests of the auditor lean on it."""
    assert FakeSource(LOG, 5).note() == LOG.note(5)
