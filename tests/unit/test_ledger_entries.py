"""Entry bytes: canonical, strict, and the same as an independent implementation makes them."""

from __future__ import annotations

import contextlib
import hashlib
import json

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.clock import Instant
from hub.errors import LedgerError
from hub.ledger import entries as entries_module
from hub.ledger.chain import Head, Writer, make_entry
from hub.ledger.entries import INT_LIMIT, BadEntry, EntryType, canonical, check_entry, parse, read_entry

KEYS = st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=8)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-INT_LIMIT + 1, INT_LIMIT - 1) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))
FIELDS = ["v", "type", "hub", "node", "stream", "epoch", "seq", "prev"]
FIELDS += ["t_hub", "t_mono", "boot", "clock", "salt", "body"]
WRITER = Writer("test.example/log", "node", 3, "boot")


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_canonical_is_rfc_8785_and_parse_undoes_it(value: dict[str, object]) -> None:
    data = canonical(value)  # type: ignore[arg-type]
    assert data == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert parse(data) == value


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200) | TEXT.map(str.encode) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_parsing_raises_bad_entry_and_nothing_else(data: bytes) -> None:
    try:
        value = parse(data)
    except BadEntry:
        return
    assert canonical(value) == data


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_changed_byte_never_gives_another_error(data: st.DataObject) -> None:
    entry = bytearray(make_entry(WRITER, Head(), "cam", EntryType.GENESIS, {"of": "cam"}, Instant(5, 6), {}).data)
    at = data.draw(st.integers(0, len(entry) - 1))
    entry[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadEntry):
        assert read_entry(bytes(entry)).data == bytes(entry)


_NUMBERS = st.sampled_from([2**53 - 1, 2**53, -(2**53), 10**16, 10**17, 9 * 10**15, 10**400, 1.5, 1e300, -0.0, 0])
_PIECES = st.recursive(
    _NUMBERS | TEXT | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=30,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(TEXT, _PIECES, max_size=3), st.booleans(), st.booleans())
def test_what_is_parsed_quickly_is_what_is_parsed_closely(value: dict[str, object], ordered: bool, raw: bool) -> None:
    data = json.dumps(value, sort_keys=ordered, separators=(",", ":"), ensure_ascii=not raw).encode()
    quick = entries_module._parse_quickly(data)
    if quick is not None:
        assert quick == entries_module._parse_closely(data)
        assert canonical(quick) == data


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":-0}',
        b'{"a":1.0}',
        b'{"a":NaN}',
        b'{"a":9007199254740992}',
        b'{"a":-9007199254740992}',
        b'{"a":[10000000000000000]}',
        b'{"b":1,"a":1}',
        b'{"a":"\\u0041"}',
        b'{"a" :1}',
        b'{"a":' * 17 + b"1" + b"}" * 17,
        b'{"a":"\\ud800"}',
    ],
)
def test_what_is_no_entry_is_looked_at_closely(data: bytes) -> None:
    assert entries_module._parse_quickly(data) is None
    with pytest.raises(BadEntry):
        parse(data)


def test_an_ordinary_entry_is_parsed_quickly() -> None:
    """Else verifying takes three times as long."""
    head, now = Head(8, "90" * 32), Instant(1_767_225_600_000_000, 999_999)
    entry = make_entry(WRITER, head, "cam", EntryType.GENESIS, {"of": "cam"}, now, {})
    assert entries_module._parse_quickly(entry.data) is not None


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 10_000 + b"}", b'{"a":1e999}'])
def test_hostile_shapes(data: bytes) -> None:
    with pytest.raises(BadEntry):
        parse(data)


@pytest.mark.parametrize(
    "value", [{"a": 1.5}, {"a": 2**53}, {"a": -(2**53)}, {"é": 1}, {1: 1}, {"a": {1, 2}}, {"a": b"x"}, {"a": "\ud800"}]
)
def test_values_outside_the_profile(value: dict[str, object]) -> None:
    with pytest.raises(BadEntry):
        canonical(value)  # type: ignore[arg-type]


def test_fields_and_hash_of_an_entry() -> None:
    entry = make_entry(
        WRITER, Head(6, "ab" * 32), "cam", EntryType.CLOSE, {"reason": "结束"}, Instant(5, 6), {"source": "x"}
    )
    value = json.loads(entry.data)
    assert sorted(value) == sorted(FIELDS)
    assert (value["seq"], value["prev"], value["t_hub"], value["t_mono"]) == (7, "ab" * 32, 5, 6)
    assert (value["hub"], value["node"], value["epoch"], value["boot"]) == ("test.example/log", "node", 3, "boot")
    assert len(bytes.fromhex(value["salt"])) == 16
    assert entry.leaf == hashlib.sha256(b"\x00" + entry.data).hexdigest()
    assert "结束".encode() in entry.data
    again = read_entry(entry.data)
    assert again == entry


def test_two_equal_facts_have_two_hashes() -> None:
    one, two = (make_entry(WRITER, Head(), "cam", EntryType.CLOSE, {"reason": ""}, Instant(5, 6), {}) for _ in range(2))
    assert one.leaf != two.leaf


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"v": 2}, "version"),
        ({"v": True}, "v in the entry"),
        ({"type": "chonk"}, "known type"),
        ({"stream": "Cam"}, "stream id"),
        ({"stream": "_hub2"}, "stream id"),
        ({"prev": "AB" * 32}, "prev"),
        ({"seq": -1}, "seq"),
        ({"body": {}}, "of in the body of genesis"),
        ({"more": 1}, "further"),
        ({"salt": None}, "salt"),
    ],
)
def test_fields_that_an_entry_must_not_have(change: dict[str, object], said: str) -> None:
    value = json.loads(make_entry(WRITER, Head(), "cam", EntryType.GENESIS, {"of": "cam"}, Instant(5, 6), {}).data)
    with pytest.raises(BadEntry, match=said):
        check_entry(value | change)


def test_a_body_must_hold_what_its_type_asks_for() -> None:
    with pytest.raises(BadEntry, match="reel in the body of chunk"):
        make_entry(WRITER, Head(), "cam", EntryType.CHUNK, {}, Instant(5, 6), {})
    assert issubclass(BadEntry, LedgerError)
