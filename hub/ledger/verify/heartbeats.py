"""Step 7 of a verification, across streams: heartbeats bound what can be silently missing."""

from __future__ import annotations

from hub.ledger.chain import heads_digest
from hub.ledger.entries import HUB_STREAM
from hub.ledger.verdict import Harm, Step
from hub.ledger.verify.context import Context
from hub.ledger.verify.lines import Line


def check(run: Context, line: Line) -> None:
    """A heartbeat names every stream's newest entry at its time: each must be there, and be that one. In a cluster some
    of the hub's own may have come between: while the database was away they waited, as the heartbeat did."""
    entry, leaves = line.entry, {}
    for stream, seq in entry.body["seqs"].items():
        if stream == HUB_STREAM and seq == entry.seq - 1:
            leaves[stream] = entry.prev
            continue
        result = run.results.get(stream)
        leaf = result.leaf(seq) if result is not None else None
        if leaf is None:
            if not run.live and (result is None or result.aligned):
                expected, found = f"entry {seq} of {stream}, of which it speaks", "no such entry"
                run.add(Step.COMPLETENESS, Harm.MISSING, stream, str(line), expected, found)
            return
        leaves[stream] = leaf
    digest = heads_digest(leaves)
    if digest != entry.body["digest"]:
        expected, found = f"heads with the digest {entry.body['digest']}", digest
        run.add(Step.COMPLETENESS, Harm.ALTERED, HUB_STREAM, str(line), expected, found)
