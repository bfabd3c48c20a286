"""What a verifier with one key believes of the others, and what a thief of a key cannot make it believe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import Instant
from hub.errors import LedgerError
from hub.ledger.chain import Head, Writer, make_entry
from hub.ledger.entries import HUB_STREAM, Entry, EntryType
from hub.ledger.notes import Checkpoint, VerifierKey, parse_note
from hub.ledger.signing.keyring import MAX_STATEMENTS, KeyRing
from hub.ledger.signing.statements import HEADING, Statement, What, read_statement, sign_text
from hub.ledger.signing.vault import verifier_key
from hub.ledger.timekeeping import Timekeeping

NAME = "test.example/log"


@dataclass(frozen=True)
class Pair:
    private: Ed25519PrivateKey
    key: VerifierKey


def pair(seed: int) -> Pair:
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Pair(private, verifier_key(NAME, private))


K1, K2, K3, THIEF = (pair(seed) for seed in (1, 2, 3, 9))


def entry(kind: EntryType, body: dict[str, Any], origin: str = NAME) -> Entry:
    clock = Timekeeping().state(0)
    return make_entry(Writer(origin, "node", 0, "boot"), Head(), HUB_STREAM, kind, body, Instant(0, 0), clock)


def said(what: What, key: Pair, other: Pair | None, size: int, by: tuple[Pair, ...], **more: Any) -> Entry:
    statement = Statement(what, key.key, other.key if other else None, size, 0, **more)
    note = sign_text(statement.text(), NAME, [pair.private for pair in by])
    return entry(statement.entry_type, statement.body(note))


def rotate(new: Pair, old: Pair, size: int, by: tuple[Pair, ...] | None = None) -> Entry:
    return said(What.ROTATE, new, old, size, (old, new) if by is None else by)


def retire(old: Pair, new: Pair, size: int, by: tuple[Pair, ...] | None = None) -> Entry:
    return said(What.RETIRE, old, new, size, (old, new) if by is None else by)


def revoke(key: Pair, heir: Pair | None, size: int, by: tuple[Pair, ...], last_size: int = 0) -> Entry:
    return said(What.REVOKE, key, heir, size, by, reason="stolen", last_size=last_size or size - 1)


def ring(first: Pair, *entries: tuple[Entry, int | None] | Entry) -> KeyRing:
    made = KeyRing(first.key)
    for item in entries:
        made.entry(item) if isinstance(item, Entry) else made.entry(*item)
    return made


def test_one_key_signs_everything() -> None:
    only = ring(K1)
    assert only.trusted(K1.key, 0) == only.trusted(K1.key, 10**9) == ""
    assert "no key of this log" in only.trusted(K2.key, 5)
    assert only.signing(7) == (K1.key,)


@pytest.mark.parametrize("first", [K1, K2, K3])
def test_two_rotations_are_followed_from_any_key(first: Pair) -> None:
    made = ring(
        first,
        (rotate(K2, K1, 10), 10), (retire(K1, K2, 20), 21), (rotate(K3, K2, 30), 30), (retire(K2, K3, 40), 41),
    )  # fmt: skip
    assert not made.problems
    sizes = (5, 10, 15, 20, 25, 35, 40, 99)
    signing = [made.signing(size) for size in sizes]
    one, two, three = K1.key, K2.key, K3.key
    assert signing == [(one,), (one, two), (one, two), (two,), (two,), (two, three), (three,), (three,)]
    assert "valid from size 10 on" in made.trusted(two, 9)
    assert "ended at size 20" in made.trusted(one, 20)
    assert [(item.old, item.new, item.index) for item in made.handovers] == {
        K1: [(one, two, 10), (two, three, 30)], K2: [(two, three, 30)], K3: []
    }[first]  # fmt: skip


@pytest.mark.parametrize("by", [(), (K1,), (K2,), (THIEF,), (K1, THIEF), (K2, THIEF)])
def test_a_rotation_needs_the_signatures_of_both_keys(by: tuple[Pair, ...]) -> None:
    """The hub writes entries, and could write one for a key of its own: the signer would sign the root over it."""
    forged = rotate(K2, K1, 10, by or (K3,))
    made = ring(K1, (forged, 10))
    assert made.trusted(K2.key, 50)
    assert made.problems
    assert made.trusted(K1.key, 50) == ""


def test_a_revoked_key_cannot_announce_its_heir() -> None:
    taken_over = revoke(K1, K2, 11, (K1, K2))
    holder_of_old, holder_of_new = ring(K1, (taken_over, 11)), ring(K2, (taken_over, 11))
    assert "get the new verifier key by another way" in holder_of_old.trusted(K2.key, 12)
    assert "was revoked from size 11 on: stolen" in holder_of_old.trusted(K1.key, 11)
    assert holder_of_old.trusted(K1.key, 10) == ""
    # Who was handed the new one believes what it says of the old one's time.
    assert holder_of_new.trusted(K2.key, 11) == ""
    assert holder_of_new.trusted(K1.key, 10) == ""
    assert "revoked" in holder_of_new.trusted(K1.key, 11)
    assert "valid from size 11 on" in holder_of_new.trusted(K2.key, 10)


@pytest.mark.parametrize("index", [None, 30])
def test_a_thief_cannot_rotate_after_the_revocation(index: int | None) -> None:
    """Not even with a size from before it: where the entry lies is what counts."""
    made = ring(K1, (revoke(K1, K2, 11, (K1, K2)), 11), (rotate(THIEF, K1, 5), index))
    assert "did not count" in made.trusted(THIEF.key, 40)
    assert made.handovers == ()


def test_nor_after_the_key_was_retired() -> None:
    made = ring(K1, (rotate(K2, K1, 10), 10), (retire(K1, K2, 20), 21), (rotate(THIEF, K1, 15), 30))
    assert made.trusted(THIEF.key, 40)
    assert made.trusted(K2.key, 40) == ""


@pytest.mark.parametrize("index", [None, 20])
def test_a_revocation_that_reaches_back_undoes_what_the_thief_announced(index: int | None) -> None:
    made = ring(K1, (rotate(THIEF, K1, 20), index), (revoke(K1, K2, 15, (K1, K2), 40), 41))
    assert made.trusted(THIEF.key, 30)
    assert "revoked" in made.trusted(K1.key, 15)


def test_a_key_announced_in_time_outlives_the_revocation_of_the_one_before() -> None:
    made = ring(K1, (rotate(K2, K1, 10), 10), (revoke(K1, K2, 15, (K1, K2)), 16))
    assert made.trusted(K2.key, 99) == ""
    assert made.trusted(K1.key, 14) == ""
    # At the edge: the last size that the old key could sign must hold the entry.
    assert ring(K1, (rotate(K2, K1, 10), 13), (revoke(K1, K2, 15, (K1, K2)), 16)).trusted(K2.key, 99) == ""
    assert ring(K1, (rotate(K2, K1, 10), 14), (revoke(K1, K2, 15, (K1, K2)), 16)).trusted(K2.key, 99)


def test_a_revocation_by_a_stranger_is_not_heard() -> None:
    """Whoever takes over the hub could else void all evidence there is with one entry."""
    made = ring(K1, (revoke(K1, K2, 1, (K2,)), 11), (revoke(K1, None, 1, (THIEF,)), 12))
    assert made.trusted(K1.key, 50) == ""
    assert len(made.problems) == 1
    # It is heard from the key itself, and from one that is trusted.
    assert ring(K1, (revoke(K1, None, 1, (K1,)), 11)).trusted(K1.key, 50)
    assert ring(K2, (rotate(K2, K1, 3), 3), (revoke(K1, K2, 8, (K2,)), 11)).trusted(K1.key, 8)


def test_an_end_is_never_taken_back_and_never_moved_later() -> None:
    made = ring(K1, (revoke(K1, None, 9, (K1,)), 11), (revoke(K1, None, 30, (K1,)), 12), (retire(K1, K2, 50), 13))
    assert "from size 9 on" in made.trusted(K1.key, 9)
    assert made.trusted(K1.key, 8) == ""


def test_honest_signatures_that_a_revocation_took_back_are_told_from_later_ones() -> None:
    made = ring(K2, (revoke(K1, K2, 10, (K1, K2), last_size=20), 21))
    assert [made.withdrawn(K1.key, size) for size in (9, 10, 20, 21)] == [False, True, True, False]
    assert not made.withdrawn(K2.key, 15)


def test_entries_of_other_logs_and_types_are_passed_over() -> None:
    statement = Statement(What.ROTATE, K2.key, K1.key, 10, 0)
    note = sign_text(statement.text(), NAME, [K1.private, K2.private])
    made = ring(
        K1,
        entry(EntryType.KEY_ROTATE, statement.body(note), "other.example/log"),
        entry(EntryType.RESTART, {"ended": ""}),
    )
    assert made.trusted(K2.key, 50)
    assert not made.problems


@pytest.mark.parametrize(
    "change",
    [{"from_size": 1}, {"vkey": "x"}, {"statement": ""}, {"statement": "a\n\n— b QUFBQUFB\n"}],
    ids=lambda change: next(iter(change)),
)
def test_fields_that_are_not_those_of_the_statement(change: dict[str, Any]) -> None:
    body = dict(rotate(K2, K1, 10).body) | change
    made = ring(K1, entry(EntryType.KEY_ROTATE, body))
    assert made.trusted(K2.key, 50)
    assert made.problems


def test_a_revocation_in_a_rotation_s_entry() -> None:
    made = ring(K1, entry(EntryType.KEY_ROTATE, dict(revoke(K1, None, 3, (K1,)).body)))
    assert made.trusted(K1.key, 5) == ""
    assert made.problems


def test_so_many_entries_about_keys_are_bounded() -> None:
    one = rotate(K2, K1, 10)
    made = KeyRing(K1.key)
    for _ in range(MAX_STATEMENTS + 1):
        made.entry(one)
    assert len(made.problems) == 1
    assert made.trusted(K2.key, 50) == ""


# --------------------------------------------------------------------------------- statements


def test_no_checkpoint_is_a_statement_and_no_statement_a_checkpoint() -> None:
    note = sign_text(Checkpoint(NAME, 3, bytes(32)).text(), NAME, [K1.private])
    with pytest.raises(LedgerError, match="headed"):
        read_statement(note)
    assert " " in HEADING  # which no origin may hold


def test_a_statement_comes_back_as_it_was() -> None:
    statement = Statement(What.REVOKE, K1.key, K2.key, 10, 1_767_225_600_000_000, "私钥可能泄露", 12)
    note = sign_text(statement.text(), NAME, [K1.private, K2.private])
    found = read_statement(note)
    assert found.statement == statement
    assert found.signed_by(K1.key)
    assert found.signed_by(K2.key)
    assert not found.signed_by(K3.key)
    assert len(parse_note(note).signatures) == 2


@given(st.text(max_size=300) | st.dictionaries(st.sampled_from(["what", "key", "other", "size"]), st.text()).map(str))
@settings(max_examples=100, deadline=None)
def test_anything_else_is_refused_with_one_error(text: str) -> None:
    for candidate in (text, f"{HEADING}\n{text}\n\n— a QUFBQUFBQUE=\n"):
        with pytest.raises(LedgerError):
            read_statement(candidate)
