"""What an organisation sets about activities: ``rules["activities"]`` and ``rules["deadlines"]`` of a unit.

They hold for the unit and what lies below it, until a unit below sets its own. Unknown fields are refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.activities.model import ExemptionType, Mode
from hub.errors import InvalidRequest
from hub.model import StreamKind

_Level = Annotated[int, Field(ge=0, le=24 * 60)]


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ActivityRules(_Rules):
    """R03, R25, R26."""

    mode: Mode = Field(Mode.KEY_STEPS, description="Of an activity that does not say (根据实际).")
    room_mode: Mode = Field(Mode.FULL, description="In rooms (执法办案场所).")
    rooms: dict[str, Mode] = Field(default_factory=dict, description="Of single streams, by id.")
    accountable: frozenset[StreamKind] = Field(
        frozenset({StreamKind.RECORDER, StreamKind.VEHICLE}),
        description="Which kinds of stream record only within an activity.",
    )
    grace_s: int = Field(120, ge=0, le=3600, description="A stream may run this long before it is flagged.")
    marks_within_s: int = Field(
        300, ge=0, le=86_400, description="出示证件 and 告知 are missed when an open activity is this old."
    )
    gap_s: int = Field(5, ge=0, le=3600, description="Unrecorded time of a whole recording that is let pass.")

    def mode_of(self, stream_id: str, kind: StreamKind) -> Mode:
        return self.rooms.get(stream_id) or (self.room_mode if kind is StreamKind.ROOM else self.mode)


class DeadlineRules(_Rules):
    """R10, R11. The texts: A§24 is ``24h`` with all five exemptions; 002§23 is ``24h`` without ``water``; 004§34 is
    ``24h_no_exemption``; 003§11 is ``end_of_day``."""

    storage: Literal["24h", "24h_no_exemption", "end_of_day"] = "24h"
    exemptions: frozenset[ExemptionType] = frozenset(ExemptionType)
    day_end: str = Field("18:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="When the working day ends.")
    grace_minutes: int = Field(60, ge=0, le=24 * 60, description="及时: so long after the working day's end.")
    utc_offset_minutes: int = Field(480, ge=-720, le=840)
    warn_minutes: tuple[_Level, ...] = Field((240, 60), max_length=8, description="Told so long before.")
    escalate_hours: tuple[Annotated[int, Field(ge=0, le=24 * 30)], ...] = Field(
        (0, 12, 24, 48),
        min_length=1,
        max_length=16,
        description="Told to the unit, its parent, … so long after.",
    )


_RulesT = TypeVar("_RulesT", bound=_Rules)


def read_rules(model: type[_RulesT], value: Any) -> _RulesT:
    """The rules of a unit; the defaults where nobody set any. Raises InvalidRequest."""
    try:
        return model.model_validate({} if value is None else value)
    except ValidationError as error:
        lines = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()]
        raise InvalidRequest(f"rules: {'; '.join(lines)[:1000]}", code="bad_rules") from None


def check_activities(value: object) -> None:
    """Raises InvalidRequest unless ``rules["activities"]`` can be read."""
    read_rules(ActivityRules, value)


def check_deadlines(value: object) -> None:
    """Raises InvalidRequest unless ``rules["deadlines"]`` can be read."""
    read_rules(DeadlineRules, value)
