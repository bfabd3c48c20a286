"""What belongs to footage and lies beside it, for retention: who keeps what is known here alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PurePosixPath

from hub.clock import US_PER_S
from hub.footage.store import Store
from hub.ledger.reader import Reader
from hub.monitor.content.pictures import FOLDER
from hub.retention.beside import Beside, Place
from hub.shelf import Shelf


def beside(shelf: Shelf, reader: Reader, store: Store, stream_id: str, until_us: int) -> list[Beside]:
    """Blocks. Pictures of alarms, photographs, and originals that reels cannot hold; ``shelf``: wherever they lie."""
    kept = store.kept_beside(stream_id, until_us, shelf)
    brought = [Beside(name, tuple(Place(*place) for place in places)) for name, places in kept]
    return [*_pictures(shelf, reader, stream_id, until_us), *brought]


def _pictures(shelf: Shelf, reader: Reader, stream_id: str, until_us: int) -> Iterator[Beside]:
    """Of interruptions that are over. One that the ledger does not know stays: it may be evidence of something."""
    last_day = datetime.fromtimestamp(until_us // US_PER_S, UTC).date().isoformat()
    for name in sorted({name for name, _ in shelf.names(f"{FOLDER}/{stream_id}")}):
        path = PurePosixPath(name)
        if path.suffix != ".jpg" or path.parent.name > last_day:
            continue
        cut = reader.interruption(path.stem)
        if cut is None or cut.stream_id != stream_id or cut.ended_us is None or cut.started_us > until_us:
            continue
        yield Beside(name, (Place(stream_id, cut.started_us, cut.ended_us),))
