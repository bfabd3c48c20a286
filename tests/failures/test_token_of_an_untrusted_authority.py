"""A token by an authority that nobody here trusts: good for them, nothing to us."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, UNCHECKED, Trust, check_anchor
from tests.anchor_support import TEXT, trust_in
from tests.real.timestamp_authority import make_authority

pytestmark = pytest.mark.real


def test_a_strangers_token_is_refused(tmp_path: Path) -> None:
    ours, stranger = make_authority(tmp_path / "ours"), make_authority(tmp_path / "stranger")
    token = stranger.token(TEXT)
    check_anchor(token, TIMESTAMP, TEXT, trust_in(stranger.ca))
    with pytest.raises(LedgerError, match="of an authority that is trusted here") as refused:
        check_anchor(token, TIMESTAMP, TEXT, trust_in(ours.ca))
    assert refused.value.code == "untrusted_authority"


def test_without_any_trust_it_is_said_not_to_be_checked(tmp_path: Path) -> None:
    token = make_authority(tmp_path).token(TEXT)
    with pytest.raises(LedgerError, match="not checked") as refused:
        check_anchor(token, TIMESTAMP, TEXT, Trust())
    assert refused.value.code in UNCHECKED
