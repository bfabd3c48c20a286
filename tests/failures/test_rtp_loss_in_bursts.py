"""Whatever is lost, doubled or out of order: every packet is delivered once, lost once, or a copy."""

from __future__ import annotations

import random

import pytest

from hub.ingest.reorder import ReorderWindow
from tests.unit.ingest_rtp import at, idr, make, packet, slice_nal


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("window", [None, ReorderWindow()])
def test_the_books_balance(seed: int, window: ReorderWindow | None) -> None:
    chance = random.Random(seed)
    sent: list[tuple[float, int]] = []
    lost = {seq for seq in range(1, 599) if chance.random() < 0.03 or 300 <= seq < 320}
    for seq in range(600):
        if seq not in lost:
            delay = chance.choice((0, 0, 0, 15, 50)) if window and seq else 0
            sent.append((seq * 10 + delay, seq))
            if chance.random() < 0.05:
                sent.append((seq * 10 + delay + 1, seq))
    track, sink = make(window=window)
    for ms, seq in sorted(sent):
        payload = idr() if seq % 50 == 0 else slice_nal()
        track.receive(packet(payload, 65_300 + seq, seq * 900, marker=True), at(ms))
        track.tick(at(ms))
    track.tick(at(10_000))
    got = [unit.first_seq - 65_300 for unit in sink.units]
    gaps = [seq - 65_300 for loss in sink.losses for seq in range(loss.first_seq, loss.first_seq + loss.count)]
    assert got == [seq for seq in range(600) if seq not in lost]
    assert gaps == sorted(lost)
    assert sum(unit.lost for unit in sink.units) == len(lost)
    assert track.missing() == []
    clean = True
    for unit in sink.units:
        clean = (clean and not unit.lost) or unit.keyframe
        assert unit.damaged is not clean
