"""A time-stamp token that was made for other data proves nothing, however good the authority."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, check_anchor
from tests.anchor_support import OTHER_TEXT, TEXT, trust_in
from tests.real.timestamp_authority import make_authority

pytestmark = pytest.mark.real


def test_another_checkpoints_token_is_refused(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    token = authority.token(OTHER_TEXT)
    check_anchor(token, TIMESTAMP, OTHER_TEXT, trust_in(authority.ca))
    with pytest.raises(LedgerError, match="for other data") as refused:
        check_anchor(token, TIMESTAMP, TEXT, trust_in(authority.ca))
    assert refused.value.code == "other_data"


def test_another_digest_than_the_agreed_one_is_refused(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    authority.configure("digests = sha256", "digests = sha256, sha512")
    token = authority.token(TEXT, hash_name="sha512")
    with pytest.raises(LedgerError, match="for other data"):
        check_anchor(token, TIMESTAMP, TEXT, trust_in(authority.ca))
