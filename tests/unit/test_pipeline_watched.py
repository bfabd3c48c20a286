"""While somebody watches a stream its pictures go out sooner, and still once: the same bytes to disk and wall."""

from __future__ import annotations

from hub.bench.trip import NoDisk, RtspTrip, sent_by
from hub.clock import US_PER_S, ManualClock
from hub.model import Fragment, MediaKind
from hub.monitor.viewer import LiveKind, Viewer
from hub.segmenter.reel import Reel
from tests.unit.test_speed_guard import START_US, pictures, sound


class Kept(NoDisk):
    def __init__(self) -> None:
        super().__init__()
        self.fragments: list[Fragment] = []

    def append(self, reel: Reel, fragment: Fragment) -> bool:
        self.fragments.append(fragment)
        return super().append(reel, fragment)


def drained(viewer: Viewer) -> list[bytes]:
    items = list(iter(viewer.ready, None))
    return [item.data for item in items if item.kind in (LiveKind.KEY, LiveKind.DELTA)]


async def test_pictures_go_out_sooner_while_somebody_watches() -> None:
    tracks = [pictures(1400), sound("aac")]
    disk, viewer = Kept(), Viewer(64 << 20)
    trip = RtspTrip(ManualClock(mono_us=START_US), tracks, disk)
    seen: list[bytes] = []
    watching = False
    for one in sent_by(tracks, 9):
        second = (one.at.mono_us - START_US) // US_PER_S
        if second == 3 and not watching:
            trip.feed.subscribe(viewer, 0)
            watching = True
        if second == 6 and watching:
            seen = drained(viewer)
            viewer.close()
            watching = False
        trip.take(one)
    video = [one for one in disk.fragments if one.kind is MediaKind.VIDEO]
    lengths = [[one.frames for one in video if one.first_us // US_PER_S % 10 == at] for at in (1, 4, 7)]
    assert [round(sum(each) / len(each)) for each in lengths] == [5, 3, 5], lengths
    heard = [one.frames for one in disk.fragments if one.kind is MediaKind.AUDIO]
    assert max(heard) - min(heard[:-1]) <= 1, "sound is as it was"
    assert sum(one.frames for one in video) >= 25 * 8
    assert len(seen) > 20
    known = {one.data for one in video}
    assert all(data in known for data in seen), "made once: what is watched is what is kept"
