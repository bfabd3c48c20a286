"""A token of which a byte was altered, and bytes that are none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, Trust, check_anchor
from hub.ledger.anchors.tokens import BadToken, as_response, decode
from tests.anchor_support import TEXT, trust_in
from tests.real.timestamp_authority import make_authority

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Trust]:
    authority = make_authority(tmp_path_factory.mktemp("authority"))
    return authority.token(TEXT), trust_in(authority.ca)


def test_what_it_says_is_signed(made: tuple[bytes, Trust]) -> None:
    token, trust = made
    whole = check_anchor(token, TIMESTAMP, TEXT, trust)
    year = token.index(b"20", token.index(bytes.fromhex("060b2a864886f70d0109100104")))
    stated = token.index(f"{2000 + int(token[year + 2 : year + 4])}".encode(), year)
    altered = token[:stated] + b"1999" + token[stated + 4 :]
    with pytest.raises(LedgerError):
        check_anchor(altered, TIMESTAMP, TEXT, trust)
    assert whole.until_us > whole.from_us


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_altered_bytes_are_refused_or_say_the_same(made: tuple[bytes, Trust], data: st.DataObject) -> None:
    token, trust = made
    whole = check_anchor(token, TIMESTAMP, TEXT, trust)
    at = data.draw(st.integers(0, len(token) - 1))
    altered = bytearray(token)
    altered[at] ^= data.draw(st.integers(1, 255))
    try:
        found = check_anchor(bytes(altered), TIMESTAMP, TEXT, trust)
    except LedgerError:
        return
    assert found == whole, "a byte that no signature covers must not matter"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_token_cut_short_or_longer_is_refused(made: tuple[bytes, Trust], data: st.DataObject) -> None:
    token, trust = made
    cut = data.draw(st.integers(0, len(token) - 1))
    more = data.draw(st.binary(min_size=1, max_size=40))
    for bad in (token[:cut], token + more):
        with pytest.raises(LedgerError):
            check_anchor(bad, TIMESTAMP, TEXT, trust)


def test_a_token_beyond_all_measure_is_not_parsed() -> None:
    with pytest.raises(BadToken, match="at most"):
        decode(as_response(bytes(1 << 20)))
