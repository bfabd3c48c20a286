"""What simulated recorders say of themselves is what the hub takes, and moves as a person walks."""

from __future__ import annotations

import itertools
import json

from hub.clock import ManualClock
from hub.demo.gauges import EVERY_S, Gauges
from hub.telemetry.message import read_message
from hub.telemetry.track import Point, distance_m


def test_an_hour_of_a_simulated_recorder() -> None:
    clock = ManualClock()
    gauges, other = Gauges(1, clock.now()), Gauges(2, clock.now())
    places, levels = [], []
    for _ in range(1800):
        message, dropped = read_message(json.dumps(gauges.message(clock.advance(EVERY_S))))
        assert dropped == ()
        assert message.position is not None
        assert message.battery_percent is not None
        places.append(Point(0, round(message.position.lat * 1e7), round(message.position.lon * 1e7)))
        levels.append(message.battery_percent)
    steps = [distance_m(one, two) for one, two in itertools.pairwise(places)]
    assert all(2.5 < step < 3.1 for step in steps), "walking pace"
    assert max(distance_m(places[0], place) for place in places) < 250, "round the block"
    assert min(levels) < 15
    assert max(levels[levels.index(min(levels)) :]) == 100, "the battery was changed"
    assert other.message(clock.now())["position"] != gauges.message(clock.now())["position"]
