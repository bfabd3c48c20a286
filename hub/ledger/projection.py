"""What a batch of entries changes in the database, computed before anything is written. Pure.

One :class:`Batch` is one transaction. Streams' states are copied when first touched and taken over by
the index only after the commit, so that a transaction that failed leaves nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from hub.ledger.bodies import HANDED_OVER, HUB_STOPPED, INTERRUPTION_TYPES, UPLOAD, interruption_from_body
from hub.ledger.entries import HUB_STREAM, Entry, EntryType, is_footage
from hub.ledger.store import Placed
from hub.model import InterruptionClass, InterruptionKind

SPAN_JOIN_US = 250_000
"""Chunks less than this apart are one span. Capture times wander by some milliseconds when a sender
report corrects them; what is missing for longer is an interruption and shows as a gap."""

Row = dict[str, Any]
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class StreamState:
    """A stream as of its newest entry in the database."""

    stream: str
    seq: int = -1
    leaf: bytes = bytes(32)
    epoch: int = 0
    t_hub_us: int = 0
    run: int = 0
    run_open: bool = False
    recorded_until_us: int | None = None
    interruption_id: str | None = None
    span_id: int | None = None
    span_from_us: int = 0
    span_to_us: int = 0
    upload_runs: str | None = None
    """JSON: of each run that is uploaded at the moment where it begins, and its newest span: ``[begin_us, id,
    from_us, to_us]``, id 0 as long as there is none."""

    @property
    def uploads(self) -> dict[str, list[int]]:
        return dict(json.loads(self.upload_runs)) if self.upload_runs else {}

    def keep_uploads(self, uploads: dict[str, list[int]]) -> None:
        self.upload_runs = json.dumps(uploads, separators=(",", ":")) if uploads else None

    def row(self) -> Row:
        return {
            "stream": self.stream,
            "seq": self.seq,
            "leaf": self.leaf,
            "epoch": self.epoch,
            "t_hub_us": self.t_hub_us,
            "run": self.run,
            "run_open": self.run_open,
            "recorded_until_us": self.recorded_until_us,
            "interruption_id": self.interruption_id,
            "span_id": self.span_id,
            "upload_runs": self.upload_runs,
        }


@dataclass(slots=True)
class Reel:
    """A reel as far as entries speak of it."""

    id: int
    size: int


@dataclass(slots=True)
class Ids:
    """The next free numbers of rows that the index numbers itself."""

    file: int = 1
    reel: int = 1
    span: int = 1


@dataclass
class Batch:
    """Rows of one transaction. ``find_…`` look up what earlier transactions wrote."""

    states: dict[str, StreamState]
    ids: Ids
    find_file: Callable[[str], int | None]
    find_reel: Callable[[str], Reel | None]
    find_spans: Callable[[str, int], list[tuple[int, int, int]]]
    """Of a stream, as it came, begun until then: id, from, to; the newest of them, newest first."""
    entries: list[Row] = field(default_factory=list)
    unflushed: list[Row] = field(default_factory=list)
    changed: dict[str, StreamState] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    file_rows: dict[str, Row] = field(default_factory=dict)
    reels: dict[str, Reel] = field(default_factory=dict)
    reel_rows: dict[str, Row] = field(default_factory=dict)
    chunks: list[Row] = field(default_factory=list)
    spans: dict[int, Row] = field(default_factory=dict)
    interruptions: dict[str, Row] = field(default_factory=dict)
    holds: list[Row] = field(default_factory=list)
    tombstones: list[Row] = field(default_factory=list)
    gone: dict[str, Row] = field(default_factory=dict)
    told: list[Row] = field(default_factory=list)
    telemetry: list[Row] = field(default_factory=list)
    calendars: list[Row] = field(default_factory=list)
    labels: list[Row] = field(default_factory=list)
    access: list[Row] = field(default_factory=list)
    inspections: list[Row] = field(default_factory=list)
    gone_states: dict[str, str] = field(default_factory=dict)

    def add(self, placed: Placed, entry_id: int, keep_bytes: bool) -> None:
        """One more entry. Entries of a stream come in the order of their chain."""
        entry = placed.entry
        leaf = bytes.fromhex(entry.leaf)
        self.entries.append(
            {
                "id": entry_id,
                "stream": entry.stream_id,
                "seq": entry.seq,
                "type": entry.type.value,
                "leaf": leaf,
                "t_hub_us": entry.t_hub_us,
                "file_id": self._file(placed),
                "offset": placed.offset,
                "size": len(entry.data),
            }
        )
        if keep_bytes:
            self.unflushed.append({"entry_id": entry_id, "data": entry.data})
        state = self._state(entry.stream_id)
        state.seq, state.leaf, state.epoch, state.t_hub_us = entry.seq, leaf, entry.epoch, entry.t_hub_us
        try:
            self._project(entry, state, entry_id, leaf)
        except (KeyError, TypeError, ValueError):
            # An entry of a later hub's making stays an entry; what it means is for that hub to show.
            _log.exception("an entry could not be shown in the database", stream=entry.stream_id, seq=entry.seq)

    def _state(self, stream: str) -> StreamState:
        state = self.changed.get(stream)
        if state is None:
            known = self.states.get(stream)
            state = self.changed[stream] = StreamState(stream) if known is None else replace(known)
        return state

    def _file(self, placed: Placed) -> int:
        path = placed.path
        file_id = self.files.get(path) or self.find_file(path)
        if file_id is None:
            file_id, self.ids.file = self.ids.file, self.ids.file + 1
        self.files[path] = file_id
        self.file_rows[path] = {"id": file_id, "path": path, "size": placed.end}
        return file_id

    def _project(self, entry: Entry, state: StreamState, entry_id: int, leaf: bytes) -> None:
        kind, body = entry.type, entry.body
        if is_footage(kind, body):
            self._footage(state, body, entry_id, late=kind is EntryType.RECOVERY and body["run"] < state.run)
        elif kind is EntryType.OPEN:
            self._open(state, body)
        elif kind is EntryType.CLOSE and entry.stream_id != HUB_STREAM:
            self._close(state, body)
        elif kind in INTERRUPTION_TYPES:
            self._interruption(entry, state, leaf)
            self._tell(entry, entry_id, leaf, body["id"])
        elif kind in (EntryType.EXPLANATION, EntryType.BACKFILL):
            self._tell(entry, entry_id, leaf, str(body.get("interruption", "")))
        elif kind in (EntryType.HOLD, EntryType.TOMBSTONE, EntryType.DELETED):
            self._retention(entry, entry_id, leaf)
        elif kind is EntryType.TELEMETRY:
            row = {"entry_id": entry_id, "stream": entry.stream_id, "t_hub_us": entry.t_hub_us}
            row |= {"kind": body["kind"], "ident": body["id"], "body": json.dumps(dict(body), separators=(",", ":"))}
            self.telemetry.append(row)
        elif kind is EntryType.ACCESS:
            self._access(entry, entry_id, leaf)
        elif kind is EntryType.CALENDAR and entry.stream_id == HUB_STREAM:
            text = json.dumps(dict(body), separators=(",", ":"))
            row = {"entry_id": entry_id, "seq": entry.seq, "t_hub_us": entry.t_hub_us, "body": text}
            self.calendars.append(row)
        elif kind is EntryType.INSPECTION and entry.stream_id == HUB_STREAM:
            row = {"entry_id": entry_id, "seq": entry.seq, "leaf": leaf, "t_hub_us": entry.t_hub_us}
            row["body"] = json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"))
            self.inspections.append(row)
        elif kind is EntryType.LABEL:
            row = {"entry_id": entry_id, "stream": entry.stream_id, "t_hub_us": entry.t_hub_us}
            self.labels.append(row | {"body": json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"))})

    def _access(self, entry: Entry, entry_id: int, leaf: bytes) -> None:
        row: Row = {"entry_id": entry_id, "stream": entry.stream_id, "seq": entry.seq, "leaf": leaf}
        row |= {"t_hub_us": entry.t_hub_us, "by": entry.body["by"], "what": entry.body["what"]}
        row["body"] = json.dumps(dict(entry.body), ensure_ascii=False, separators=(",", ":"))
        self.access.append(row)

    def _tell(self, entry: Entry, entry_id: int, leaf: bytes, interruption: str) -> None:
        self.told.append(
            {
                "entry_id": entry_id,
                "stream": entry.stream_id,
                "seq": entry.seq,
                "leaf": leaf,
                "type": entry.type.value,
                "t_hub_us": entry.t_hub_us,
                "interruption": interruption,
                "body": json.dumps(dict(entry.body), separators=(",", ":")),
            }
        )

    def _open(self, state: StreamState, body: Any) -> None:
        if body["protocol"] == UPLOAD:
            begin_us = body.get("from_us", state.t_hub_us)
            state.keep_uploads(state.uploads | {str(body["run"]): [begin_us, 0, begin_us, begin_us]})
        else:
            state.run, state.run_open = body["run"], True

    def _close(self, state: StreamState, body: Any) -> None:
        uploads = state.uploads
        run = str(body.get("run"))
        if run in uploads:
            del uploads[run]
            state.keep_uploads(uploads)
        else:
            state.run_open = body["reason"] in (HUB_STOPPED, HANDED_OVER)

    def _retention(self, entry: Entry, entry_id: int, leaf: bytes) -> None:
        body = entry.body
        row: Row = {"entry_id": entry_id, "stream": entry.stream_id, "t_hub_us": entry.t_hub_us}
        row["body"] = json.dumps(dict(body), separators=(",", ":"))
        if entry.type is EntryType.HOLD:
            self.holds.append(row)
        elif entry.type is EntryType.TOMBSTONE:
            self.tombstones.append({**row, "leaf": leaf, "seq": entry.seq})
            for reel in body["reels"]:
                self.gone_states.pop(reel["reel"], None)
                self.gone[reel["reel"]] = {
                    "reel": reel["reel"],
                    "stream": entry.stream_id,
                    "tombstone": leaf,
                    "first_us": reel["first_us"],
                    "end_us": reel["end_us"],
                    "state": "tombstoned",
                }
        else:
            self.gone_states |= dict.fromkeys((*body["reels"], *body["absent"]), "deleted")
            self.gone_states |= dict.fromkeys(body["kept"], "kept")

    def _footage(self, state: StreamState, body: Any, entry_id: int, *, late: bool) -> None:
        reel = self._reel(state.stream, body)
        first_us, end_us = body["first_us"], body["end_us"]
        self.chunks.append(
            {
                "entry_id": entry_id,
                "stream": state.stream,
                "reel_id": reel.id,
                "offset": body["offset"],
                "size": body["size"],
                "sha256": body["sha256"],
                "first_us": first_us,
                "end_us": end_us,
                "device_us": body.get("device_us"),
                "tracks": json.dumps(body["tracks"], separators=(",", ":")),
                "reason": body["reason"],
            }
        )
        if str(body["run"]) in state.uploads:
            self._uploaded_span(state, body)
            return
        state.recorded_until_us = max(end_us, state.recorded_until_us or 0)
        if late:
            self._late_span(state, first_us, end_us)
            return
        state.run = max(state.run, body["run"])
        if state.span_id is not None and state.span_from_us <= first_us <= state.span_to_us + SPAN_JOIN_US:
            state.span_to_us = max(state.span_to_us, end_us)
        else:
            state.span_id, self.ids.span = self.ids.span, self.ids.span + 1
            state.span_from_us, state.span_to_us = first_us, end_us
        self.spans[state.span_id] = {
            "id": state.span_id,
            "stream": state.stream,
            "from_us": state.span_from_us,
            "to_us": state.span_to_us,
            "origin": None,
        }

    def _late_span(self, state: StreamState, first_us: int, end_us: int) -> None:
        """What an older run recorded, and a node that was away told of only now. Only what no span covers yet becomes
        one: spans that lie in each other could not be found by where they begin."""
        known = {ident: (begin, end) for ident, begin, end in self.find_spans(state.stream, end_us)}
        own = [one for one in self.spans.values() if one["stream"] == state.stream and one["origin"] is None]
        known |= {one["id"]: (one["from_us"], one["to_us"]) for one in own}
        at_us = first_us
        for begin, end in sorted(known.values()):
            if end <= at_us or begin >= end_us:
                continue
            if begin > at_us:
                self._fill(state, known, at_us, begin)
            at_us = max(at_us, end)
        if at_us < end_us:
            self._fill(state, known, at_us, end_us)

    def _fill(self, state: StreamState, known: dict[int, tuple[int, int]], from_us: int, to_us: int) -> None:
        """A span of its own, or the rest of the one that ends where it begins; never of the one that still grows."""
        joins = (
            (ident, begin)
            for ident, (begin, end) in known.items()
            if ident != state.span_id and begin <= from_us and end <= from_us <= end + SPAN_JOIN_US
        )
        ident, begin = next(joins, (self.ids.span, from_us))
        self.ids.span += ident == self.ids.span
        self.spans[ident] = {"id": ident, "stream": state.stream, "from_us": begin, "to_us": to_us, "origin": None}

    def _uploaded_span(self, state: StreamState, body: Any) -> None:
        """Brought later: it says nothing of until when the stream was recorded, and joins no span of it."""
        uploads, run = state.uploads, str(body["run"])
        begin_us, ident, from_us, to_us = uploads[run]
        if not ident or not from_us <= body["first_us"] <= to_us + SPAN_JOIN_US:
            ident, self.ids.span = self.ids.span, self.ids.span + 1
            from_us = to_us = body["first_us"]
        to_us = max(to_us, body["end_us"])
        state.keep_uploads(uploads | {run: [begin_us, ident, from_us, to_us]})
        row = {"id": ident, "stream": state.stream, "from_us": from_us, "to_us": to_us, "origin": UPLOAD}
        self.spans[ident] = row

    def _reel(self, stream: str, body: Any) -> Reel:
        path = body["reel"]
        reel = self.reels.get(path)
        if reel is None:
            known = self.find_reel(path)
            if known is None:
                reel, self.ids.reel = Reel(self.ids.reel, 0), self.ids.reel + 1
            else:
                reel = replace(known)
            self.reels[path] = reel
        reel.size = max(reel.size, body["offset"] + body["size"])
        self.reel_rows[path] = {
            "id": reel.id,
            "stream": stream,
            "path": path,
            "run": body["run"],
            "init_size": body["init_size"],
            "init_sha256": body["init_sha256"],
            "size": reel.size,
        }
        return reel

    def _interruption(self, entry: Entry, state: StreamState, leaf: bytes) -> None:
        interruption = interruption_from_body(entry.stream_id, entry.type, entry.body)
        if entry.type is EntryType.INTERRUPTION_OPEN:
            if breaks_off(interruption.kind):  # the others stand beside it
                state.interruption_id = interruption.id
        elif state.interruption_id == interruption.id:
            state.interruption_id = None
        first = self.interruptions.get(interruption.id)
        self.interruptions[interruption.id] = {
            "id": interruption.id,
            "stream": entry.stream_id,
            "kind": interruption.kind.value,
            "state": interruption.state.value,
            "started_us": interruption.started_us,
            "ended_us": interruption.ended_us,
            "body": json.dumps(dict(entry.body), separators=(",", ":")),
            "type": entry.type.value,
            "leaf": leaf if first is None else first["leaf"],
        }


def breaks_off(kind: InterruptionKind) -> bool:
    """Whether it is a break of the recording itself, which the detector takes up again after a restart."""
    return kind.loses_media and kind.interruption_class is not InterruptionClass.CONTENT
