"""Live fragments between nodes: what is packed comes out as it was, and nothing else is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cluster.live_wire import MAX_CHANNELS, MAX_TRACKS, Ended, Gap, Init, Item, decode, encode, read_wish
from hub.errors import InvalidRequest, MediaError
from hub.model import Fragment, InitTrack, MediaKind

CHANNELS = st.integers(0, MAX_CHANNELS - 1)
BYTE, LONG, DATA = st.integers(0, 255), st.integers(1, 2**32 - 1), st.binary(max_size=300)
KINDS = st.sampled_from(MediaKind)
MOMENTS = st.integers(-(2**63), 2**63 - 1)
TRACKS = st.builds(InitTrack, BYTE, KINDS, st.text(max_size=60), LONG, DATA)
FRAGMENTS = st.builds(
    Fragment, BYTE, KINDS, DATA, st.booleans(), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), LONG,
    st.just(0), st.just(0), st.just(0), MOMENTS, MOMENTS, st.none(), st.just(0), st.just(0), st.just(0),
)  # fmt: skip
ITEMS: st.SearchStrategy[Item] = st.one_of(
    st.lists(TRACKS, min_size=1, max_size=MAX_TRACKS).map(lambda some: Init(tuple(some))),
    FRAGMENTS,
    st.text(max_size=200).map(Ended),
    st.integers(0, 2**32 - 1).map(Gap),
)


@given(CHANNELS, ITEMS)
def test_what_is_packed_comes_out_as_it_was(channel: int, item: Item) -> None:
    assert decode(encode(channel, item)) == (channel, item)


@given(CHANNELS, ITEMS, st.data())
def test_a_message_that_was_cut_or_lengthened_is_refused_or_another(
    channel: int, item: Item, data: st.DataObject
) -> None:
    whole = encode(channel, item)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for text in (cut, whole + b"\0"):
        try:
            found = decode(text)
        except MediaError:
            continue
        assert found != (channel, item)
        assert encode(*found) == text, "what is believed is what would have been sent"


@given(st.binary(max_size=200))
def test_nothing_but_our_own_messages_is_believed(data: bytes) -> None:
    try:
        channel, item = decode(data)
    except MediaError:
        return
    assert encode(channel, item) == data


def test_what_watchers_do_not_need_stays_where_it_is() -> None:
    one = Fragment(
        1, MediaKind.VIDEO, b"moof", True, 90_000, 18_000, 90_000, 5, 1, 0, 7, 9, 11, 100, 120, 2, "ab", b"words"
    )
    _, found = decode(encode(3, one))
    assert found == replace(
        one, frames=0, keyframes=0, device_us=None, first_seq=0, last_seq=0, lost=0, source_sha256="", source=b""
    )


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"type":"want","channel":-1,"stream":"a"}', '{"type":"want","channel":5000,"stream":"a"}',
     '{"type":"want","channel":1,"stream":"a","more":1}', '{"type":"leave"}',
     '{"type":"want","channel":"1","stream":"a"}'],
)  # fmt: skip
def test_a_wish_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_wish(text)
