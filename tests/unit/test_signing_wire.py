"""The signer's protocol: what is said comes back, anything else is refused, and the child does what it is asked."""

from __future__ import annotations

import io
import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.errors import LedgerError
from hub.ledger.notes import VerifierKey, parse_note
from hub.ledger.signing.local import LocalSigners
from hub.ledger.signing.remote import ChildLine, ChildSigners, Connection, RemoteSigner
from hub.ledger.signing.service import serve_connection
from hub.ledger.signing.signer import Custody, SignedHead
from hub.ledger.signing.wire import (
    MAX_FRAME_BYTES,
    Answer,
    BadFrame,
    Config,
    Hello,
    Request,
    Sign,
    answer_frame,
    frame,
    read_answer,
    read_frame,
    read_request,
    request_frame,
)

ORIGIN = "test.example/log"
names = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="+"), min_size=1, max_size=60)
digests = st.binary(min_size=32, max_size=32)
requests = st.one_of(
    st.builds(Config, st.text(max_size=99), st.text(max_size=99)),
    st.builds(Hello, names, st.booleans()),
    st.builds(
        Sign, names, st.integers(0, 2**53 - 1), digests,
        st.lists(digests, max_size=64).map(tuple), st.lists(st.text(max_size=8), max_size=9).map(tuple),
    ),
)  # fmt: skip
answers = st.one_of(
    st.builds(
        Answer,
        st.builds(VerifierKey, names, digests),
        st.builds(SignedHead, st.integers(0, 2**53 - 1), digests, st.text(max_size=99)),
        st.lists(st.text(max_size=99), max_size=5).map(tuple),
    ),
    st.builds(Answer, code=st.sampled_from(["rollback", "key_missing"]), message=st.text(max_size=99)),
)


def body(data: bytes) -> bytes:
    found = read_frame(io.BytesIO(data).read)
    assert found is not None
    return found


@given(requests)
@settings(deadline=None)
def test_requests_come_back(request: Request) -> None:
    assert read_request(body(request_frame(request))) == request


@given(answers)
@settings(deadline=None)
def test_answers_come_back(answer: Answer) -> None:
    assert read_answer(body(answer_frame(answer))) == answer


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=9,
)
_fields = st.sampled_from(["op", "origin", "make", "size", "root", "proof", "announced", "ok", "vkey", "note", "code"])
_likely = st.dictionaries(_fields, _json | st.sampled_from(["sign", "hello", "config", ORIGIN, "00" * 32, True, False]))


@given(st.binary(max_size=200) | _likely.map(lambda value: frame(value)[4:]))
@example(b"[" * 100_000)
@example(b'{"op":"sign","origin":"a","size":true,"root":"' + b"0" * 64 + b'","proof":[],"announced":[]}')
@settings(deadline=None, max_examples=300)
def test_anything_else_is_refused_with_one_error(data: bytes) -> None:
    for parse in (read_request, read_answer):
        with suppress(BadFrame):
            parse(data)


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_broken_frames(data: bytes) -> None:
    try:
        found = read_frame(io.BytesIO(data).read)
    except BadFrame:
        return
    assert found is None if not data else len(found or b"") == struct.unpack(">I", data[:4])[0]


def test_a_frame_is_bounded_before_it_is_read() -> None:
    stream = io.BytesIO(struct.pack(">I", MAX_FRAME_BYTES + 1) + bytes(100))
    with pytest.raises(BadFrame, match="expected a frame of 1 to"):
        read_frame(stream.read)
    assert stream.tell() == 4


def test_a_config_does_not_show_its_secret() -> None:
    assert "hunter2" not in repr(Config("/keys", "hunter2"))


# ------------------------------------------------------------------------------- the signer's side


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with theirs:
            serve_connection(theirs, LocalSigners(tmp_path / "keys"))

    thread = threading.Thread(target=serve)
    thread.start()
    ours.settimeout(10)
    with ours:
        yield ours
    thread.join(10)
    assert not thread.is_alive()


def ask(peer: socket.socket, request: Request) -> Answer:
    peer.sendall(request_frame(request))
    data = read_frame(peer.recv)
    assert data is not None
    return read_answer(data)


def test_no_key_is_made_unless_it_may_be(peer: socket.socket) -> None:
    assert ask(peer, Hello(ORIGIN, False)).code == "key_missing"
    assert ask(peer, Sign(ORIGIN, 1, bytes(32), ())).code == "key_missing"
    made = ask(peer, Hello(ORIGIN, True))
    assert made.key is not None
    assert ask(peer, Hello(ORIGIN, False)) == made


def test_only_extensions_are_signed(peer: socket.socket) -> None:
    key = ask(peer, Hello(ORIGIN, True)).key
    assert key is not None
    signed = ask(peer, Sign(ORIGIN, 1, b"\1" * 32, ()))
    assert parse_note(signed.last.note).signed_by(key)
    assert ask(peer, Sign(ORIGIN, 1, b"\2" * 32, ())).code == "rollback"
    assert ask(peer, Sign(ORIGIN, 2, b"\2" * 32, (b"\3" * 32,))).code == "rollback"
    assert ask(peer, Hello(ORIGIN, False)).last == signed.last  # and it goes on to answer


def test_a_config_later_on_changes_nothing(peer: socket.socket, tmp_path: Path) -> None:
    """Whoever may ask must not point the signer at keys of its own."""
    assert ask(peer, Config(str(tmp_path / "other"))).code == "bad_frame"
    assert read_frame(peer.recv) is None


def test_garbage_ends_the_connection(peer: socket.socket) -> None:
    peer.sendall(frame({"op": "export the key"}))
    data = read_frame(peer.recv)
    assert data is not None
    assert read_answer(data).code == "bad_frame"
    assert read_frame(peer.recv) is None


# ----------------------------------------------------------------------------------- the hub's side


class FakeLine:
    """A signer that answers what the test says."""

    custody = Custody.CHILD

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.lost_count = 0

    def connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.sendall(self.answers.pop(0))
            theirs.shutdown(socket.SHUT_WR)
            self.kept = theirs.dup()
        return ours

    def lost(self) -> None:
        self.lost_count += 1
        self.kept.close()

    def worked(self) -> None: ...

    def close(self) -> None: ...


KEY = VerifierKey(ORIGIN, bytes(32))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0",
        b"\0\0\0\2{}",
        struct.pack(">I", 1 << 30),
        frame({"ok": True, "vkey": "x", "size": 0, "root": "00" * 32, "note": "", "statements": []}),
    ],
)
def test_a_signer_that_talks_nonsense_is_unreachable(answer: bytes) -> None:
    line = FakeLine(answer)
    with pytest.raises(LedgerError) as refused:
        Connection(line).call(Hello(ORIGIN, False))
    assert refused.value.code == "signer_unreachable"
    assert line.lost_count == 1


def test_a_checkpoint_that_was_not_asked_for_is_not_taken() -> None:
    hello = answer_frame(Answer(KEY))
    other = answer_frame(Answer(KEY, SignedHead(7, bytes(32), f"{ORIGIN}\n7\nAAAA\n\n— {ORIGIN} AAAAAAAA\n")))
    line = FakeLine(hello + other)
    connection = Connection(line)
    signer = RemoteSigner.open(connection, ORIGIN, make=False)
    with pytest.raises(LedgerError, match="was not asked for"):
        signer.sign(1, bytes(32), ())
    assert signer.last == SignedHead()
    connection.close()


def test_a_key_of_another_name_is_not_taken() -> None:
    line = FakeLine(answer_frame(Answer(VerifierKey("other", bytes(32)))))
    connection = Connection(line)
    with pytest.raises(LedgerError, match="found another"):
        RemoteSigner.open(connection, ORIGIN, make=False)
    connection.close()


# ---------------------------------------------------------------------------------------- the child


def test_a_child_signs_and_ends_with_its_line(tmp_path: Path) -> None:
    signers = ChildSigners(tmp_path / "keys")
    signer = signers.open(ORIGIN, make=True)
    assert signer.custody is Custody.CHILD
    note = parse_note(signer.sign(1, b"\1" * 32, ()))
    assert note.signed_by(signer.key)
    pid = signers.line.pid
    assert pid is not None
    status = Path(f"/proc/{pid}/environ").read_bytes()
    assert all(item.startswith((b"PYTHONPATH=", b"LC_CTYPE=")) for item in status.split(b"\0") if item)
    signers.close()
    assert not Path(f"/proc/{pid}").exists()


def test_a_child_that_died_is_started_again_at_a_bounded_rate(tmp_path: Path) -> None:
    now_s = [100.0]
    line = ChildLine(Config(str(tmp_path / "keys")), lambda: now_s[0])
    connection = Connection(line)
    signer = RemoteSigner.open(connection, ORIGIN, make=True)

    def kill() -> None:
        assert line.pid is not None
        os.kill(line.pid, signal.SIGKILL)

    for _ in range(2):  # the first time another one is started at once
        signer.refresh()
        kill()
        with pytest.raises(LedgerError) as refused:
            signer.sign(1, b"\1" * 32, ())
        assert refused.value.code == "signer_unreachable"
    with pytest.raises(LedgerError, match="started again in 1 s"):
        signer.refresh()
    assert line.pid is None
    now_s[0] += 1.0
    signer.refresh()
    assert signer.sign(1, b"\1" * 32, ())
    connection.close()
