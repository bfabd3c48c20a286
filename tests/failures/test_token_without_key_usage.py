"""A token signed with a trusted authority's certificate that was not issued for time-stamping (RFC 3161 §2.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, check_anchor
from tests.anchor_support import TEXT, trust_in
from tests.real.timestamp_authority import make_authority, signed_by

pytestmark = pytest.mark.real


@pytest.mark.parametrize("more", [{"usage": False}, {"critical": False}], ids=["another usage", "not critical"])
def test_the_key_usage_must_be_there_and_critical(tmp_path: Path, more: dict[str, bool]) -> None:
    token = make_authority(tmp_path / "good").token(TEXT)
    good, bad = make_authority(tmp_path / "also good"), make_authority(tmp_path / "bad", **more)
    check_anchor(signed_by(good, token), TIMESTAMP, TEXT, trust_in(good.ca))
    with pytest.raises(LedgerError, match="critical extended key usage timeStamping") as refused:
        check_anchor(signed_by(bad, token), TIMESTAMP, TEXT, trust_in(bad.ca))
    assert refused.value.code == "key_usage"
