"""One message of a device: strict in each value, and forgiving as a whole. Pure.

A value that is wrong is dropped and named; the rest counts. An SOS must not be lost with a thermometer that is out of
its range. Unknown fields are dropped without a word: a later device may say more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import from_json

from hub.errors import InvalidRequest

MAX_BYTES = 16_384
MAX_EVENTS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 4_102_444_800_000_000  # 2100: a clock that is set to more is not set


def _time(value: object) -> int:
    if isinstance(value, str) and len(value) <= 40:
        try:
            moment = datetime.fromisoformat(value.upper())
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            found = (moment - _EPOCH) // timedelta(microseconds=1)
            if 0 <= found <= _LAST_US:
                return found
    raise ValueError("expected an RFC 3339 time with its zone, from 1970 to 2100")


TimeUs = Annotated[int, BeforeValidator(_time), WithJsonSchema({"type": "string", "format": "date-time"})]
Percent = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]
Megabytes = Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Ident = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class _Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PositionIn(_Said):
    """WGS-84, degrees; ``accuracy_m`` is the radius that holds it with 68 %."""

    lat: float = Field(strict=True, ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(strict=True, ge=-180, le=180, allow_inf_nan=False)
    accuracy_m: float | None = Field(None, strict=True, ge=0, le=100_000, allow_inf_nan=False)
    at: TimeUs | None = None


class Happened(_Said):
    """Something that the device or its wearer did once. ``id`` is the device's own: sent again, it is the same."""

    type: Literal["sos", "key_mark", "report", "cue_ack"]
    id: Ident
    at: TimeUs | None = None
    text: str = Field("", strict=True, max_length=500)
    reason: str = Field("", strict=True, max_length=64, description="Of a report: why recording must stop.")
    cue: str = Field("", strict=True, max_length=64, description="Of a cue_ack: the cue that was followed.")
    position: PositionIn | None = None


class TelemetryIn(_Said):
    """Everything may be left out; what is left out stays as it was."""

    at: TimeUs | None = Field(None, description="The device's own clock.")
    battery_percent: Percent | None = None
    storage_left_mb: Megabytes | None = None
    storage_total_mb: Megabytes | None = None
    signal_percent: Percent | None = None
    temperature_c: float | None = Field(None, strict=True, ge=-100, le=200, allow_inf_nan=False)
    recording_locally: Flag | None = None
    position: PositionIn | None = None
    events: list[Happened] = Field([], max_length=MAX_EVENTS)


GAUGES = (
    "battery_percent", "storage_left_mb", "storage_total_mb", "signal_percent", "temperature_c", "recording_locally",
)  # fmt: skip


def read_message(data: bytes | str) -> tuple[TelemetryIn, tuple[str, ...]]:
    """The message, and the names of what was dropped from it (``battery_percent``, ``events.2``, ``events.0.text``).

    Raises InvalidRequest ``bad_telemetry`` for what is no JSON object of at most MAX_BYTES, or has nothing right.
    """
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise InvalidRequest(f"expected at most {MAX_BYTES} bytes, found {len(raw)}", code="bad_telemetry")
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(f"expected JSON, found {str(error)[:200]}", code="bad_telemetry") from None
    if not isinstance(value, dict):
        raise InvalidRequest(f"expected a JSON object, found {type(value).__name__}", code="bad_telemetry")
    try:
        return TelemetryIn.model_validate(value), ()
    except ValidationError as error:
        paths = _wrong(error)
    message = TelemetryIn.model_validate(_without(value, paths))
    wrong = tuple(".".join(map(str, path)) for path in paths)
    if not message.model_fields_set - {"at", "events"} and not message.events:
        raise InvalidRequest(f"nothing in the message is right; wrong: {', '.join(wrong)[:500]}", code="bad_telemetry")
    return message, wrong


Path = tuple[int | str, ...]


def _wrong(error: ValidationError) -> tuple[Path, ...]:
    """What must go so that the rest holds: a field, an event, or of an event what is not its kind or id."""
    found: dict[Path, None] = {}
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        where = problem["loc"]
        depth = 1 if where[0] != "events" else 2 if len(where) < 3 or where[2] in ("type", "id") else 3
        found[where[:depth]] = None
    return tuple(found)


def _without(value: Mapping[str, Any], wrong: tuple[Path, ...]) -> dict[str, Any]:
    kept = {name: item for name, item in value.items() if (name,) not in wrong}
    if isinstance(events := kept.get("events"), list):
        kept["events"] = [
            {name: part for name, part in item.items() if ("events", number, name) not in wrong}
            for number, item in enumerate(events)
            if ("events", number) not in wrong
        ]
    return kept
