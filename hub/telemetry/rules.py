"""Thresholds of telemetry's alarms, as a unit sets them under ``rules["telemetry"]``. Pure."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hub.errors import InvalidRequest


class TelemetryRules(BaseModel):
    """What is not set here holds as written: the nearest unit's rules are taken as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    battery_warning_percent: int = Field(20, ge=0, le=100)
    battery_critical_percent: int = Field(5, ge=0, le=100)
    storage_warning_percent: int = Field(10, ge=0, le=100)
    storage_critical_percent: int = Field(3, ge=0, le=100)
    storage_warning_mb: int = Field(2048, ge=0, description="Where a device does not say how much it holds in all.")
    storage_critical_mb: int = Field(512, ge=0)
    signal_weak_percent: int = Field(20, ge=0, le=100)
    signal_weak_s: int = Field(30, ge=0, le=3600, description="For so long it may be weak.")
    silent_s: int = Field(60, ge=0, le=86_400, description="Without a word for so long while live; 0: never.")
    clear_by_percent: int = Field(
        5, ge=0, le=50, description="By so much a value must be above its threshold until the alarm is over."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("battery_{}_percent", "storage_{}_percent", "storage_{}_mb"):
            if getattr(self, name.format("critical")) > getattr(self, name.format("warning")):
                raise ValueError(f"{name.format('critical')} lies above {name.format('warning')}")
        return self


DEFAULTS = TelemetryRules()


def read_rules(raw: Any) -> TelemetryRules:
    """The rules of a unit; None: nobody set any. Raises InvalidRequest ``bad_rules`` that names the field."""
    if raw is None:
        return DEFAULTS
    try:
        return TelemetryRules.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(("telemetry", *(str(part) for part in problem["loc"])))
        raise InvalidRequest(f"rules: {where}: {problem['msg']}", code="bad_rules") from None
