"""Writes evidence packages: footage byte for byte, its entries, and all that binds them to a signed log. Blocking.

Only the data folder's files are read, none is written; a hub may be running on it. Memory is bounded by the number of
entries, not by the size of the footage. Each part is verified as its recipient will, before it gets its name.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from hub import __version__
from hub.clock import Clock
from hub.database import Database
from hub.errors import HubError, InvalidRequest, LedgerError
from hub.evidence.binding import Bindings, bind
from hub.evidence.contents import Cancelled, Contents, new_package, read_blocks
from hub.evidence.heads import LogHeads, longest_unanchored_us
from hub.evidence.plan import Part, split, whole
from hub.evidence.readme import readme
from hub.evidence.reporting import Story, make_report
from hub.evidence.source import Source
from hub.labels.model import WORDS, Secrecy, labels_from
from hub.ledger.anchors.check import Trust
from hub.ledger.anchors.trust import configured_trust
from hub.ledger.bodies import chunk_from_body
from hub.ledger.entries import Entry, EntryType
from hub.ledger.package.container import ZipContainer
from hub.ledger.package.format import (
    MANIFEST,
    MOVIE,
    README,
    REPORT_HTML,
    REPORT_PDF,
    STILL,
    AnchorRow,
    HeadRow,
    LogRow,
    Manifest,
    MediaRow,
    Notes,
    entries_file,
    manifest_bytes,
)
from hub.ledger.package.run import footage_of
from hub.ledger.package.statements import statement_of
from hub.ledger.package.verify import verify_container
from hub.ledger.verdict import Verdict
from hub.ledger.verify.context import Options
from hub.model import Chunk
from hub.settings import Settings
from hub.shelf import Shelf
from hub.shelf import read_blocks as shelf_blocks

FIRST_OVERHEAD = 120_000
"""What a part holds beside footage, entries and their proofs; corrected by what the parts turn out to need."""
MAX_TRIES = 8
Progress = Callable[[float], None]
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is wanted, and by whom. Times are hub UTC in µs; ``split_bytes``: no part is larger."""

    export_id: str
    stream_id: str
    from_us: int
    to_us: int
    notes: Notes
    by: str
    approved_by: str = ""
    recipient: str = ""
    reason: str = ""
    split_bytes: int | None = None
    movie: bool = True


@dataclass(frozen=True, slots=True)
class PartResult:
    """A part that was written. ``derived``: digest by name of what was made from the footage."""

    path: Path
    size: int
    sha256: str
    manifest: Manifest
    verdict: Verdict
    derived: dict[str, str]


@dataclass(frozen=True, slots=True)
class PackageResult:
    """``warnings``: what a person must know: parts that are absent, a report that could not be made."""

    request: ExportRequest
    parts: tuple[PartResult, ...]
    warnings: tuple[str, ...]


def write_package(
    request: ExportRequest,
    data: Path,
    out: Path,
    clock: Clock,
    *,
    database: Database | None = None,
    shelf: Shelf | None = None,
    keys_dir: Path | None = None,
    trust: Trust | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PackageResult:
    """Write ``out``, or ``<stem>.part1of3.zip`` … beside it where it is split.

    Raises NotFound where nothing was recorded, Unavailable (``not_signed_yet``) where a running hub has not signed the
    newest entries yet, InvalidRequest for an empty note or a limit too small, LedgerError, OSError, and Cancelled.
    What was begun is removed then.
    """
    if request.notes.missing():
        raise InvalidRequest(f"expected all five notes, found none of: {', '.join(request.notes.missing())}")
    if request.from_us >= request.to_us:
        raise InvalidRequest("expected --from before --to, found them the other way round or equal")
    with Source(data, database or Database.in_folder(data), shelf) as source:
        believed = Options(None, keys_dir, trust=trust or Trust())
        return _Writer(request, source, out, clock.now().utc_us, believed, progress, cancelled).write()


def trust_of(settings: Settings) -> Trust:
    """Whom this hub believes about time. A certificate that cannot be read must not stand in the way of an export."""
    try:
        return configured_trust(settings.witnesses, settings.timestamp_authorities)
    except LedgerError as error:
        _log.warning("no authority is believed about time", error=str(error))
        return Trust()


def new_export_id() -> str:
    """Nobody can guess it, and two never meet."""
    return f"export-{secrets.token_hex(8)}"


class _TooLarge(Exception):
    """A part outgrew the limit by ``excess`` bytes."""

    def __init__(self, excess: int) -> None:
        super().__init__(excess)
        self.excess = excess


class _Writer:
    def __init__(
        self,
        request: ExportRequest,
        source: Source,
        out: Path,
        made_us: int,
        believed: Options,
        progress: Progress | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._request = request
        self._source = source
        self._out = out
        self._made_us = made_us
        self._believed = believed
        self._progress = progress
        self._cancelled = cancelled or (lambda: False)
        self._warnings: list[str] = []
        self._done = 0
        self._total = 1

    def write(self) -> PackageResult:
        request = self._request
        everything = whole(self._source, request.stream_id, (request.from_us, request.to_us))
        # A disc's part is long to write again: there the guess is generous.
        overhead = FIRST_OVERHEAD + (request.split_bytes or 0) // 200
        for _ in range(MAX_TRIES):
            limit = request.split_bytes
            parts = [everything] if limit is None else split(everything, limit, overhead, movie=request.movie)
            self._done, self._total = 0, 1 + 3 * everything.media_bytes
            self._warnings.clear()
            try:
                results = self._write_parts(parts)
            except _TooLarge as error:
                overhead += 2 * error.excess + 1000
                continue
            return PackageResult(request, results, tuple(dict.fromkeys(self._warnings)))
        raise InvalidRequest(f"expected a larger limit than {request.split_bytes} bytes: no part fits in it")

    def _write_parts(self, parts: list[Part]) -> tuple[PartResult, ...]:
        done: list[PartResult] = []
        try:
            done.extend(self._write_part(parts, number) for number in range(1, len(parts) + 1))
        except BaseException:
            for part in done:
                part.path.unlink(missing_ok=True)
            raise
        return tuple(done)

    def _path(self, number: int, of: int) -> Path:
        return self._out if of == 1 else self._out.with_name(f"{self._out.stem}.part{number}of{of}{self._out.suffix}")

    def _written(self, count: int) -> None:
        if self._cancelled():
            raise Cancelled
        self._done += count
        if self._progress is not None:
            self._progress(min(self._done / self._total, 0.99))

    def _write_part(self, parts: list[Part], number: int) -> PartResult:
        path = self._path(number, len(parts))
        new = path.with_name(f".{path.name}.new")
        with new_package(new, self._made_us, self._written) as box:
            work = _Part(self, box, parts, number)
            verdict = work.fill()
        size = new.stat().st_size
        limit = self._request.split_bytes
        if limit is not None and size > limit:
            new.unlink()
            raise _TooLarge(size - limit)
        digest = hashlib.sha256()
        for block in read_blocks(new):
            digest.update(block)
        new.replace(path)
        derived = {row.name: row.sha256 for row in box.rows if row.name in work.manifest.derived}
        return PartResult(path, size, digest.hexdigest(), work.manifest, verdict, derived)


class _Part:
    """One part, from its first file to its manifest."""

    def __init__(self, writer: _Writer, box: Contents, parts: list[Part], number: int) -> None:
        self._writer = writer
        self._box = box
        self._source = writer._source
        self._request = writer._request
        self._part = parts[number - 1]
        self._gone = {row.seq for row in self._part.absent}
        self._first_leaf = self._last_leaf = ""
        self._chunks: dict[str, list[Chunk]] = {}
        self._story = Story()
        self._bindings = Bindings()
        self._derived: list[str] = []
        self._cited: dict[str, None] = {}
        self.manifest = self._skeleton(parts, number)

    def _skeleton(self, parts: list[Part], number: int) -> Manifest:
        request = self._request
        return Manifest(
            export_id=request.export_id,
            made_us=self._writer._made_us,
            version=__version__,
            by=request.by,
            approved_by=request.approved_by,
            recipient=request.recipient,
            reason=request.reason,
            stream=request.stream_id,
            stream_name=self._source.stream_name(request.stream_id),
            notes=request.notes,
            asked=(request.from_us, request.to_us),
            given=self._part.span,
            first_leaf="",
            last_leaf="",
            part=number,
            parts=tuple(part.row for part in parts),
            media=(),
            absent=self._part.absent,
            unproven=(),
            logs=(),
            derived=(),
            files=(),
            labels=self._labels(),
        )

    def _labels(self) -> tuple[str, ...]:
        """What is labelled of the range (R31), in words, the gravest first."""
        rows = self._source.special(self._request.stream_id, (EntryType.LABEL,))
        entries = [self._source.read(row) for row in rows]
        known = labels_from((one.stream_id, one.t_hub_us, one.body) for one in entries)
        kinds = {one.kind for one in known.values() if one.in_force and one.touches(*self._part.span)}
        return tuple(WORDS[kind] for kind in Secrecy if kind in kinds)

    def fill(self) -> Verdict:
        """All files, verified before the report is made. Raises what :func:`write_package` does."""
        box, manifest = self._box, self.manifest
        box.stream(entries_file(manifest.stream), self._entries(), packed=True)
        media = tuple(self._media())
        self._bindings = bind(self._source, self._request.stream_id, self._part, self._bindings.rows)
        self._writer._warnings += self._bindings.warnings
        logs = self._binding_files()
        self._statements()
        self._pictures()
        manifest = replace(
            manifest,
            first_leaf=self._first_leaf,
            last_leaf=self._last_leaf,
            media=media,
            unproven=self._bindings.unproven,
            logs=logs,
        )
        box.add(README, readme(replace(manifest, derived=(*self._derived, REPORT_HTML, REPORT_PDF))))
        sums = box.sums()
        verdict = self._verify(replace(manifest, derived=tuple(self._derived), files=tuple(box.rows)))
        self._report(manifest, verdict, sums.sha256)
        self.manifest = replace(manifest, derived=tuple(self._derived), files=tuple(box.rows))
        box.add(MANIFEST, manifest_bytes(self.manifest))
        return verdict

    # ------------------------------------------------------------------------- entries and footage

    def _entries(self) -> Iterator[bytes]:
        before: tuple[Entry, object] | None = None
        for row in self._source.rows(self._request.stream_id, self._part.first, self._part.last):
            entry = self._source.read(row)
            self._first_leaf = self._first_leaf or entry.leaf
            self._last_leaf = entry.leaf
            self._bindings.met(row, entry)
            self._story.entry(entry)
            self._cite(entry)
            if footage_of(entry) is not None:
                chunk = chunk_from_body(entry.stream_id, entry.body)
                chunks = self._chunks.setdefault(chunk.reel, [])
                if entry.seq not in self._gone:
                    chunks.append(chunk)
            before = entry, row
            yield entry.data + b"\n"
        if before is None or before[0].seq != self._part.last:
            raise LedgerError(f"expected the entries {self._part.first} to {self._part.last}, found fewer")
        self._bindings.ended()

    def _media(self) -> Iterator[MediaRow]:
        for reel, chunks in self._chunks.items():
            if not chunks:
                continue
            name = "media/" + reel.split("/", 2)[2]
            init = next((chunk.init_size for chunk in chunks if chunk.init_size), 0)
            size = init + sum(chunk.size for chunk in chunks)
            row = self._box.stream(name, self._bytes(reel, init, chunks), size=size)
            if row.size != size:
                raise LedgerError(f"expected {size} bytes of {reel}, found {row.size}: it was cut off meanwhile")
            yield MediaRow(name, reel)

    def _bytes(self, reel: str, init_size: int, chunks: list[Chunk]) -> Iterator[bytes]:
        shelf = self._source.shelf
        yield from shelf_blocks(shelf, reel, 0, init_size)
        for chunk in chunks:
            yield from shelf_blocks(shelf, reel, chunk.offset, chunk.size)

    def _cite(self, entry: Entry) -> None:
        found = statement_of(entry)
        if found is not None:
            self._cited[found[0]] = None

    def _statements(self) -> None:
        """What was written and scanned to explain interruptions, as it is: the entries keep the digests."""
        for name in self._cited:
            path = self._source.data / name
            if path.is_file() and not path.is_symlink():
                self._box.copy(name, path)
            else:
                self._writer._warnings.append(f"the statement {name} is not there: run `hub verify`")

    # ----------------------------------------------------------------------------- what binds them

    def _binding_files(self) -> tuple[LogRow, ...]:
        bindings, box = self._bindings, self._box
        box.add("entries/context.entries", b"".join(entry.data + b"\n" for entry in bindings.context))
        for entry in bindings.context:
            self._story.entry(entry)
            self._cite(entry)
        for name, text in bindings.proofs():
            box.add(name, text.encode())
        return tuple(self._log_files(log) for log in bindings.logs)

    def _log_files(self, log: LogHeads) -> LogRow:
        folder = f"log/{self._bindings.folder(log.origin)}"
        heads, anchors = [], []
        for head in log.heads:
            size = head.checkpoint.size
            name = f"{folder}/{size}.checkpoint"
            self._box.add(name, head.note.encode())
            proof = ""
            if head is not log.heads[0]:
                proof = f"{folder}/{size}.consistency"
                self._box.add(proof, self._bindings.consistency(log, head).encode())
            heads.append(HeadRow(name, size, proof))
            for number, token in enumerate(head.tokens, 1):
                file = f"{folder}/{size}-{number}.tst"
                self._box.add(file, token.data)
                anchors.append(AnchorRow(file, token.anchor.kind, token.anchor.authority, size))
            anchors += [AnchorRow(name, one.kind, one.authority, size) for one in head.cosignatures]
        keys = f"{folder}/vkeys"
        self._box.add(keys, "".join(f"{key}\n" for key in log.keys).encode())
        return LogRow(log.origin, keys, tuple(heads), tuple(anchors))

    # ------------------------------------------------------------------------------ for people

    def _pictures(self) -> None:
        from hub.evidence.pictures import make_movie, make_still

        chunks = [chunk for own in self._chunks.values() for chunk in own]
        chunks.sort(key=lambda chunk: chunk.first_us)
        if not chunks:
            return
        still = make_still(self._source.shelf, chunks)
        self._story.still = still
        if still.jpeg is not None:
            self._derived.append(self._box.add(STILL, still.jpeg, packed=False).name)
        if not self._request.movie:
            return
        with TemporaryDirectory(prefix=".movie-", dir=self._writer._out.parent) as folder:
            try:
                files = make_movie(
                    self._source.shelf,
                    chunks,
                    Path(folder) / MOVIE,
                    self.manifest,
                    self._last_leaf,
                    self._writer._cancelled,
                )
            except HubError as error:
                self._writer._warnings.append(f"no playable copy could be made: {error}")
                return
            for path in files:
                row = self._box.copy(path.name, path)
                self._derived.append(row.name)
                path.unlink()

    def _verify(self, manifest: Manifest) -> Verdict:
        verdict = Verdict(self._writer._out.name)
        options = replace(self._writer._believed, progress=lambda _done, _total: self._written_again())
        verify_container(ZipContainer(self._box.archive), verdict, options, manifest=manifest_bytes(manifest))
        if verdict.first is not None:
            self._writer._warnings.append(f"the package is not whole: {verdict.first}")
        return verdict

    def _written_again(self) -> None:
        if self._writer._cancelled():
            raise Cancelled

    def _report(self, manifest: Manifest, verdict: Verdict, digest: str) -> None:
        rows = tuple(self._box.rows)
        try:
            waited_us = longest_unanchored_us(self._source, *manifest.given, manifest.made_us)
            html, pdf = make_report(
                manifest, rows, self._part, self._story, self._bindings.logs, verdict, digest, waited_us
            )
        except HubError as error:
            self._writer._warnings.append(f"no report could be made: {error}")
            return
        self._box.add(REPORT_HTML, html)
        self._box.add(REPORT_PDF, pdf)
        self._derived += [REPORT_HTML, REPORT_PDF]
