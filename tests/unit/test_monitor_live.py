"""Live tiles: at once from the last keyframe, each at its own pace, nobody waited for."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.model import Fragment, InitSegment, InitTrack, MediaKind
from hub.monitor.live import LiveFeed, LiveFeeds
from hub.monitor.viewer import LiveItem, LiveKind, Viewer

ORIGIN_US = 1_767_225_600_000_000
VIDEO = InitTrack(1, MediaKind.VIDEO, 'video/mp4; codecs="avc1.42e01f"', 90_000, b"init-v")
AUDIO = InitTrack(2, MediaKind.AUDIO, 'audio/mp4; codecs="opus"', 48_000, b"init-a")
INIT = InitSegment(b"both", "00", (VIDEO, AUDIO))


def fragment(index: int, *, key: bool = False, audio: bool = False, size: int = 100) -> Fragment:
    """The n-th fifth of a second of a track. Its bytes begin with its number."""
    track = AUDIO if audio else VIDEO
    start = index * track.timescale // 5 + track.timescale
    return Fragment(
        track_id=track.id,
        kind=track.kind,
        data=index.to_bytes(4, "big") + bytes(size - 4),
        keyframe=key or audio,
        tfdt_ticks=start,
        duration_ticks=track.timescale // 5,
        timescale=track.timescale,
        frames=5,
        keyframes=int(key),
        damaged=0,
        first_us=ORIGIN_US + (index + 5) * 200_000,
        end_us=ORIGIN_US + (index + 6) * 200_000,
        device_us=None,
        first_seq=0,
        last_seq=0,
        lost=0,
    )


def waiting(viewer: Viewer) -> list[LiveItem]:
    """Everything that can be sent to the viewer."""
    return list(iter(viewer.ready, None))


def short(items: list[LiveItem]) -> list[tuple[str, int] | tuple[str, int, int]]:
    out: list[tuple[str, int] | tuple[str, int, int]] = []
    for item in items:
        if item.text is not None:
            out.append((str(item.text["type"]), item.slot))
        elif item.kind is LiveKind.INIT:
            out.append(("init", item.slot, item.track_id))
        else:
            out.append((item.kind.name.lower(), item.slot, int.from_bytes(item.data[:4], "big")))
    return out


def feed_and_viewer(max_bytes: int = 1 << 20) -> tuple[LiveFeed, Viewer]:
    feeds = LiveFeeds()
    feed = feeds.feed("a")
    feed.init(INIT)
    return feed, feeds.viewer(["a"], max_bytes)


def test_a_viewer_gets_its_slot_an_init_and_pictures_without_sound() -> None:
    feed, viewer = feed_and_viewer()
    for index in range(3):
        feed.publish(fragment(index, key=index == 0))
        feed.publish(fragment(index, audio=True))
    items = waiting(viewer)
    assert short(items) == [("slots", 0), ("init", 0, 1), ("key", 0, 0), ("delta", 0, 1), ("delta", 0, 2)]
    assert items[0].text is not None
    slot = items[0].text["slots"][0]
    assert (slot["stream"], slot["state"], slot["origin_us"]) == ("a", "live", ORIGIN_US)
    assert [track["kind"] for track in slot["tracks"]] == ["video", "audio"]
    viewer.close()


def test_a_binary_message_is_a_four_byte_header_and_the_bytes() -> None:
    assert LiveItem(LiveKind.DELTA, 258, 1, b"moof").message() == b"\x02\x01\x01\x02moof"


def test_the_bytes_are_those_of_the_fragment() -> None:
    feed, viewer = feed_and_viewer()
    sent = fragment(0, key=True)
    feed.publish(sent)
    assert waiting(viewer)[-1].data is sent.data
    viewer.close()


def test_a_new_viewer_starts_at_the_last_keyframe_at_once() -> None:
    feeds = LiveFeeds()
    feed = feeds.feed("a")
    feed.init(INIT)
    for index in range(14):
        feed.publish(fragment(index, key=index % 10 == 0))
    viewer = feeds.viewer(["a"], 1 << 20)
    assert short(waiting(viewer))[1:] == [("init", 0, 1), ("key", 0, 10), *(("delta", 0, n) for n in (11, 12, 13))]
    viewer.close()


def test_a_viewer_of_a_stream_that_has_nothing_waits() -> None:
    feeds = LiveFeeds()
    viewer = feeds.viewer(["a"], 1 << 20)
    (item,) = waiting(viewer)
    assert item.text is not None
    assert item.text["slots"][0]["state"] == "waiting"
    feeds.feed("a").init(INIT)
    feeds.feed("a").publish(fragment(0))  # no keyframe: nothing can be shown yet
    feeds.feed("a").publish(fragment(1, key=True))
    assert short(waiting(viewer)) == [("slots", 0), ("init", 0, 1), ("key", 0, 1)]
    viewer.close()


def test_sound_is_sent_while_it_is_asked_for_and_begins_with_its_init() -> None:
    feed, viewer = feed_and_viewer()
    feed.publish(fragment(0, key=True))
    waiting(viewer)
    for on in (True, False, True):
        viewer.set_sound(0, on)
        feed.publish(fragment(1, audio=True))
        feed.publish(fragment(2, audio=True))
        expected = [("init", 0, 2), ("key", 0, 1), ("key", 0, 2)] if on else []
        assert short(waiting(viewer)) == expected
    viewer.set_sound(7, True)
    viewer.close()


def test_many_streams_share_one_queue_by_slot() -> None:
    feeds = LiveFeeds()
    viewer = feeds.viewer(["a", "b"], 1 << 20)
    for name in ("a", "b"):
        feeds.feed(name).init(INIT)
        feeds.feed(name).publish(fragment(0, key=True))
    assert [(item.slot, item.kind) for item in waiting(viewer) if item.text is None] == [
        (0, LiveKind.INIT),
        (0, LiveKind.KEY),
        (1, LiveKind.INIT),
        (1, LiveKind.KEY),
    ]
    feeds.watch(viewer, ["b"])
    feeds.feed("a").publish(fragment(1))
    feeds.feed("b").publish(fragment(1))
    assert [item.slot for item in waiting(viewer) if item.text is None] == [0]
    assert feeds.feed("a").viewers == 0
    viewer.close()
    assert feeds.feed("b").viewers == 0


def two_feeds() -> tuple[LiveFeeds, LiveFeed, LiveFeed, Viewer]:
    feeds = LiveFeeds()
    first, second = feeds.feed("a"), feeds.feed("b")
    for feed in (first, second):
        feed.init(INIT)
        feed.publish(fragment(0, key=True))
    return feeds, first, second, feeds.viewer(["a", "b"], 1 << 20)


def test_a_stream_that_stays_in_the_set_goes_on_where_it_was_in_its_new_slot() -> None:
    feeds, first, second, viewer = two_feeds()
    waiting(viewer)
    for feed in (first, second):
        feed.publish(fragment(1))
    feeds.watch(viewer, ["b", "c", "a"])
    second.publish(fragment(2))
    items = short(waiting(viewer))
    assert [item for item in items if item[1] == 0] == [("slots", 0), ("delta", 0, 1), ("delta", 0, 2)]
    assert [item for item in items if item[1] == 2] == [("slots", 2), ("delta", 2, 1)]
    assert [item for item in items if item[1] == 1] == [("slots", 1)]


def test_a_stream_that_had_everything_gets_nothing_twice() -> None:
    feeds, first, _, viewer = two_feeds()
    waiting(viewer)
    feeds.watch(viewer, ["a"])
    first.publish(fragment(1))
    assert short(waiting(viewer)) == [("slots", 0), ("delta", 0, 1)]


def test_a_stream_begins_anew_where_it_could_not_go_on() -> None:
    begun = [("slots", 0), ("init", 0, 1), ("key", 0, 0), ("delta", 0, 1)]
    # its init was not sent yet
    feeds, first, _, viewer = two_feeds()
    first.publish(fragment(1))
    feeds.watch(viewer, ["a"])
    assert short(waiting(viewer)) == begun
    # it was out of the set in between
    feeds, first, _, viewer = two_feeds()
    waiting(viewer)
    first.publish(fragment(1))
    feeds.watch(viewer, ["b"])
    feeds.watch(viewer, ["a"])
    assert short(waiting(viewer)) == begun
    # what waited is no longer known: a keyframe has come since
    feeds, first, _, viewer = two_feeds()
    waiting(viewer)
    first.publish(fragment(1))
    first.publish(fragment(2, key=True))
    feeds.watch(viewer, ["a"])
    assert short(waiting(viewer)) == [("slots", 0), ("init", 0, 1), ("key", 0, 2)]


def test_sound_begins_anew_when_the_set_is_replaced() -> None:
    feeds, first, _, viewer = two_feeds()
    viewer.set_sound(0, True)
    first.publish(fragment(1, audio=True))
    waiting(viewer)
    first.publish(fragment(2, audio=True))
    first.publish(fragment(2))
    feeds.watch(viewer, ["a"])
    viewer.set_sound(0, True)
    first.publish(fragment(3, audio=True))
    assert short(waiting(viewer)) == [("slots", 0), ("delta", 0, 2), ("init", 0, 2), ("key", 0, 3)]


def test_a_slot_that_asked_for_keyframes_gets_nothing_between_them_until_it_asks_for_all() -> None:
    feed, viewer = feed_and_viewer()
    feed.publish(fragment(0, key=True))
    waiting(viewer)
    viewer.set_keys_only(0, True)
    for index in range(1, 12):
        feed.publish(fragment(index, key=index % 5 == 0))
    assert short(waiting(viewer)) == [("key", 0, 5), ("key", 0, 10)]
    viewer.set_keys_only(0, False)
    for index in range(12, 17):
        feed.publish(fragment(index, key=index % 5 == 0))
    assert short(waiting(viewer)) == [("key", 0, 15), ("delta", 0, 16)]
    viewer.set_keys_only(7, True)
    viewer.close()


def test_a_slow_viewer_goes_on_at_the_next_keyframe_and_is_told() -> None:
    feed, viewer = feed_and_viewer(max_bytes=500)
    for index in range(12):
        feed.publish(fragment(index, key=index % 10 == 0))
    items = waiting(viewer)
    assert short(items) == [("slots", 0), ("init", 0, 1), ("dropped", 0), ("key", 0, 10), ("delta", 0, 11)]
    dropped = next(item.text for item in items if item.text is not None and item.text["type"] == "dropped")
    assert dropped == {"type": "dropped", "slot": 0, "fragments": 10}
    viewer.close()


def test_a_slow_viewer_slows_nobody_else() -> None:
    feed, slow = feed_and_viewer(max_bytes=300)
    fast = Viewer(1 << 20)
    feed.subscribe(fast, 0)
    for index in range(30):
        feed.publish(fragment(index, key=index % 10 == 0))
    assert sum(item.kind in (LiveKind.KEY, LiveKind.DELTA) for item in waiting(fast)) == 30
    assert slow.waiting_bytes <= 300
    slow.close()
    fast.close()


def test_a_new_init_is_told_and_the_same_one_is_not() -> None:
    feed, viewer = feed_and_viewer()
    feed.publish(fragment(0, key=True))
    feed.init(InitSegment(b"both", "00", (VIDEO, AUDIO)))
    feed.publish(fragment(1))
    assert short(waiting(viewer))[-1] == ("delta", 0, 1)
    other = InitTrack(1, MediaKind.VIDEO, 'video/mp4; codecs="avc1.64001f"', 90_000, b"init-w")
    feed.init(InitSegment(b"both", "01", (other, AUDIO)))
    feed.publish(fragment(2, key=True))
    items = waiting(viewer)
    assert short(items) == [("slots", 0), ("init", 0, 1), ("key", 0, 2)]
    assert items[1].data == b"init-w"
    viewer.close()


def test_a_stream_that_ended_waits_and_may_come_back() -> None:
    feeds = LiveFeeds()
    viewer = feeds.viewer(["a"], 1 << 20)
    feeds.feed("a").init(INIT)
    feeds.feed("a").publish(fragment(0, key=True))
    waiting(viewer)
    feeds.ended("a")
    (item,) = waiting(viewer)
    assert item.text is not None
    assert item.text["slots"][0]["state"] == "waiting"
    feeds.feed("a").init(INIT)
    feeds.feed("a").publish(fragment(9))
    feeds.feed("a").publish(fragment(10, key=True))
    assert short(waiting(viewer)) == [("slots", 0), ("init", 0, 1), ("key", 0, 10)]
    viewer.close()


async def test_a_closed_viewer_lets_go_of_whoever_waits() -> None:
    viewer = LiveFeeds().viewer([], 100)
    task = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    viewer.close()
    with pytest.raises(StopAsyncIteration):
        await task


async def test_the_next_item_is_waited_for() -> None:
    feed, viewer = feed_and_viewer()
    await viewer.next()
    task = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    feed.publish(fragment(0, key=True))
    assert (await task).text is not None
    viewer.close()


@settings(max_examples=60, deadline=None)
@given(
    limit=st.integers(150, 2000),
    steps=st.lists(st.tuples(st.sampled_from("kvvvvar"), st.integers(10, 400)), max_size=80),
)
def test_what_a_viewer_gets_can_always_be_decoded_and_never_exceeds_its_queue(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    """A delta only ever follows the fragment before it; every fragment is sent or counted as dropped."""
    feed, viewer = feed_and_viewer(max_bytes=limit + len(VIDEO.init) + len(AUDIO.init))
    viewer.set_sound(0, True)
    got: list[LiveItem] = []
    sent = 0
    for index, (what, size) in enumerate(steps):
        if what == "r":
            got += waiting(viewer)
            continue
        feed.publish(fragment(sent, key=what == "k" or not sent, audio=what == "a" and sent > 0, size=size))
        sent += 1
        assert viewer.waiting_bytes <= limit + 2 * (len(VIDEO.init) + len(AUDIO.init)), index
    got += waiting(viewer)
    last_video = None
    for item in got:
        number = int.from_bytes(item.data[:4], "big")
        if item.track_id == 1 and item.kind is LiveKind.KEY:
            last_video = number
        elif item.kind is LiveKind.DELTA:
            assert last_video is not None
            between = range(last_video + 1, number)
            assert all(steps_of_media(steps)[n] == "a" for n in between)
            last_video = number
    viewer.close()


def steps_of_media(steps: list[tuple[str, int]]) -> list[str]:
    return [what for what, _ in steps if what != "r"]
