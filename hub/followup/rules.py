"""What a unit may set under ``rules["followup"]``, and what holds where nobody set anything."""

from __future__ import annotations

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.clock import US_PER_S
from hub.errors import InvalidRequest

_log = structlog.get_logger(__name__)
HOUR_US = 3600 * US_PER_S
MINUTE_US = 60 * US_PER_S


class Rules(BaseModel):
    """The least that the law asks for cannot be set lower: two signatures (A§23)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    deadline_h: int = Field(24, ge=1, le=24 * 30)
    """After the resume; after the fault's begin where it never resumed."""
    warn_before_h: int = Field(4, ge=0, le=24 * 7)
    """One reminder this long before the deadline; 0: none."""
    escalate_every_h: int = Field(24, ge=1, le=24 * 7)
    """One more level of the organisation hears of it, until the root."""
    report_within_min: int = Field(30, ge=1, le=24 * 60)
    """A fault that lasts longer than this and is not reported escalates (004§5)."""
    report_window_min: int = Field(30, ge=1, le=24 * 60)
    """How long before or after a fault a report belongs to it."""
    spoken_within_s: int = Field(600, ge=10, le=3600)
    """The clip begins at most this long after the resume."""
    spoken_min_ms: int = Field(1000, ge=500, le=60_000)
    """Speech that must be found in the clip."""
    signatures: int = Field(2, ge=2, le=5)

    @property
    def deadline_us(self) -> int:
        return self.deadline_h * HOUR_US

    @property
    def report_within_us(self) -> int:
        return self.report_within_min * MINUTE_US

    @property
    def report_window_us(self) -> int:
        return self.report_window_min * MINUTE_US


DEFAULT = Rules()


def check_rules(value: object) -> Rules:
    """Raises InvalidRequest that names each field."""
    try:
        return Rules.model_validate(value)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise InvalidRequest(f"rules.followup: {wrong[:500]}", code="bad_rules") from None


def rules_of(value: object) -> Rules:
    """What a unit set; the defaults where that is nothing or cannot be understood."""
    if value is None:
        return DEFAULT
    try:
        return check_rules(value)
    except InvalidRequest as error:
        _log.warning("a unit's rules are not used", error=str(error))
        return DEFAULT
