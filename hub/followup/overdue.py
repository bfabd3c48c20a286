"""What is late, and who above must hear of it: step by step up the organisation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hub.followup.judge import Outcome
from hub.followup.rules import HOUR_US, Rules
from hub.model import Interruption


@dataclass(frozen=True, slots=True)
class Step:
    """``what``: reminder, explanation or report; ``unit`` lies ``number`` levels above the stream's own."""

    what: str
    number: int
    unit: str
    due_us: int


def due_steps(outcome: Outcome, rules: Rules, path: Sequence[str], fault: Interruption, now_us: int) -> list[Step]:
    """What must be told now and was not: a hub that was down for long tells each level once. ``path``: the stream's
    unit and what is above it."""
    steps: list[Step] = []
    if fault.needs_explanation and not outcome.settled and not outcome.how and outcome.deadline_us is not None:
        warn_us = outcome.deadline_us - rules.warn_before_h * HOUR_US
        if rules.warn_before_h and not outcome.reminded and warn_us <= now_us <= outcome.deadline_us:
            steps.append(Step("reminder", 0, path[0], warn_us))
        steps += _up("explanation", outcome.deadline_us, outcome, rules, path, now_us)
    if outcome.report_due_us is not None and not outcome.settled:
        steps += _up("report", outcome.report_due_us, outcome, rules, path, now_us)
    return steps


def _up(what: str, due_us: int, outcome: Outcome, rules: Rules, path: Sequence[str], now_us: int) -> list[Step]:
    made = []
    for number, unit in enumerate(path):
        at_us = due_us + number * rules.escalate_every_h * HOUR_US
        if now_us > at_us and (what, number) not in outcome.steps:
            made.append(Step(what, number, unit, at_us))
    return made


def next_look_us(outcome: Outcome, rules: Rules, now_us: int) -> int | None:
    """When something may be due that is not now; None for never. An hour at most: rules and tree may change."""
    if outcome.settled:
        return None
    starts = [at_us for at_us in (outcome.report_due_us, outcome.deadline_us) if at_us is not None]
    if outcome.deadline_us is not None:
        starts.append(outcome.deadline_us - rules.warn_before_h * HOUR_US)
    later = [at_us + 1 for at_us in starts if at_us >= now_us]
    return min([*later, now_us + HOUR_US])
