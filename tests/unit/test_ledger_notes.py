"""Signed notes, keys and checkpoints, against an independent reading of the C2SP texts."""

from __future__ import annotations

import base64
import contextlib
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ledger.notes import (
    BadNote,
    Checkpoint,
    VerifierKey,
    is_name,
    parse_checkpoint,
    parse_note,
    parse_vkey,
    sign_note,
)

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = VerifierKey("example.org/log", PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
TEXT = Checkpoint("example.org/log", 25, bytes(range(32))).text()
NOTE = sign_note(TEXT, KEY.name, PRIVATE, KEY)


def accepts(note: bytes, vkey: str) -> tuple[str, int, bytes]:
    """An independent check in thirty lines: c2sp.org/signed-note and c2sp.org/tlog-checkpoint, none of our code."""
    name, key_hash, coded = vkey.split("+", 2)
    key = base64.b64decode(coded)
    assert key[0] == 1, "Ed25519"
    key_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    assert key_id.hex() == key_hash
    text, _, signatures = note.rpartition(b"\n\n")
    text += b"\n"
    verified = False
    for line in signatures.decode().splitlines():
        dash, who, data = line.split(" ")
        assert dash == "\u2014"
        raw = base64.b64decode(data, validate=True)
        if who == name and raw[:4] == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(raw[4:], text)
            verified = True
    assert verified
    origin, size, root, *_ = text.decode().split("\n")
    return origin, int(size), base64.b64decode(root)


def test_an_independent_check_accepts_our_note() -> None:
    assert accepts(NOTE.encode(), str(KEY)) == ("example.org/log", 25, bytes(range(32)))


def test_reads_what_it_wrote() -> None:
    note = parse_note(NOTE)
    assert note.text == TEXT
    assert note.signed_by(KEY)
    assert parse_note(NOTE.encode()) == note
    assert parse_checkpoint(note.text) == Checkpoint("example.org/log", 25, bytes(range(32)))
    assert parse_vkey(str(KEY)) == KEY


def test_gos_example_key() -> None:
    """The verifier key and note of the documentation of golang.org/x/mod/sumdb/note."""
    key = parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = parse_note(
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    assert note.signed_by(key)


def test_other_keys_say_nothing() -> None:
    other = Ed25519PrivateKey.generate()
    same_name = VerifierKey(KEY.name, other.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    other_name = VerifierKey("other", KEY.public)
    assert not parse_note(NOTE).signed_by(same_name)
    assert not parse_note(NOTE).signed_by(other_name)
    assert not parse_note(sign_note(TEXT, KEY.name, other, KEY)).signed_by(KEY)
    assert not parse_note(NOTE.replace("\n25\n", "\n26\n")).signed_by(KEY)


def test_a_further_line_does_not_hide_ours() -> None:
    witness = Ed25519PrivateKey.generate()
    key = VerifierKey("witness", witness.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
    line = sign_note(TEXT, "witness", witness, key).split("\n\n")[1]
    note = parse_note(NOTE + line)
    assert note.signed_by(KEY)
    assert note.signed_by(key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\n— a\n",
        "text\n\n- a QUJDREVG\n",
        "text\n\n— a QUJDREVG",
        "text\n\n— a+b QUJDREVG\n",
        "text\n\n— a QUJD\n",
        "text\n\n— a QUJDREVH=\n",
        "text\r\n\n— a QUJDREVG\n",
        "text\n\n— a QUJDREVG\n\n",
        "t\n\n" + "— a QUJDREVG\n" * 101,
        "t" * 1_000_001,
    ],
)
def test_what_is_no_note(text: str) -> None:
    with pytest.raises(BadNote):
        parse_note(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "o\n-1\nAAAA\n",
        "o\n01\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "o\n1\n" + base64.b64encode(bytes(31)).decode() + "\n",
        "o\n²\n" + base64.b64encode(bytes(32)).decode() + "\n",
        "\n1\n" + base64.b64encode(bytes(32)).decode() + "\n",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text)


@pytest.mark.parametrize("text", ["", "a", "a+00000000+AAAA", str(KEY)[:-4], str(KEY).replace("+", "-"), f"x{KEY}"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(BadNote):
        parse_vkey(text)


def test_names() -> None:
    assert is_name("recorder-hub.local/00ff")
    assert not any(is_name(name) for name in ("", "a b", "a+b", "a\n", "é", "a" * 201))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80) | st.text(alphabet="\n—+ aQ=1", max_size=40))
def test_parsers_raise_bad_note_and_nothing_else(data: bytes | str) -> None:
    for parser in (parse_note, parse_checkpoint, parse_vkey):
        if isinstance(data, bytes) and parser is not parse_note:
            continue
        with contextlib.suppress(BadNote):
            parser(data)  # type: ignore[operator]
