"""Scenes made by script, coded and decoded again: what is wrong is found, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from hub.bench.content import InlineChecks, score, verdicts, watch_scene
from hub.bench.content_corpus import ORIGIN_US, Floats, Hall, Plan, clean_plans, encode_scene, faulty_plans
from hub.clock import US_PER_S
from hub.model import Codec, InterruptionKind

SIZE = (320, 180)
SLOW = {"30 pictures a second", "dusk", "out of focus", "clean H.265", "frozen H.265"}
"""Shown by ``hub bench content``, which has the time."""
CLEAN = {plan.label: plan for plan in clean_plans() if plan.label not in SLOW}
FAULTY = {plan.label: plan for plan in faulty_plans() if plan.label not in SLOW}


@pytest.mark.parametrize("label", CLEAN)
def test_nothing_is_found_where_nothing_is_wrong(label: str) -> None:
    checks = InlineChecks()
    found = watch_scene(encode_scene(CLEAN[label], *SIZE), checks)
    assert found == []
    assert checks.undecodable == 0
    assert checks.looked >= 20


@pytest.mark.parametrize("shift_s", [0.0, 0.7])
@pytest.mark.parametrize("label", FAULTY)
def test_what_is_wrong_is_found_once_with_its_edges_and_its_picture(label: str, shift_s: float) -> None:
    scene = encode_scene(FAULTY[label], *SIZE, shift_s=shift_s)
    checks = InlineChecks()
    changes = watch_scene(scene, checks)
    (closed,) = verdicts(changes)
    assert score(scene, [closed]) == (1, 0, 0)
    _, first_us, last_us = scene.truth[0]
    assert closed.ended_us is not None
    assert abs(closed.started_us - ORIGIN_US - first_us) <= closed.edge_error_us + US_PER_S
    assert abs(closed.ended_us - ORIGIN_US - last_us) <= closed.edge_error_us + US_PER_S
    picture = checks.pictures[0]
    assert closed.evidence["picture"] == picture.path
    assert closed.evidence["picture_sha256"] == picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert picture.data[:2] == b"\xff\xd8"
    assert len(picture.data) <= 100_000
    assert picture.path == f"pictures/scene/2025-10-09/{closed.id}.jpg"
    assert [one.evidence.get("picture") for one in changes] == [picture.path] * len(changes)


def test_out_of_focus_is_told_after_a_minute_and_never_rings() -> None:
    plan = next(plan for plan in faulty_plans() if plan.label == "out of focus")
    (closed,) = verdicts(watch_scene(encode_scene(plan, *SIZE)))
    assert closed.kind is InterruptionKind.BLURRED
    assert not closed.rings
    assert not closed.needs_explanation


def test_long_ones_ring_and_short_ones_do_not() -> None:
    (long,) = verdicts(watch_scene(encode_scene(FAULTY["black"], *SIZE)))
    assert long.rings
    (short,) = verdicts(watch_scene(encode_scene(FAULTY["black for 5 s"], *SIZE)))
    assert not short.rings


def test_a_small_picture_is_counted_and_not_judged() -> None:
    checks = InlineChecks()
    assert watch_scene(encode_scene(Plan("tiny", seconds=6), 128, 72), checks) == []
    assert checks.undecodable == checks.looked > 0


def test_h265_is_looked_at_too() -> None:
    black = next(plan for plan in faulty_plans() if plan.label == "black")

    def dark(_hall: Hall, t: float, picture: Floats) -> Floats:
        return picture * 0 + 16 if t >= 5 else picture

    plan = replace(black, codec=Codec.H265, seconds=16, look=dark, wrong=((InterruptionKind.BLACK, 5, 15),))
    (closed,) = verdicts(watch_scene(encode_scene(plan, *SIZE)))
    assert closed.kind is InterruptionKind.BLACK
