"""Who waits until facts have come so far: released in order, told when it will not happen."""

from __future__ import annotations

import asyncio

import pytest

from hub.cluster.watermark import Watermark


async def test_who_waits_is_released_when_it_is_far_enough_and_it_never_falls() -> None:
    mark = Watermark()
    first, second, third = mark.reached(2), mark.reached(2), mark.reached(5)
    mark.rise(1)
    assert not first.done()
    second.cancel()
    mark.rise(4)
    mark.rise(3)
    assert (mark.at, first.done(), third.done()) == (4, True, False)
    mark.rise(5)
    await asyncio.wait_for(third, 1)
    assert mark.reached(5).done(), "it is so far already"


async def test_who_still_waits_when_it_is_given_up_is_told_why() -> None:
    mark = Watermark()
    gone, waiting = mark.reached(1), mark.reached(1)
    gone.cancel()
    mark.give_up(ValueError("closed"))
    with pytest.raises(ValueError, match="closed"):
        await waiting
