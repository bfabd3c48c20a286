"""A hub that is killed, begins again, records, and is killed before it has entered why there is a hole before that."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hub.clock import ManualClock
from hub.ledger.bodies import HUB_STOPPED, chunk_body, close_body, interruption_body, open_body
from hub.ledger.entries import EntryType
from hub.model import InterruptionState
from tests.ledger_folder import START_US, Folder, Reel, fragment, interruption, session

S = 1_000_000
END_US = START_US + 4 * S
"""Of what is entered."""


async def killed_twice(root: Path, second_s: int, *said: str) -> Folder:
    """Two chunks of 2 s; what was ``said`` behind them; and from ``second_s`` on 0.2 s that nothing speaks of."""
    folder, rng, clock = Folder(root), random.Random(4), ManualClock(START_US)
    ledger = await folder.open(clock)
    ledger.append("cam", EntryType.OPEN, open_body(session(clock), 1))
    reel = Reel(folder.data, "cam", 1, 0, START_US, rng)
    for index in range(2):
        clock.advance(2)
        ledger.append("cam", EntryType.CHUNK, chunk_body(reel.chunk(index)))
    for word in said:
        if word in ("goodbye", HUB_STOPPED):
            ledger.append("cam", EntryType.CLOSE, close_body(word, run=1))
        else:
            state = InterruptionState(word)
            ended_us = START_US + second_s * S if state is InterruptionState.CLOSED else None
            body = interruption_body(interruption("cam", state, END_US, ended_us))
            kind = EntryType.INTERRUPTION_OPEN if ended_us is None else EntryType.INTERRUPTION_CLOSE
            ledger.append("cam", kind, body)
    await ledger.close()
    Reel(folder.data, "cam", 2, second_s, START_US + second_s * S, rng).write(fragment(rng, 300))
    return folder


@pytest.mark.parametrize("said", [(), (HUB_STOPPED,)])
async def test_the_next_one_tells_of_the_break_from_where_it_began(tmp_path: Path, said: tuple[str, ...]) -> None:
    folder = await killed_twice(tmp_path, 9, *said)
    clock = ManualClock(START_US + 20 * S)
    ledger = await folder.open(clock)
    (stream,) = ledger.recovered
    assert stream.recorded_until_us == END_US, "as if nothing had been recorded since"
    assert (stream.open, stream.interruption) == (True, None)
    body = interruption_body(interruption("cam", InterruptionState.CONFIRMED, stream.recorded_until_us))
    ledger.append("cam", EntryType.INTERRUPTION_OPEN, body)
    await ledger.close()
    assert folder.verify().exit_code == 0


async def test_a_hole_of_which_nobody_tells_is_found(tmp_path: Path) -> None:
    folder = await killed_twice(tmp_path, 9)
    await (await folder.open(ManualClock(START_US + 20 * S))).close()
    assert folder.verify().exit_code == 1


@pytest.mark.parametrize(
    ("second_s", "said"),
    [(9, ("goodbye",)), (9, ("confirmed", "closed")), (9, ("confirmed",)), (5, ())],
    ids=["it had ended", "it was told", "it is taken up again", "too short"],
)
async def test_where_there_is_nothing_more_to_tell(tmp_path: Path, second_s: int, said: tuple[str, ...]) -> None:
    folder = await killed_twice(tmp_path, second_s, *said)
    ledger = await folder.open(ManualClock(START_US + 20 * S))
    (stream,) = ledger.recovered
    assert stream.recorded_until_us == START_US + second_s * S + 200_000
    assert (stream.interruption is not None) == (said == ("confirmed",))
    await ledger.close()
    assert folder.verify().exit_code == 0
