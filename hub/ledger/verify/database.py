"""Step 8 of a verification: the database, an index only, agrees with the entry files where there is one."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hub.ledger.files import DATABASE_FILE
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.context import Context
from hub.ledger.verify.walk import StreamResult


def check(run: Context) -> None:
    path = run.data / DATABASE_FILE
    if not path.exists():
        run.unchecked("the database: there is no hub.db here (the files alone decide)")
        run.skipped.add(Step.DATABASE)
        return
    wal = path.with_name(f"{DATABASE_FILE}-wal")
    # Where nothing waits in a write-ahead log, SQLite need not put one of its own into the folder.
    mode = "mode=ro" if run.live or (wal.exists() and wal.stat().st_size) else "mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=5)) as database:
            for stream, result in run.results.items():
                _compare_rows(run, database, stream, result)
    except sqlite3.Error as error:
        run.unchecked(f"the database: {error} (the files alone decide)")
        run.skipped.add(Step.DATABASE)


def _compare_rows(run: Context, database: sqlite3.Connection, stream: str, result: StreamResult) -> None:
    if not result.aligned:
        return  # already found to be broken
    known = iter(result.leaves)
    seq = -1
    query = "SELECT seq, leaf FROM ledger_entries WHERE stream = ? ORDER BY seq"
    for seq, leaf in database.execute(query, (stream,)):
        expected = next(known, None)
        if expected == leaf:
            continue
        place = f"{DATABASE_FILE} (entry {seq} of {stream})"
        if expected is None:
            if not run.live:
                run.add(Step.DATABASE, Harm.MISSING, stream, place, "the entry in the entry files too", "no such entry")
            return
        run.add(Step.DATABASE, Harm.ALTERED, stream, place, f"the leaf hash {expected.hex()}", bytes(leaf).hex())
        return
    if result.count > seq + 1 and not run.live:
        run.verdict.notes.append(f"the database lacks {result.count - seq - 1} entries of {stream}: an index only")
