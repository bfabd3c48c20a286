"""kill -9 of a node that records: others record its streams within seconds, and what is missing is said."""

from __future__ import annotations

import signal
import statistics
from collections.abc import Sequence

from hub.clock import US_PER_S
from tests.cluster.whole import MARKS, Figures, Whole, holes, now_us, spread

pytestmark = MARKS

GOAL_S = 5.0
"""With the settings' own lease, on a machine that is not busy with other things."""
LEASES = 4
"""One runs out, of one all are sure; the others are the machine's, for a camera that is opened and its first chunk."""


async def test_its_streams_are_recorded_elsewhere(whole: Whole, figures: Figures) -> None:
    victim, begun_us = whole.most(), now_us()
    streams = whole.owned_by(victim)
    whole.node(victim).signal(signal.SIGKILL)
    killed_us = now_us()
    await whole.recorded_since(now_us() + 1_000_000, streams=streams)
    owners = whole.owners()
    assert victim not in {owner for owner, _ in owners.values()}
    assert spread(whole) < 2  # the orphans went to who had fewest

    waits = elsewhere(whole, killed_us, streams)
    figures("recorded elsewhere after kill -9", f"after {statistics.median(waits):.1f} s at the median")
    said = f"{max(waits):.1f} s, of {len(waits)} streams, with a lease of {whole.lease_s:g} s"
    figures(f"  longest (goal {GOAL_S:g} s)", said)

    before = holes(whole, begun_us, streams)
    assert len(before) == len(streams)
    assert all(0 < one < LEASES * whole.lease_s for one in before), before
    said = f"{statistics.median(before):.1f} s median, {max(before):.1f} s longest"
    figures("hole after kill -9, as the log knows it at once", said)

    found = whole.interruptions(begun_us - 10_000_000)
    of_victim = [one for one in found if one["stream"] in streams]
    assert sorted(one["stream"] for one in of_victim) == streams  # one each
    assert {one["kind"] for one in found} == {"hub"}
    assert len(found) == len(of_victim)  # nobody else's

    await whole.node(victim).kill()
    await whole.cluster.start(victim)
    await whole.recovered(victim)
    after = holes(whole, begun_us, streams)
    assert all(late <= early for late, early in zip(after, before, strict=True))
    figures("  when its disk was back", f"{statistics.median(after):.1f} s median, {max(after):.1f} s longest")
    whole.never_twice()
    await whole.judged()


def elsewhere(whole: Whole, killed_us: int, streams: Sequence[str]) -> list[float]:
    """How long after the node was killed the next owner had the first picture of each of its streams."""
    footage, owners = whole.footage(killed_us), whole.owners()
    mine = {one: [chunk for chunk in footage[one] if chunk.run >> 20 == owners[one][1]] for one in streams}
    return [(min(chunk.first_us for chunk in chunks) - killed_us) / US_PER_S for chunks in mine.values()]
