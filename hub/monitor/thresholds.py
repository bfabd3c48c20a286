"""The three thresholds of each kind, as an organisation sets them: ``rules["interruptions"]`` of a unit.

::

    {"stall": {"record_from_s": 0, "ring_from_s": 5, "explain_from_s": null}, "low_rate": {"ring_from_ms": 500}}

Whole seconds, or ms where that is too coarse (the ledger knows no fractions). What a unit does not say holds from
above, field by field; then the hub's settings; then the defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import structlog
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from hub.clock import US_PER_S
from hub.errors import InvalidRequest
from hub.model import InterruptionKind
from hub.monitor.rules import KindRule

log = structlog.get_logger(__name__)

RULE = "interruptions"
_MOST_S = 7 * 24 * 3600
_Seconds = Annotated[int, Field(ge=0, le=_MOST_S, strict=True)]
_Milliseconds = Annotated[int, Field(ge=0, le=_MOST_S * 1000, strict=True)]
_NAMES = ("record_from", "ring_from", "explain_from")


class Thresholds(BaseModel):
    """Of one kind. null: it never rings, never demands an explanation; recorded it is always, from some time on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    record_from_s: _Seconds = 0
    ring_from_s: _Seconds | None = None
    explain_from_s: _Seconds | None = None
    record_from_ms: _Milliseconds = 0
    ring_from_ms: _Milliseconds | None = None
    explain_from_ms: _Milliseconds | None = None

    @model_validator(mode="after")
    def _said_once(self) -> Thresholds:
        for name in _NAMES:
            if {f"{name}_s", f"{name}_ms"} <= self.model_fields_set:
                raise ValueError(f"expected {name}_s or {name}_ms, found both")
        return self

    def over(self, rule: KindRule) -> KindRule:
        """``rule`` with what is said here in its place."""
        said: dict[str, Any] = {}
        for name in _NAMES:
            for suffix, unit_us in (("s", US_PER_S), ("ms", 1000)):
                if f"{name}_{suffix}" in self.model_fields_set:
                    value = getattr(self, f"{name}_{suffix}")
                    said[f"{name}_us"] = None if value is None else value * unit_us
        return replace(rule, **said)


_RULE_OF_A_UNIT: TypeAdapter[dict[InterruptionKind, Thresholds]] = TypeAdapter(dict[InterruptionKind, Thresholds])


def check(value: object) -> None:
    """Raises InvalidRequest unless ``value`` may stand as ``rules["interruptions"]`` of a unit."""
    try:
        _RULE_OF_A_UNIT.validate_python(value)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in (RULE, *problem["loc"]) if part != "[key]")
        message = problem["msg"].removeprefix("Value error, ")
        raise InvalidRequest(f"rules.{place}: {message}", code="bad_rules") from None


def kinds_of(
    base: Mapping[InterruptionKind, KindRule], units: Iterable[Mapping[str, Any]]
) -> dict[InterruptionKind, KindRule]:
    """``base`` under the rules of the units from the root down to the stream's own."""
    kinds = dict(base)
    for rules in units:
        value = rules.get(RULE)
        if value is None:
            continue
        try:
            said = _RULE_OF_A_UNIT.validate_python(value)
        except ValidationError as error:  # checked when they were set: of another version of the hub
            log.error("rules of a unit are passed over", rule=RULE, error=str(error))
            continue
        for kind, thresholds in said.items():
            kinds[kind] = thresholds.over(kinds.get(kind, KindRule(ring_from_us=None, explain_from_us=None)))
    return kinds
