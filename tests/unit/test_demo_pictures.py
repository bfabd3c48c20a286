"""Pictures and the number they carry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.demo.frame_code import frame_number, read_frame_number, split_frame_number, write_frame_number
from hub.demo.picture import Scene, black
from hub.demo.strokes import glyph, text


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(720, 1280), (360, 640), (90, 160), (641, 1023), (640, 360)]))
def test_every_number_is_read_back_at_every_size(number: int, shape: tuple[int, int]) -> None:
    luma = np.full(shape, 100, dtype=np.uint8)
    write_frame_number(luma, number)
    assert read_frame_number(luma) == number


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_number_survives_scaling_dimming_and_noise(factor: int) -> None:
    luma = np.zeros((720, 1280), dtype=np.uint8)
    write_frame_number(luma, 0xDEADBEEF)
    small = luma[: 720 // factor * factor, : 1280 // factor * factor]
    small = small.reshape(720 // factor, factor, 1280 // factor, factor).mean(axis=(1, 3))
    noise = np.random.default_rng(1).normal(0, 15, small.shape)
    seen = np.clip(small * 0.5 + 40 + noise, 0, 255).astype(np.uint8)
    assert read_frame_number(seen) == 0xDEADBEEF


def test_a_smeared_number_is_refused() -> None:
    luma = np.zeros((360, 640), dtype=np.uint8)
    write_frame_number(luma, 77)
    luma[340:, 300:315] = 255 - luma[340:, 300:315]  # one cell inverted
    assert read_frame_number(luma) is None


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_plain_picture_has_no_number(level: int) -> None:
    assert read_frame_number(np.full((360, 640), level, dtype=np.uint8)) is None


def test_a_number_tells_device_and_index() -> None:
    assert split_frame_number(frame_number(1027, 499)) == (1027, 499)


def test_pictures_move_differ_and_close_the_loop() -> None:
    scene, other = Scene(640, 360, 100, 25, 1, "1号窗口"), Scene(640, 360, 100, 25, 2, "2号窗口")
    first = scene.picture(0)
    assert first.shape == (540, 640)
    assert np.abs(first.astype(int) - other.picture(0)).mean() > 5
    assert np.array_equal(first[:340], scene.picture(100)[:340])
    walkers = slice(140, 270)
    assert np.abs(first[walkers].astype(int) - scene.picture(25)[walkers]).mean() > 3
    assert [read_frame_number(scene.picture(n)[:360]) for n in (0, 1, 99)] == [1 << 20, (1 << 20) + 1, (1 << 20) + 99]


def test_an_upright_picture_holds_its_clock() -> None:
    upright = Scene(360, 640, 25, 25).picture(3)[:640]
    plate_columns = np.flatnonzero((upright[500] < 60) | (upright[500] > 215))
    assert plate_columns.max() < 350
    assert read_frame_number(upright) == 3


def test_odd_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="even"):
        Scene(641, 360, 25, 25)


def test_black_is_black() -> None:
    assert black(64, 32)[:32].max() == 16


def test_glyphs_differ_and_an_unknown_one_is_seen() -> None:
    shapes = [glyph(c, 24).tobytes() for c in "0123456789ABCDEFGHJKLMNPRSTUVWXYZ窗口号执法记录仪大厅"]
    assert len(set(shapes)) == len(shapes)
    assert glyph("語", 24).max() == 1
    assert glyph(" ", 24).max() == 0
    assert text("", 24).shape == (24, 1)
