"""A viewer that is late: what waits for its turn, what is lost and told, within a queue that never holds too much."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model import InitSegment, InitTrack, MediaKind
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.viewer import LiveItem, LiveKind, Viewer
from tests.unit.test_monitor_live import AUDIO, INIT, feed_and_viewer, fragment, two_feeds, waiting


def numbers(items: list[LiveItem], slot: int = 0) -> list[int]:
    """Of a slot's pictures."""
    media = (LiveKind.KEY, LiveKind.DELTA)
    return [int.from_bytes(item.data[:4], "big") for item in items if item.slot == slot and item.kind in media]


def missed(items: list[LiveItem]) -> list[int]:
    """What the viewer was told to have missed, each time."""
    return [item.text["fragments"] for item in items if item.text is not None and item.text["type"] == "dropped"]


def test_a_wall_whose_first_pictures_are_more_than_its_queue_holds_gets_all_of_them() -> None:
    """Eight streams amid their groups of pictures, and one more of each before the socket took anything."""
    feeds, names = LiveFeeds(), [f"camera-{number}" for number in range(8)]
    for name in names:
        feeds.feed(name).init(INIT)
        for index in range(5):
            feeds.feed(name).publish(fragment(index, key=index == 0))
    viewer = feeds.viewer(names, 1200)
    for name in names:
        feeds.feed(name).publish(fragment(5))
    items = []
    while (item := viewer.ready()) is not None:
        items.append(item)
        assert viewer.waiting_bytes <= 1200
    assert [numbers(items, slot) for slot in range(8)] == [[0, 1, 2, 3, 4, 5]] * 8
    assert missed(items) == []
    viewer.close()


def test_first_pictures_leave_room_for_those_that_come_at_this_moment() -> None:
    feeds = LiveFeeds()
    for name in ("a", "b"):
        feeds.feed(name).init(INIT)
        for index in range(4):
            feeds.feed(name).publish(fragment(index, key=index == 0))
    viewer = feeds.viewer(["a", "b"], 1000)
    assert viewer.waiting_bytes <= 500
    feeds.feed("a").publish(fragment(4, size=400))
    waits = [viewer.ready() for _ in range(8)]
    assert [item.slot for item in waits if item is not None and item.kind is LiveKind.DELTA][-1] == 0
    viewer.close()


def test_a_viewer_that_is_late_for_a_moment_loses_nothing() -> None:
    feed, viewer = feed_and_viewer(max_bytes=500)
    for index in range(12):
        feed.publish(fragment(index, key=index == 0))
    assert viewer.waiting_bytes <= 500
    items = waiting(viewer)
    assert (numbers(items), missed(items)) == ([*range(12)], [])
    feed.publish(fragment(12))
    assert numbers(waiting(viewer)) == [12]
    viewer.close()


def test_what_waits_for_its_turn_goes_out_before_the_next_keyframe_if_it_fits() -> None:
    feed, viewer = feed_and_viewer(max_bytes=500)
    for index in range(7):
        feed.publish(fragment(index, key=index == 0))
    for _ in range(4):  # a text, an init and two pictures: it is not below half
        viewer.ready()
    feed.publish(fragment(7, key=True))
    items = waiting(viewer)
    assert numbers(items)[-3:] == [5, 6, 7]
    assert missed(items) == []
    viewer.close()


def test_a_tile_that_begins_with_a_keyframe_before_its_turn_has_missed_nothing() -> None:
    feeds = LiveFeeds()
    for name in ("a", "b"):
        feeds.feed(name).init(INIT)
        for index in range(4):
            feeds.feed(name).publish(fragment(index, key=index == 0))
    viewer = feeds.viewer(["a", "b"], 600)
    feeds.feed("b").publish(fragment(4, key=True))
    items = waiting(viewer)
    assert (numbers(items, 0), numbers(items, 1), missed(items)) == ([0, 1, 2, 3], [4], [])
    viewer.close()


def test_a_tile_that_lost_pictures_goes_before_those_that_did_not() -> None:
    """And with its keyframe into all of the queue: it shows something at least."""
    feeds = LiveFeeds()
    first, second = feeds.feed("a"), feeds.feed("b")
    for feed in (first, second):
        feed.init(INIT)
    viewer = feeds.viewer(["a", "b"], 1000)
    first.publish(fragment(0, key=True, size=400))
    second.publish(fragment(0, key=True))
    for index in (1, 2, 3, 4):
        first.publish(fragment(index, size=200))
        second.publish(fragment(index, size=200))
    second.publish(fragment(5, key=True, size=500))  # what waited is lost, and this finds no room
    begun = [item for _ in range(3) if (item := viewer.ready()) is not None]
    assert numbers(begun) == [0]
    assert viewer.ready() is not None
    assert viewer.waiting_bytes > 500, "others would have to wait"
    items = begun + waiting(viewer)
    assert missed(items) == [5]
    order = [(item.slot, number) for item in items for number in numbers([item], item.slot)]
    assert order.index((1, 5)) < order.index((0, 4))
    viewer.close()


def test_a_picture_larger_than_the_queue_is_lost_alone() -> None:
    feeds, first, second, _ = two_feeds()
    viewer = feeds.viewer(["a", "b"], 500)
    first.publish(fragment(1, size=501))
    first.publish(fragment(2))
    second.publish(fragment(1))
    items = waiting(viewer)
    assert (numbers(items, 0), numbers(items, 1)) == ([0], [0, 1])
    first.publish(fragment(3, key=True))
    items = waiting(viewer)
    assert (numbers(items), missed(items)) == ([3], [2])
    viewer.close()


def late_feed() -> tuple[LiveFeeds, LiveFeed, Viewer]:
    """Eight pictures came, three were sent, two are in the queue, three wait for their turn."""
    feeds = LiveFeeds()
    feed, viewer = feeds.feed("a"), feeds.viewer(["a"], 520)
    feed.init(INIT)
    for index in range(8):
        feed.publish(fragment(index, key=index == 0))
    assert numbers([item for _ in range(5) if (item := viewer.ready()) is not None]) == [0, 1, 2]
    return feeds, feed, viewer


def test_a_late_stream_that_stays_in_the_set_goes_on_where_it_was() -> None:
    feeds, _, viewer = late_feed()
    feeds.watch(viewer, ["b", "a"])
    assert numbers(waiting(viewer), 1) == [3, 4, 5, 6, 7]


def test_a_late_stream_of_which_nothing_is_queued_goes_on_where_it_was() -> None:
    feeds, feed, viewer = late_feed()
    other = feeds.feed("b")
    other.init(INIT)
    other.subscribe(viewer, 1)
    other.publish(fragment(0, key=True, size=300))
    assert numbers([item for _ in range(2) if (item := viewer.ready()) is not None]) == [3, 4]
    feeds.watch(viewer, ["a"])
    assert numbers(waiting(viewer)) == [5, 6, 7]
    feed.publish(fragment(8))
    assert numbers(waiting(viewer)) == [8]


def test_of_a_late_stream_that_ends_or_begins_anew_the_rest_still_comes() -> None:
    _, feed, viewer = late_feed()
    feed.ended()
    assert numbers(waiting(viewer)) == [3, 4, 5, 6, 7]
    _, feed, viewer = late_feed()
    other = InitTrack(1, MediaKind.VIDEO, 'video/mp4; codecs="avc1.64001f"', 90_000, b"init-w")
    feed.init(InitSegment(b"both", "01", (other, AUDIO)))
    feed.publish(fragment(8, key=True))
    items = waiting(viewer)
    assert numbers(items) == [3, 4, 5, 6, 7, 8]
    assert [item.data for item in items if item.kind is LiveKind.INIT] == [b"init-w"]
    assert missed(items) == []


def test_a_late_slot_that_asks_for_keyframes_gets_no_others() -> None:
    _, feed, viewer = late_feed()
    viewer.set_keys_only(0, True)
    feed.publish(fragment(8, key=True))
    items = waiting(viewer)
    assert numbers(items) == [3, 4, 8]
    assert missed(items) == []


def test_a_late_stream_in_two_slots_comes_once_in_each() -> None:
    feeds = LiveFeeds()
    feed, viewer = feeds.feed("a"), feeds.viewer(["a", "a"], 500)
    feed.init(INIT)
    for index in range(8):
        feed.publish(fragment(index, key=index == 0))
    items = waiting(viewer)
    assert numbers(items, 0) == numbers(items, 1) == [*range(8)]
    viewer.close()


def test_sound_that_finds_no_room_cuts_its_tile_back() -> None:
    """Nobody holds it until its turn; what it cost is told with the next picture, when all of it is known."""
    feed, viewer = feed_and_viewer(max_bytes=500)
    viewer.set_sound(0, True)
    for index in range(6):
        feed.publish(fragment(index, key=index == 0))
    feed.publish(fragment(6, audio=True))
    feed.publish(fragment(7))
    feed.publish(fragment(8, key=True))
    items = waiting(viewer)
    assert numbers(items) == [6, 8]
    assert missed(items) == [7]
    viewer.close()


def test_sound_alone_is_told_of_with_the_next_that_comes() -> None:
    feeds = LiveFeeds()
    feed, viewer = feeds.feed("a"), feeds.viewer(["a"], 250)
    feed.init(InitSegment(b"sound", "00", (AUDIO,)))
    viewer.set_sound(0, True)
    for index in range(3):
        feed.publish(fragment(index, audio=True))
    items = waiting(viewer)
    assert (numbers(items), missed(items)) == ([2], [2])
    viewer.close()


@settings(max_examples=150, deadline=None)
@given(
    limit=st.integers(300, 2000),
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from("kvvvvvr"), st.integers(10, 400), st.integers(1, 9)), max_size=120
    ),
)
def test_each_picture_is_sent_once_in_order_or_told_as_missed(
    limit: int, steps: list[tuple[int, str, int, int]]
) -> None:
    """Three tiles of one viewer that reads now and then."""
    feeds, names = LiveFeeds(), ["a", "b", "c"]
    viewer = feeds.viewer(names, limit)
    published: list[list[bool]] = [[], [], []]

    def publish(slot: int, key: bool, size: int) -> None:
        feeds.feed(names[slot]).publish(fragment(len(published[slot]), key=key, size=size))
        published[slot].append(key)

    items: list[LiveItem] = []
    for slot, name in enumerate(names):
        feeds.feed(name).init(INIT)
        publish(slot, True, 10)
        items += waiting(viewer)
    for slot, what, size, count in steps:
        if what == "r":
            items += [item for _ in range(count) if (item := viewer.ready()) is not None]
        else:
            publish(slot, what == "k", size)
        assert viewer.waiting_bytes <= limit
    items += waiting(viewer)
    for slot in range(3):
        publish(slot, True, 10)
        items += waiting(viewer)
        got = numbers(items, slot)
        assert got == sorted(set(got))
        told = sum(missed([item for item in items if item.slot == slot]))
        assert len(got) + told == len(published[slot])
        assert all(before + 1 == after or published[slot][after] for before, after in pairwise(got))
    viewer.close()
