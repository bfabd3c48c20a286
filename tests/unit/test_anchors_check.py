"""Cosignatures and tokens, checked without a hub: what holds, what is refused and with which words."""

from __future__ import annotations

import base64
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, UNCHECKED, WITNESS, Trust, check_anchor
from hub.ledger.anchors.cosignature import (
    BadCosignature,
    WitnessKey,
    check_cosignature,
    cosign,
    cosigned_message,
    parse_line,
    parse_witness_vkey,
    to_line,
)
from hub.ledger.anchors.window import Cover, Window, unanchored_window
from hub.ledger.notes import BadNote, Checkpoint, Signature

TEXT = Checkpoint("example.com/log", 42, bytes(range(32))).text().encode()
OTHER = Checkpoint("example.com/log", 43, bytes(range(32))).text().encode()
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEY = WitnessKey.of("witness.example/w1", PRIVATE)
SECONDS = 1_679_315_147


def cosignature(text: bytes = TEXT, seconds: int = SECONDS) -> bytes:
    return to_line(cosign(text, KEY, PRIVATE, seconds)).encode()


# The example of the C2SP text: the key is not published with it, the layout is.
C2SP_LINE = (
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
    "qhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)


def test_the_published_example_is_read_as_its_text_says() -> None:
    line = parse_line(C2SP_LINE.encode())
    assert line.name == "witness.example.com/w1"
    assert int.from_bytes(line.signature[:8], "big") == SECONDS
    assert len(line.signature) == 8 + 64
    assert to_line(line) == C2SP_LINE
    assert cosigned_message(b"x\n", SECONDS) == b"cosignature/v1\ntime 1679315147\nx\n"


def test_a_cosignature_says_by_when() -> None:
    found = check_anchor(cosignature(), WITNESS, TEXT, Trust(witnesses=(KEY,)))
    assert (found.authority, found.from_us, found.until_us) == (KEY.name, SECONDS * 10**6, (SECONDS + 1) * 10**6)


def test_a_cosignature_of_another_checkpoint_or_time_does_not_verify() -> None:
    line = parse_line(cosignature())
    with pytest.raises(BadCosignature, match="does not verify"):
        check_cosignature(OTHER, line, KEY)
    later = Signature(line.name, line.key_id, (SECONDS + 1).to_bytes(8, "big") + line.signature[8:])
    with pytest.raises(BadCosignature, match="does not verify"):
        check_cosignature(TEXT, later, KEY)


def test_a_log_signature_is_no_cosignature() -> None:
    """Type 1 and type 4 keys of the same name and bytes have different ids, and other bytes are signed."""
    plain = Signature(KEY.name, KEY.key_id, SECONDS.to_bytes(8, "big") + PRIVATE.sign(TEXT))
    with pytest.raises(BadCosignature):
        check_cosignature(TEXT, plain, KEY)


def test_another_key_of_the_same_name_is_not_trusted() -> None:
    other = WitnessKey.of(KEY.name, Ed25519PrivateKey.generate())
    with pytest.raises(LedgerError, match="not among the") as refused:
        check_anchor(cosignature(), WITNESS, TEXT, Trust(witnesses=(other,)))
    assert refused.value.code == "untrusted_authority"
    with pytest.raises(LedgerError) as unknown:
        check_anchor(cosignature(), WITNESS, TEXT, Trust())
    assert unknown.value.code == "no_trust"
    assert {refused.value.code, unknown.value.code} <= UNCHECKED


def test_the_name_is_part_of_who_cosigned() -> None:
    """The signed bytes do not hold the name: the key id does."""
    with pytest.raises(BadCosignature, match=r"expected a cosignature by another\.example"):
        check_cosignature(TEXT, parse_line(cosignature()), WitnessKey("another.example", KEY.public))


def test_a_witness_key_is_read_back_and_its_id_is_compared() -> None:
    assert parse_witness_vkey(str(KEY)) == KEY
    with pytest.raises(BadNote, match="key id"):
        parse_witness_vkey(str(KEY).replace(f"+{KEY.key_id.hex()}+", "+00000000+"))
    log_key = base64.b64encode(b"\x01" + KEY.public).decode()
    with pytest.raises(BadNote, match="type 4"):
        parse_witness_vkey(f"{KEY.name}+{KEY.key_id.hex()}+{log_key}")


@settings(max_examples=300)
@given(st.binary(max_size=300), st.sampled_from([WITNESS, TIMESTAMP, "else"]))
def test_garbage_is_refused_and_nothing_else(data: bytes, kind: str) -> None:
    with pytest.raises(LedgerError):
        check_anchor(data, kind, TEXT, Trust(witnesses=(KEY,)))


@settings(max_examples=200)
@given(st.integers(0, len(cosignature()) - 1), st.integers(1, 255))
def test_no_altered_byte_of_a_cosignature_is_accepted(at: int, change: int) -> None:
    data = bytearray(cosignature())
    data[at] ^= change
    with pytest.raises(LedgerError):
        check_anchor(bytes(data), WITNESS, TEXT, Trust(witnesses=(KEY,)))


@settings(max_examples=200)
@given(st.text(max_size=120))
def test_keys_from_outside_are_refused_or_read(text: str) -> None:
    with pytest.raises(BadNote):
        parse_witness_vkey(text)


def test_without_the_library_a_token_could_not_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    with pytest.raises(LedgerError, match="could not be checked") as error:
        check_anchor(b"\x30\x00", TIMESTAMP, TEXT, Trust())
    assert error.value.code in UNCHECKED


# -------------------------------------------------------------------------------------- the window


def test_the_window_is_the_longest_wait_between_two_anchors() -> None:
    covers = [Cover(100, 110), Cover(400, 420), Cover(500, 505)]
    assert unanchored_window(covers, 50, 450, 1000) == Window(320, None)  # 100, just missed, until 420
    assert unanchored_window(covers, 410, 450, 1000) == Window(95, None)  # 410 until 505
    assert unanchored_window(covers, 450, 900, 1000) == Window(500, 500)  # nothing after 500


def test_a_later_head_that_came_back_first_counts() -> None:
    assert unanchored_window([Cover(100, 900), Cover(200, 210)], 0, 150, 1000) == Window(210, None)


def test_without_anchors_all_of_it_is_open() -> None:
    assert unanchored_window([], 100, 200, 1000) == Window(900, 100)


@given(
    st.lists(st.builds(Cover, st.integers(0, 1000), st.integers(0, 2000)), max_size=8),
    st.integers(0, 1000),
    st.integers(0, 1000),
)
def test_the_window_is_what_asking_for_each_moment_finds(covers: list[Cover], begin: int, length: int) -> None:
    now, end = 2000, begin + length
    found = unanchored_window(covers, begin, end, now)
    waits = [min([one.by_us for one in covers if one.until_us >= at] + [now]) - at for at in range(begin, end + 1)]
    # Just after a head the next one is due: the longest wait is approached from there, up to one tick.
    assert max(0, max(waits)) <= found.longest_us <= max(0, max(waits)) + 1 or found.longest_us == max(0, max(waits))
    assert (found.open_since_us is None) == any(one.until_us >= end for one in covers)
