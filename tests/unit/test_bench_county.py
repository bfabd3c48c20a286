"""A county's month in short: the thresholds decide what rings, and the sums are right."""

from __future__ import annotations

from dataclasses import replace

from hub.bench.county import FILLED, simulate
from hub.model import InterruptionKind
from hub.monitor.rules import DetectorRules, KindRule


def test_the_defaults_keep_a_shift_bearable() -> None:
    """For the whole county about one alarm in ten minutes, on the average: what a person can look after for long."""
    month = simulate(40, 12, 7, 5)  # a fifth of a county
    shifts = month.per_shift()
    assert sum(shifts) / len(shifts) <= 55 / 5
    assert sum(month.recorded.values()) > 10 * len(month.rings)
    assert month.incidents >= 1
    figures = {result.name: result.value for result in month.results()}
    asked = figures["explanations demanded, recorders"]
    assert figures["signatures, if none of those is spoken"] - 2 * asked * (1 - FILLED) < 1e-6
    assert asked / 12 < 12


def test_thresholds_decide() -> None:
    rules = DetectorRules()
    loud = {kind: KindRule(ring_from_us=0, explain_from_us=0) for kind in InterruptionKind}
    loudly = simulate(40, 12, 7, 1, replace(rules, kinds=loud))
    calmly = simulate(40, 12, 7, 1)
    quietly = simulate(40, 12, 7, 1, rules.quiet())
    assert len(loudly.rings) > 3 * len(calmly.rings) > 0
    assert (len(quietly.rings), len(quietly.demanded)) == (0, 0)
    assert quietly.recorded == calmly.recorded == loudly.recorded


def test_a_month_is_the_same_each_time() -> None:
    assert simulate(10, 3, 3, 7).rings == simulate(10, 3, 3, 7).rings
