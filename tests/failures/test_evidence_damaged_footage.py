"""Footage that is broken, gone or cut off: the report goes without its picture and says why, the movie goes on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import MediaError, StorageError
from hub.evidence import movie as movie_module
from hub.evidence.movie import MovieMarks, movie
from hub.evidence.segments import Segment, segments
from hub.evidence.still import MAX_JPEG_BYTES, still
from hub.model import Chunk, Codec
from hub.shelf import LocalShelf
from tests.evidence_footage import at, decoded_without_a_word, record
from tests.segmenter_media import START_US, Take, audio, fragments, video

MARKS = MovieMarks("派生文件", "派生文件")


def segment(take: Take, **fields: object) -> Segment:
    out = fragments(take.units, take.info)
    made = Segment(out[0].data, b"".join(each.data for each in out[1:]), START_US, START_US + 1_000_000, 1)
    return replace(made, **fields)  # type: ignore[arg-type]


WHOLE = segment(video(seconds=1))

# -------------------------------------------------------------------------------- the picture


def test_a_whole_keyframe_is_shown_with_its_time() -> None:
    found = still([WHOLE])
    assert found.jpeg is not None
    assert found.jpeg.startswith(b"\xff\xd8")
    assert (found.width, found.height, found.at_us) == (320, 240, START_US)


def test_a_large_picture_becomes_a_small_file() -> None:
    noisy = video(seconds=0.2, size=(1920, 1080), seed=3)
    found = still([segment(noisy)])
    assert found.jpeg is not None
    assert len(found.jpeg) <= MAX_JPEG_BYTES
    with av.open(io.BytesIO(found.jpeg), "r") as source:
        frame = next(source.decode(video=0))
        assert (frame.width, frame.height) == (1280, 720)


def test_a_damaged_segment_is_shown_only_where_there_is_no_other() -> None:
    damaged = replace(WHOLE, damaged=3)
    assert still([damaged, replace(WHOLE, first_us=START_US + 7)]).at_us == START_US + 7
    assert still([damaged]).jpeg is not None


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ([], "没有录像"),
        ([replace(WHOLE, init=b"", data=b"")], "不可读"),
        ([replace(WHOLE, init=b"ftyp?" * 20)], "无法解码"),
        ([replace(WHOLE, data=bytes(5000))], "没有可显示的画面"),
        ([segment(audio(Codec.OPUS, seconds=1))], "仅有声音"),
    ],
    ids=["nothing", "gone", "init", "zeros", "sound"],
)
def test_without_a_picture_there_is_a_reason(broken: list[Segment], reason: str) -> None:
    found = still(broken)
    assert found.jpeg is None
    assert reason in found.reason


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(WHOLE.data) - 1), st.integers(0, 255), st.integers(0, len(WHOLE.data)))
def test_no_byte_stops_the_report(where: int, value: int, length: int) -> None:
    data = bytearray(WHOLE.data)
    data[where] = value
    found = still([replace(WHOLE, data=bytes(data[:length]))])
    assert (found.jpeg is None) == bool(found.reason)


# --------------------------------------------------------------------------------- the movie


def test_what_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    footage = record(tmp_path, at(0, video(), audio(Codec.AAC)))
    assert len(footage) >= 3
    footage[1] = replace(footage[1], data=b"", init=b"")
    footage.append(replace(footage[0], data=bytes(1000)))
    made = movie(footage, tmp_path / "movie.mp4", MARKS)
    assert made.skipped == 2
    decoded_without_a_word(made.files[0].path)


def test_nothing_that_plays_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="expected footage that can be played"):
        movie([replace(WHOLE, data=b"")], tmp_path / "movie.mp4", MARKS)
    assert list(tmp_path.iterdir()) == []


def test_a_caller_that_gives_up_leaves_nothing_behind(tmp_path: Path) -> None:
    def given_up() -> Iterator[Segment]:
        yield WHOLE
        yield segment(video(seconds=1, size=(640, 360)), run=2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        movie(given_up(), tmp_path / "movie.mp4", MARKS)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    """The device that is always full stands in for the disk."""
    full = tmp_path / "movie.mp4.part"
    full.symlink_to("/dev/full")
    with pytest.raises(StorageError, match="expected room for"):
        movie([WHOLE] * 40, tmp_path / "movie.mp4", MARKS)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_changes_at_every_turn_does_not_fill_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(movie_module, "MAX_FILES", 3)
    other = segment(video(seconds=1, size=(640, 360)))
    turns = [replace(each, run=n, first_us=START_US + n * 1_000_000) for n, each in enumerate([WHOLE, other] * 4)]
    made = movie(turns, tmp_path / "movie.mp4", MARKS)
    assert len(made.files) == 3
    assert made.skipped == 5


def test_clocks_that_go_back_do_not_tangle_the_movie(tmp_path: Path) -> None:
    """A second run whose capture times lie before the first one's end."""
    made = movie(
        [WHOLE, replace(WHOLE, run=2, first_us=START_US - 3_000_000, end_us=START_US - 2_000_000)],
        tmp_path / "movie.mp4",
        MARKS,
    )
    assert made.files[0].duration_us == pytest.approx(2_000_000, abs=100_000)
    decoded_without_a_word(made.files[0].path)


def test_a_segment_given_twice_does_not_tangle_the_movie(tmp_path: Path) -> None:
    made = movie([WHOLE, WHOLE], tmp_path / "movie.mp4", MARKS)
    decoded_without_a_word(made.files[0].path)


# ------------------------------------------------------------------------------- the reels


def test_a_reel_that_is_gone_is_a_segment_without_bytes(tmp_path: Path) -> None:
    chunk = Chunk("s", 1, "s/gone.mp4", 10, 20, "", 10, "", 1, 2, None, (), "stop")
    (found,) = segments(LocalShelf(tmp_path), [chunk])
    assert (found.init, found.data, found.first_us) == (b"", b"", 1)
