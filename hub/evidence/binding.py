"""What binds a part's entries to the log: which entries need a proof, the context, and the heads. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hub.errors import LedgerError
from hub.evidence.heads import Head, LogHeads, choose, not_signed_yet
from hub.evidence.plan import Part
from hub.evidence.source import EntryRow, Source, context_rows
from hub.evidence.tree import LogTree
from hub.ledger.entries import Entry, EntryType
from hub.ledger.files import log_folder, log_slug
from hub.ledger.package.format import proof_file
from hub.ledger.proofs import Addition, TlogProof


@dataclass
class Bindings:
    """``rows``: entries of the range that get an inclusion proof: the first, the last, each that is no chunk, and at
    each change of the log the ones beside it."""

    rows: list[EntryRow] = field(default_factory=list)
    context: list[Entry] = field(default_factory=list)
    logs: tuple[LogHeads, ...] = ()
    unproven: tuple[int, ...] = ()
    warnings: list[str] = field(default_factory=list)
    _source: Source | None = None
    _proven: list[tuple[EntryRow, LogHeads]] = field(default_factory=list)
    _before: tuple[EntryRow, str] | None = None

    def met(self, row: EntryRow, entry: Entry) -> None:
        """The next entry of the range."""
        before = self._before
        changed = before is None or before[1] != entry.origin
        if changed and before is not None:
            self._need(before[0])
        if changed or entry.type is not EntryType.CHUNK:
            self._need(row)
        self._before = row, entry.origin

    def ended(self) -> None:
        if self._before is not None:
            self._need(self._before[0])

    def _need(self, row: EntryRow) -> None:
        if not self.rows or self.rows[-1] != row:
            self.rows.append(row)

    def proofs(self) -> Iterator[tuple[str, str]]:
        """File names and texts of the inclusion proofs."""
        assert self._source is not None
        trees: dict[str, LogTree] = {}
        try:
            for row, log in self._proven:
                tree = trees.get(log.origin)
                if tree is None:
                    tree = trees[log.origin] = LogTree(log_folder(self._source.data, log.origin))
                head = log.heads[0]
                index = self._source.place(row)[1]
                hashes = tuple(tree.inclusion(row.leaf, index, head.checkpoint))
                yield proof_file(row.stream, row.seq), TlogProof(index, hashes, head.note).text()
        finally:
            for tree in trees.values():
                tree.close()

    def consistency(self, log: LogHeads, head: Head) -> str:
        """That this head and the log's main one are of one tree."""
        assert self._source is not None
        old, new = sorted((log.heads[0], head), key=lambda one: one.checkpoint.size)
        with LogTree(log_folder(self._source.data, log.origin)) as tree:
            hashes = tuple(tree.consistency(old.checkpoint.size, new.checkpoint.size))
        return Addition(old.checkpoint.size, hashes, new.note).text()

    def folder(self, origin: str) -> str:
        return log_slug(origin)


def bind(source: Source, stream: str, part: Part, rows: list[EntryRow]) -> Bindings:
    """Context and heads for a part whose entries that need a proof are ``rows``. Raises Unavailable
    (``not_signed_yet``) where the log that is being written is not signed as far."""
    found = Bindings(rows=rows, _source=source)
    runs: dict[int, int] = {}
    for one in part.footage:
        runs.setdefault(one.run, one.seq)
    context = context_rows(source, stream, part.first, part.last, part.span, runs, part.absent_reels)
    sizes: dict[str, int] = {}
    for row in (*rows, *context):
        origin, index = source.place(row)
        sizes[origin] = max(sizes.get(origin, 0), index + 1)
    logs = {log.origin: _heads(source, log.origin, sizes[log.origin]) for log in source.logs if log.origin in sizes}
    found.logs = tuple(log for log in logs.values() if log.heads)
    found.unproven = tuple(row.seq for row in rows if not _cover(found, source, logs, row))
    for row in context:
        if _cover(found, source, logs, row):
            found.context.append(source.read(row))
        else:
            found.warnings.append(f"entry {row.seq} of {row.stream} is left out: its log was never signed that far")
    return found


def _cover(found: Bindings, source: Source, logs: dict[str, LogHeads], row: EntryRow) -> bool:
    log = logs[source.place(row)[0]]
    if log.heads:
        found._proven.append((row, log))
    return bool(log.heads)


def _heads(source: Source, origin: str, size: int) -> LogHeads:
    log = choose(source, origin, size)
    if not log.heads and origin == source.logs[-1].origin:
        if source.live:
            raise not_signed_yet(origin, size)
        raise LedgerError(
            f"the newest entries of this range were never signed ({size} leaves of {origin} are needed): the hub was "
            "killed before it could; start it once on this folder, it signs at its start",
            code="not_signed",
        )
    return log
