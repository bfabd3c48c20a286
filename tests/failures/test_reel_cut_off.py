"""A reel cut off at any byte: what is whole is found, the rest is told apart, nothing but MediaError is raised."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hub.errors import MediaError
from hub.model import Fragment
from hub.segmenter.scan import read_fragments, read_init, whole_fragments
from tests.segmenter_media import AUDIO, OPUS_INFO, VIDEO, VIDEO_INFO, by_arrival, fragments, pictures, sounds

OUT = fragments(by_arrival(pictures(30), sounds(60)), VIDEO_INFO, OPUS_INFO)
REEL = b"".join(each.data for each in OUT)
INIT = len(OUT[0].data)


def edges() -> list[int]:
    ends, at = [], 0
    for each in OUT:
        at += len(each.data)
        ends.append(at)
    return ends


def test_any_length(tmp_path: Path) -> None:
    path = tmp_path / "reel.mp4"
    ends = edges()
    around = {end + by for end in (0, *ends) for by in range(-9, 10) if 0 <= end + by <= len(REEL)}
    for size in sorted(around | set(range(0, len(REEL), 31))):
        path.write_bytes(REEL[:size])
        end, summary = whole_fragments(path, 0)
        assert end == max((each for each in ends if each <= size), default=0)
        assert summary.torn_bytes == size - end
        assert summary.fragments == max(0, len([each for each in ends if each <= size]) - 1)


def test_from_the_end_of_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "reel.mp4"
    path.write_bytes(REEL[:-1])
    ends = edges()
    end, summary = whole_fragments(path, ends[3])
    assert end == ends[-2]
    assert summary.fragments == len(ends) - 5
    assert summary.init_size == INIT
    assert whole_fragments(path, end)[0] == end
    assert whole_fragments(path, len(REEL) - 1)[0] == len(REEL) - 1


def test_the_summary_tells_what_the_fragments_told(tmp_path: Path) -> None:
    path = tmp_path / "reel.mp4"
    path.write_bytes(REEL)
    _, summary = whole_fragments(path, 0)
    for track_id in (VIDEO, AUDIO):
        own = [each for each in OUT if isinstance(each, Fragment) and each.track_id == track_id]
        told = next(each for each in summary.tracks if each.track_id == track_id)
        assert (told.first_ticks, told.end_ticks) == (
            own[0].tfdt_ticks,
            own[-1].tfdt_ticks + own[-1].duration_ticks,
        )
        assert (told.frames, told.keyframes) == (sum(e.frames for e in own), sum(e.keyframes for e in own))


def test_what_is_no_reel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reel.mp4"
    with pytest.raises(MediaError):
        whole_fragments(path, 0)
    path.write_bytes(b"not a reel at all")
    with pytest.raises(MediaError):
        whole_fragments(path, 0)
    path.write_bytes(REEL)
    with pytest.raises(MediaError):
        whole_fragments(path, len(REEL) + 1)
    with pytest.raises(MediaError):
        whole_fragments(tmp_path, 0)


@examples(max_examples=150, deadline=None)
@given(st.integers(0, len(REEL) - 1), st.binary(min_size=1, max_size=12), st.integers(0, len(REEL)))
def test_spoilt_bytes_raise_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes, start: int
) -> None:
    path = tmp_path_factory.mktemp("scan") / "reel.mp4"
    spoilt = REEL[:at] + noise + REEL[at + len(noise) :]
    path.write_bytes(spoilt)
    for offset in (0, INIT, start):
        try:
            end, summary = whole_fragments(path, offset)
        except MediaError:
            continue
        assert 0 <= end <= len(spoilt)
        assert summary.torn_bytes == len(spoilt) - end


@examples(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_raise_nothing_else(data: bytes) -> None:
    for read in (read_init, read_fragments):
        for candidate in (data, REEL[: INIT // 2] + data, REEL[INIT : INIT + 100] + data):
            with contextlib.suppress(MediaError):
                read(candidate)
