"""What people say of a device does not break off its recording."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.fleet import _same_source
from hub.model import Capability, RtspSource, Stream, StreamKind, WhipSource

BEFORE = Stream("a", "a", StreamKind.RECORDER, WhipSource("00"), 0)


@pytest.mark.parametrize(
    ("after", "same"),
    [
        (replace(BEFORE, name="b", unit="north", device_number="7", custodian="wang"), True),
        (replace(BEFORE, capabilities=frozenset({Capability.NIGHT_VISION})), True),
        (replace(BEFORE, preview=RtspSource("rtsp://h/sub")), True),
        (replace(BEFORE, source=WhipSource("11")), False),
        (replace(BEFORE, kind=StreamKind.VEHICLE), False),
        (replace(BEFORE, retired=True), False),
    ],
)
def test_recording_goes_on_where_only_words_changed(after: Stream, same: bool) -> None:
    assert _same_source(BEFORE, after) is same
