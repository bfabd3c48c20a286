"""The mark on a derived copy, as it is seen: every picture bears it, and the footage is as it was."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pytest

from hub.evidence.mark import BurntMark, in_the_background, mark_picture
from hub.evidence.movie import derived_marks, movie
from hub.model import Codec
from tests.evidence_footage import at, decoded_without_a_word, probe, record
from tests.segmenter_media import Take, audio, video

pytestmark = pytest.mark.real

MARKS = derived_marks(digest="ab" * 32, export_id="EX-7", recipient="某县人民法院", created="2026-01-05 16:30:05")
BURNT = BurntMark("某县人民法院 2026-01-05", "派生文件（非证据原件） 领取人：某县人民法院 编号：EX-7")


def luma(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as source:
        return [frame.to_ndarray(format="gray").astype(np.int16) for frame in source.decode(video=0)]


@pytest.mark.parametrize("takes", [(video(b_frames=2), audio(Codec.AAC)), (video(Codec.H265),)], ids=["h264", "h265"])
def test_every_picture_bears_the_mark_and_the_footage_is_untouched(takes: tuple[Take, ...], tmp_path: Path) -> None:
    footage = record(tmp_path, at(0, *takes), at(100, *takes))
    before = {path: hashlib.sha256(path.read_bytes()).digest() for path in tmp_path.rglob("*.mp4")}
    plain = movie(footage, tmp_path / "plain.mp4", MARKS)
    made = in_the_background(lambda: movie(footage, tmp_path / "marked.mp4", MARKS, burnt=BURNT))
    (file,) = made.files
    assert (made.skipped, made.gaps) == (0, 1)
    decoded_without_a_word(file.path)
    assert before == {path: hashlib.sha256(path.read_bytes()).digest() for path in before}

    whole, marked = luma(plain.files[0].path), luma(file.path)
    assert len(whole) == len(marked) == file.packets["video"]
    alpha = mark_picture(BURNT, 320, 240).to_ndarray()[..., 3]
    text, free = alpha > 100, alpha == 0
    assert 0.01 < (alpha > 0).mean() < 0.5
    for number in (0, 1, len(whole) // 2, len(whole) - 1):
        apart = np.abs(whole[number] - marked[number])
        # coding anew changes a little everywhere, the mark a lot where it is
        assert apart[text].mean() > 4 * max(1.0, apart[free].mean()), number

    found = probe(file.path)
    assert float(found["format"]["duration"]) == pytest.approx(14, abs=0.2)
    assert [each["codec_name"] for each in found["streams"] if each["codec_type"] == "video"] == ["h264"]
    assert len(found["chapters"]) == 2
    assert "某县人民法院" in found["format"]["tags"]["comment"]


def test_pictures_keep_their_times(tmp_path: Path) -> None:
    takes = video(b_frames=2), audio(Codec.OPUS)
    footage = record(tmp_path, at(0, *takes), at(7, *takes))
    times = []
    for name, burnt in (("plain.mp4", None), ("marked.mp4", BURNT)):
        made = movie(footage, tmp_path / name, MARKS, burnt=burnt)
        with av.open(str(made.files[0].path)) as source:
            times.append([float(frame.time or 0) for frame in source.decode(video=0)])
    assert times[1] == pytest.approx(times[0], abs=0.002)


def test_odd_sizes_and_strange_words(tmp_path: Path) -> None:
    for size in ((16, 16), (161, 91), (1920, 1080)):
        picture = mark_picture(BurntMark('"]#panic() \\u{0} 某' + "长" * 90, "#import " + "某" * 200), *size)
        assert (picture.width, picture.height) == size
        assert picture.to_ndarray()[..., 3].max() > 0
