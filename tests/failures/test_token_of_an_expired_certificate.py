"""The authority's certificate must have been valid when the token was made; that it expires later does no harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.errors import LedgerError
from hub.ledger.anchors.check import TIMESTAMP, check_anchor
from tests.anchor_support import TEXT, trust_in
from tests.real.timestamp_authority import make_authority, signed_by

pytestmark = pytest.mark.real


def test_a_certificate_whose_days_were_over_is_refused(tmp_path: Path) -> None:
    authority = make_authority(tmp_path, expired=True)
    with pytest.raises(LedgerError, match="valid at the stated time") as refused:
        check_anchor(authority.token(TEXT), TIMESTAMP, TEXT, trust_in(authority.ca))
    assert refused.value.code == "certificate_expired"


def test_a_certificate_that_has_expired_since_is_accepted(tmp_path: Path) -> None:
    """The token's time lies within the certificate's days, today does not."""
    authority = make_authority(tmp_path / "then", expired=True)
    token = make_authority(tmp_path / "now").token(TEXT)
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
    found = check_anchor(signed_by(authority, token, then), TIMESTAMP, TEXT, trust_in(authority.ca))
    assert found.from_us == round((then.timestamp() - 1) * 1e6)
    assert found.until_us - found.from_us == 2_000_000, "the stated accuracy of a second, both ways"
