"""A fault of a whole switch or hall is one incident."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from hub.clock import US_PER_S
from hub.model import Interruption, InterruptionKind, InterruptionState
from hub.monitor.incidents import Incidents, groups_by

S = US_PER_S
T0 = 1_767_225_600 * S
HALL_A = {f"a{n}": ("10.0.1.0/24", ("hall-a", "root")) for n in range(6)}
HALL_B = {f"b{n}": ("10.0.2.0/24", ("hall-b", "root")) for n in range(6)}
RECORDERS = {f"r{n}": ("", ("brigade", "root")) for n in range(30)}
COUNTY = {**HALL_A, **HALL_B, **RECORDERS}
SUSPECTED, CONFIRMED, RESUMED, CLOSED, WITHDRAWN = (
    InterruptionState.SUSPECTED, InterruptionState.CONFIRMED, InterruptionState.RESUMED,
    InterruptionState.CLOSED, InterruptionState.WITHDRAWN,
)  # fmt: skip


def fault(stream: str, at_s: float = 0, kind: InterruptionKind = InterruptionKind.STALL) -> Interruption:
    at_us = T0 + round(at_s * S)
    return Interruption(f"{stream}-{at_us}", stream, kind, SUSPECTED, at_us, at_us + S, rings=False)


class Told:
    def __init__(self) -> None:
        self.incidents = Incidents(groups_by(COUNTY))
        self.words: list[str] = []

    def take(self, one: Interruption, state: InterruptionState, *, rings: bool = True, **more: object) -> None:
        one = replace(one, state=state, rings=rings and state is not SUSPECTED, **more)  # type: ignore[arg-type]
        self.words += [change.word for change in self.incidents.take(one, one.detected_us)]


def test_a_switch_that_fails_is_one_incident_before_the_first_of_its_streams_rings() -> None:
    told = Told()
    faults = [fault(stream, index * 0.2) for index, stream in enumerate(HALL_A)]
    for one in faults:
        told.take(one, SUSPECTED)
    assert told.words == []
    for one in faults:
        told.take(one, CONFIRMED)
    assert told.words == ["opened"]
    (incident,) = told.incidents.all()
    assert incident.json()["scope"] == "subnet"
    assert incident.json()["subject"] == "10.0.1.0/24"
    assert (incident.json()["interruptions"], incident.rings) == (sorted(one.id for one in faults), True)
    assert all(told.incidents.of(one.id) == incident.id for one in faults)
    for one in faults:
        told.take(one, RESUMED, ended_us=T0 + 60 * S)
    assert told.words == ["opened", "closed"]
    assert incident.json()["ended_at"] == "2026-01-01T00:01:00.000000Z"


def test_two_streams_or_less_than_half_of_a_group_are_none() -> None:
    told = Told()
    for stream in ["a0", "a1", "b0", *list(RECORDERS)[:5]]:
        one = fault(stream)
        told.take(one, SUSPECTED)
        told.take(one, CONFIRMED)
    assert told.words == []


def test_two_of_a_hall_with_three_are_a_coincidence() -> None:
    hall = {f"c{n}": ("10.0.3.0/24", ("hall-c", "root")) for n in range(3)}
    incidents = Incidents(groups_by(hall))
    changes = [incidents.take(replace(fault(stream), state=CONFIRMED), T0) for stream in hall]
    assert [len(change) for change in changes] == [0, 0, 1]


def test_what_breaks_off_at_different_times_is_none() -> None:
    told = Told()
    for index, stream in enumerate(HALL_A):
        told.take(fault(stream, index * 3), CONFIRMED)
    assert told.words == []


def test_a_power_cut_of_everything_is_the_hubs_and_one_that_grows_is_widened() -> None:
    told = Told()
    for stream in HALL_A:
        told.take(fault(stream, 0.1), CONFIRMED)
    assert told.incidents.all()[0].group.key == "10.0.1.0/24"
    for stream in [*HALL_B, *RECORDERS]:
        told.take(fault(stream, 0.5), CONFIRMED)
    open_ones = [incident for incident in told.incidents.all() if incident.open]
    assert [(incident.group.key, len(incident.streams)) for incident in open_ones] == [("root", 42)]


def test_a_suspicion_that_was_none_leaves_it() -> None:
    told = Told()
    faults = [fault(stream) for stream in HALL_A]
    for one in faults:
        told.take(one, SUSPECTED)
    told.take(faults[0], CONFIRMED)
    for one in faults[1:]:
        told.take(one, WITHDRAWN)
    assert told.incidents.all()[0].streams == ["a0"]
    told.take(faults[0], WITHDRAWN)
    assert told.words[-1] == "closed"
    assert told.incidents.of(faults[0].id) is None


def test_it_is_open_again_when_one_of_it_breaks_again() -> None:
    told = Told()
    faults = [fault(stream) for stream in HALL_A]
    for one in faults:
        told.take(one, CONFIRMED)
    for one in faults:
        told.take(one, RESUMED, ended_us=T0 + 9 * S)
    told.take(faults[0], CONFIRMED, count=2)
    assert told.words == ["opened", "changed", "changed", "changed", "closed", "changed"]
    assert told.incidents.all()[0].open


def test_covered_lenses_are_no_fault_of_a_switch() -> None:
    told = Told()
    for stream in HALL_A:
        told.take(fault(stream, kind=InterruptionKind.COVERED), CONFIRMED)
        told.take(fault(stream, kind=InterruptionKind.STEP), CONFIRMED)
    assert told.words == []


changes = st.tuples(
    st.sampled_from([*HALL_A, *HALL_B]), st.integers(0, 40), st.sampled_from(list(InterruptionState)), st.booleans()
)


@given(st.lists(changes, max_size=80))
def test_whatever_comes_each_interruption_is_in_one_incident_at_most(
    script: list[tuple[str, int, InterruptionState, bool]],
) -> None:
    told = Told()
    for stream, at_s, state, rings in script:
        told.take(fault(stream, at_s), state, rings=rings, ended_us=T0 + 50 * S)
    listed = [one for incident in told.incidents.all() for one in incident.members]
    assert len(listed) == len(set(listed))
    for incident in told.incidents.all():
        assert all(told.incidents.of(one) == incident.id for one in incident.members)
        assert incident.open == any(member.one.state in (SUSPECTED, CONFIRMED) for member in incident.members.values())


def test_one_that_began_long_ago_is_of_no_incident_and_no_error() -> None:
    """After a restart a detector speaks again of what was open all the while."""
    incidents = Incidents(lambda _: ())
    old = Interruption("i-1", "cam-1", InterruptionKind.STALL, InterruptionState.CONFIRMED, 0, 0)
    assert not incidents.take(old, 3600 * 1_000_000)
    assert incidents.of("i-1") is None
