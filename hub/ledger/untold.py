"""A break that a hub noticed and was killed before it had entered: found when the reel behind it is recovered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hub.ledger.bodies import WITHOUT_A_WORD_US
from hub.ledger.projection import StreamState
from hub.ledger.reader import Reader
from hub.ledger.reels import Recovered


def untold_since(recovered: Iterable[Recovered], states: Mapping[str, StreamState], reader: Reader) -> dict[str, int]:
    """By stream, where nothing is said of what is missing before a recovered reel: the end of the footage before it
    (hub UTC). Whoever records the stream next tells of the break from there, what was recovered of it included: nobody
    is left who saw more. Asked before the reels are entered. Blocks."""
    untold: dict[str, int] = {}
    until: dict[str, int] = {}
    for item in recovered:
        stream, state = item.stream_id, states.get(item.stream_id)
        if state is None or not item.body["size"]:
            continue
        first_us, end_us = int(str(item.body["first_us"])), int(str(item.body["end_us"]))
        last_us = until.get(stream, state.recorded_until_us)
        until[stream] = end_us
        if stream in untold or last_us is None or not _is_due(state) or first_us - last_us <= WITHOUT_A_WORD_US:
            continue
        if not reader.interruptions(stream=stream, from_us=last_us, to_us=first_us, limit=1):
            untold[stream] = last_us
    return untold


def _is_due(state: StreamState) -> bool:
    """It had not said goodbye, and no break of it is taken up again, as one that lasted until the reel began."""
    return state.run_open and state.interruption_id is None
