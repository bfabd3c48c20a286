"""Footage that devices bring: one file at a time is looked at, placed, and put into the reels of its stream."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from hub.clock import US_PER_S, Clock
from hub.errors import Conflict, HubError, InvalidRequest, MediaError
from hub.footage import nearby
from hub.footage.cutting import TrackIndex, cut, index_tracks
from hub.footage.filling import Filled, Filling, Hole, Plan
from hub.footage.kinds import photo_type, taken_us
from hub.footage.locating import locate
from hub.footage.placing import Interval, Placement, Seen
from hub.footage.reading import FileIndex, Piece, index_files
from hub.footage.receiving import Receiver
from hub.footage.store import Brought, State, Store, with_state
from hub.footage.wire import BAD
from hub.ledger.bodies import close_body
from hub.ledger.entries import Entry, EntryType, JsonValue
from hub.ledger.seam import OpenLedger
from hub.model import Interruption, MediaKind
from hub.segmenter.disk import Disk
from hub.settings import Settings
from hub.shelf import LocalShelf, Shelf

log = structlog.get_logger(__name__)

MAX_RECEIVING = 200
REMEMBERED = 10_000
WHOLE_SLACK_US = 500_000
"""What may be missing of an interruption that is filled: its edges are true within this, and each file's."""
FRAME_US = 40_000
SWEEP_S = 600.0
RETRY_S = 5.0
KEPT = "H.264, H.265, VP8, VP9, AV1; AAC, Opus, G.711, PCM of 16 bits and two channels at most"
_COVERS = frozenset(("mjpeg", "png"))
"""Pictures that stand beside sound, as on a record's cover."""
_FILL = ("fills", "interruption", "from_us", "to_us", "whole", "run")
_KNOWN = (State.RECORDED, State.ATTACHED, State.APART, State.WAITING)
Tell = Callable[[str, Mapping[str, Any]], None]
Away = Callable[[Collection[str]], Awaitable[object]]


async def _nothing_away(_reels: Collection[str]) -> None:
    """Footage stays where it is recorded."""


class Footage:
    """Made by :meth:`open`; :meth:`run` works until cancelled. The store's calls are made in threads. ``away``: brings
    reels to where others find them who lead after this one, before anybody is told that they are recorded."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: OpenLedger,
        disk: Disk,
        store: Store,
        tell: Tell,
        shelf: Shelf | None,
        away: Away,
    ) -> None:
        self._shelf = shelf or LocalShelf(settings.data)
        self._away = away
        self._settings, self._clock, self._ledger, self._disk = settings, clock, ledger, disk
        self.store = store
        self._tell = tell
        self._news = asyncio.Event()
        self._waiters: dict[str, asyncio.Event] = {}
        self._wakes: set[asyncio.Task[None]] = set()
        self.receiver = Receiver(store, round(settings.upload_max_gb * (1 << 30)))
        self._streams: OrderedDict[str, str] = OrderedDict()
        ledger.on_commit(self._committed)

    @classmethod
    async def open(
        cls,
        settings: Settings,
        clock: Clock,
        engine: Engine,
        ledger: OpenLedger,
        disk: Disk,
        tell: Tell,
        *,
        shelf: Shelf | None = None,
        away: Away = _nothing_away,
    ) -> Footage:
        """Runs that a kill cut short are closed, and what they hold is told; files under way are taken up again."""
        footage = cls(settings, clock, ledger, disk, Store(settings, engine), tell, shelf, away)
        await footage._close_runs()
        for one in await asyncio.to_thread(footage.store.list, limit=REMEMBERED):
            footage._streams[one.id] = one.stream
        footage._news.set()
        return footage

    # -------------------------------------------------------------------------------- receiving

    async def create(
        self,
        stream: str,
        size: int,
        *,
        by: str,
        name: str = "",
        kind: str = "",
        claimed_us: int | None = None,
        clock_us: int | None = None,
        clock_error_us: int | None = None,
    ) -> Brought:
        """A file is announced; ``size`` −1: of unknown size; ``clock_error_us``: how far ``claimed_us`` with
        ``clock_us`` may be off, as the sender says. Raises InvalidRequest with code ``too_large``, Unavailable
        with codes ``no_space`` and ``too_many_uploads``."""
        most = round(self._settings.upload_max_gb * (1 << 30))
        if size > most:
            raise InvalidRequest(f"expected a file of at most {most} bytes, found {size} announced", code="too_large")
        receiving = await asyncio.to_thread(self.store.list, states=(State.RECEIVING,), limit=MAX_RECEIVING)
        if len(receiving) >= MAX_RECEIVING:
            raise Conflict(f"{MAX_RECEIVING} files are on their way; try again later", code="too_many_uploads")
        await asyncio.to_thread(self.store.check_room, max(size, 0))
        now_us = self._clock.now().utc_us
        ident = secrets.token_hex(16)
        clean = "".join(letter for letter in name if letter.isprintable())[-200:]
        one = Brought(ident, stream, clean, kind[:20], size, by, claimed_us, clock_us, now_us, now_us)
        if clock_error_us is not None:
            one = replace(one, result={"clock_error_us": clock_error_us})
        await asyncio.to_thread(self.store.add, one)
        self._remember(one)
        return one

    def stream_of(self, ident: str) -> str:
        """The stream of one of the newest files; empty for one that is not known. Never blocks."""
        return self._streams.get(ident, "")

    def _remember(self, one: Brought) -> None:
        self._streams[one.id] = one.stream
        while len(self._streams) > REMEMBERED:
            self._streams.popitem(last=False)

    async def received(self, ident: str) -> Brought:
        """All of its bytes are here: it is durable when this returns, and looked at in its turn."""
        one = await asyncio.to_thread(self.store.get, ident)
        sha256, size = await asyncio.to_thread(self.store.digest, ident)
        one = replace(one, sha256=sha256, size=size, touched_us=self._clock.now().utc_us, state=State.RECEIVED)
        await asyncio.to_thread(self.store.keep, one)
        self._publish(one)
        self._news.set()
        return one

    async def terminate(self, ident: str) -> None:
        """Forgets a file that is on its way. Raises Conflict for one that is here."""
        one = await asyncio.to_thread(self.store.get, ident)
        if one.state is not State.RECEIVING:
            raise Conflict("the file is here already, and stays", code="already_here")
        await asyncio.to_thread(self.store.drop, ident)
        await asyncio.to_thread(self.store.forget, ident)

    async def settled(self, ident: str, seconds: float) -> Brought:
        """As it stands when it was looked at, or after so long."""
        event = self._waiters.setdefault(ident, asyncio.Event())
        try:
            one = await asyncio.to_thread(self.store.get, ident)
            if one.state is State.RECEIVED:
                async with asyncio.timeout(seconds):
                    await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiters.pop(ident, None)
        return await asyncio.to_thread(self.store.get, ident)

    async def assign(self, ident: str, stream: str, from_us: int | None, by: str) -> Brought:
        """Somebody with the right decides where a file belongs that was kept apart: ``from_us`` is hub UTC of its
        first picture; None: where its pictures say, or its own time."""
        one = await asyncio.to_thread(self.store.get, ident)
        if one.state is not State.APART:
            raise Conflict("expected a file that is kept apart", code="not_apart")
        await asyncio.to_thread(self.store.take_back, one, self._shelf)
        facts = {**one.result, "assigned_by": by, "assigned_from_us": from_us}
        one = replace(one, stream=stream, state=State.RECEIVED, code="", message="", result=facts)
        await asyncio.to_thread(self.store.keep, one)
        self._remember(one)
        self._news.set()
        return one

    async def missing(self, stream: str, from_us: int, limit: int) -> list[tuple[Interruption, list[Interval]]]:
        """Interruptions since then that lost media, newest first, each with what of it no footage covers; of one that
        is not over nothing yet."""
        return await asyncio.to_thread(nearby.missing, self._ledger.reader, stream, from_us, limit)

    async def unrecorded(self, stream: str, from_us: int, to_us: int) -> list[Interval]:
        """Where there is no footage at all, live or brought."""
        return await asyncio.to_thread(nearby.unrecorded, self._ledger.reader, stream, from_us, to_us)

    # ------------------------------------------------------------------------------------ work

    async def run(self) -> None:
        """Until cancelled. What was received waits for a database that is away."""
        while True:
            try:
                await self._round()
            except SQLAlchemyError as error:
                log.warning("footage that was brought waits for the database", error=str(error))
                await self._clock.sleep(RETRY_S)
                self._news.set()

    async def _round(self) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), SWEEP_S)
        except TimeoutError:
            await self._sweep()
        self._news.clear()
        for one in await asyncio.to_thread(self.store.list, states=(State.RECEIVED,), oldest=True):
            await self._take(one)

    async def _take(self, one: Brought) -> None:
        try:
            done = await self._work(one)
        except (MediaError, Conflict) as error:
            done = with_state(one, State.APART, error.code, str(error))
        except HubError as error:
            log.error("footage could not be taken", id=one.id, stream=one.stream, error=str(error))
            done = with_state(one, State.FAILED, error.code, str(error))
        except SQLAlchemyError:
            raise
        except Exception:
            log.exception("footage could not be taken", id=one.id, stream=one.stream)
            done = with_state(one, State.FAILED, "internal", "the hub itself failed here; see its log")
        if done.state is State.APART:
            await asyncio.to_thread(self.store.put_apart, done)
        elif done.state in (State.RECORDED, State.DUPLICATE):
            await asyncio.to_thread(self.store.drop, done.id)
        await asyncio.to_thread(self.store.keep, replace(done, touched_us=self._clock.now().utc_us))
        self._publish(done)
        if (event := self._waiters.get(done.id)) is not None:
            event.set()

    async def _work(self, one: Brought) -> Brought:
        before = await asyncio.to_thread(self.store.same, one.stream, one.sha256, _KNOWN)
        if before is not None and before.id != one.id:
            return with_state(one, State.DUPLICATE, "known", f"brought before: {before.id}, {before.state}")
        await asyncio.to_thread(self.store.bring, one, self._shelf)
        head = await asyncio.to_thread(self.store.head, one.id)
        if photo := photo_type(head):
            at_us = one.claimed_us if one.claimed_us is not None else taken_us(head)
            return await self._attach(one, f"photo/{photo}", "photos", at_us)
        pieces: list[Piece] = [(str(self.store.part(one.id)), 0, one.size)]
        (index,) = await index_files([pieces])
        others = {one.removeprefix("video ") for one in index.header.others if one.startswith("video ")} - _COVERS
        lost = index.header.video is None and others  # its sound alone would pass for the whole
        if lost or index.header.main is None or not any(not mark.flags & BAD for mark in index.marks):
            code, why = ("unsupported_media", "a track that can be kept bit for bit: " + KEPT)
            if not index.header.others:
                code, why = "unreadable", "no media that can be read"
            found = ", ".join(index.header.others) or index.problem or "none"
            raise MediaError(f"expected {why}; found {found}", code=code)
        return await self._place(one, index, pieces)

    async def _attach(self, one: Brought, media: str, folder: str, at_us: int | None) -> Brought:
        """Kept as it is, with its digest and time in the ledger."""
        file = await asyncio.to_thread(self.store.move, one, folder)
        body: dict[str, JsonValue] = {
            "media": media,
            "sha256": one.sha256,
            "size": one.size,
            "file": file,
            "at_us": at_us if at_us is not None else one.created_us,
            "at_from": "device" if at_us is not None else "arrival",
            "name": one.name,
            "by": one.by,
        }
        self._ledger.append(one.stream, EntryType.ATTACHMENT, body)
        await self._ledger.committed()
        return with_state(one, State.ATTACHED, "", file, at_us=body["at_us"])

    # ------------------------------------------------------------------------------ where it belongs

    async def _place(self, one: Brought, index: FileIndex, pieces: Sequence[Piece]) -> Brought:
        main = index.header.main
        assert main is not None
        tracks = await asyncio.to_thread(index_tracks, index.header, index.marks)
        own = tracks[main.id]
        seen = [Seen(mark.digest, at) for mark, at in zip(own.marks, own.pts_us, strict=True) if not mark.flags & BAD]
        first_us, last_us = min(at for _, at in seen), max(at for _, at in seen)
        placement = await locate(self._ledger.reader, self._shelf, one, index, seen)
        if index.header.video is None and await asyncio.to_thread(
            nearby.has_pictures, self._ledger.reader, one.stream, first_us + placement.offset_us
        ):
            return await self._attach(one, "sound", "uploads", first_us + placement.offset_us)
        bounds = first_us + placement.offset_us, last_us + placement.offset_us + FRAME_US
        return await self._fill(one, index, tracks, pieces, placement, bounds, first_us)

    # ------------------------------------------------------------------------------ what it fills

    async def _fill(
        self,
        one: Brought,
        index: FileIndex,
        tracks: Mapping[int, TrackIndex],
        pieces: Sequence[Piece],
        placement: Placement,
        bounds: tuple[int, int],
        first_us: int,
    ) -> Brought:
        reader = self._ledger.reader
        cuts = await asyncio.to_thread(nearby.cuts_near, reader, one.stream, *bounds)
        ended = [cut for cut in cuts if cut.ended_us is not None]
        claimed_us = one.claimed_us if one.claimed_us is not None else index.header.created_us
        device_offset = None if claimed_us is None else claimed_us - first_us
        fills: list[dict[str, Any]] = []
        for cut_ in sorted(ended, key=lambda each: each.started_us):
            fills += await asyncio.to_thread(self._entered, cut_.id, one.sha256)
            holes = await asyncio.to_thread(nearby.holes_in, reader, cut_, *bounds)
            planned = [hole for bounds_ in holes if (hole := _hole(tracks, bounds_, placement.offset_us))]
            if not planned:
                continue
            plan = Plan(
                one.stream, pieces, index.header, tracks, placement.offset_us, device_offset, one.by, one.name,
                {"file_sha256": one.sha256, "interruption": cut_.id},
            )  # fmt: skip
            facts = self._facts(one, placement, first_us + placement.offset_us, claimed_us)
            noted = {"under_way": {"interruption": cut_.id, "facts": facts}}
            await asyncio.to_thread(self.store.keep, replace(one, result={**one.result, **noted}))
            filling = Filling(self._settings, self._clock, self._ledger, self._disk, plan)
            try:
                await filling.fill(planned)
            finally:
                if filling.filled.spans:
                    fills.append(await self._enter(cut_, filling.filled, facts))
                    await self._away(filling.filled.reels)
                elif filling.filled.run:
                    self._ledger.append(one.stream, EntryType.CLOSE, close_body("uploaded", run=filling.filled.run))
        facts_told = {
            "fills": fills, "method": placement.method, "offset_us": placement.offset_us,
            "edge_error_us": placement.edge_error_us, "problem": index.problem,
        }  # fmt: skip
        if len(ended) < len(cuts):
            return with_state(one, State.WAITING, "still_open", "the interruption is not over yet", **facts_told)
        if not fills:
            why = "all of its time is recorded already" if cuts else "no interruption of the stream lies in its time"
            code = "nothing_missing" if cuts else "no_interruption"
            return with_state(one, State.APART, code, f"{why}; it is kept apart", **facts_told)
        if index.header.others or index.header.tagged:
            await asyncio.to_thread(self.store.move, one, "uploads")
        return with_state(one, State.RECORDED, "", index.problem, **facts_told)

    def _facts(self, one: Brought, placement: Placement, from_us: int, claimed_us: int | None) -> dict[str, JsonValue]:
        claimed = from_us if claimed_us is None else claimed_us
        return {
            "file_sha256": one.sha256,
            "size": one.size,
            "name": one.name,
            "by": one.by,
            "claimed_from_us": claimed,
            "offset_us": from_us - claimed,
            "edge_error_us": placement.edge_error_us + FRAME_US,
            "method": placement.method,
            "matches": placement.matches,
        }

    async def _enter(self, cut_: Interruption, filled: Filled, facts: Mapping[str, JsonValue]) -> dict[str, Any]:
        """The ``backfill`` entry of a run, once its chunks are in the ledger; its times are what it brought. The run
        ends with it."""
        await self._ledger.committed()
        reader = self._ledger.reader
        leaf = await asyncio.to_thread(reader.opened, cut_.id)
        begin, end = min(span[0] for span in filled.spans), max(span[1] for span in filled.spans)
        assert cut_.ended_us is not None
        rest = await asyncio.to_thread(nearby.holes_in, reader, cut_, cut_.started_us, cut_.ended_us)
        slack = WHOLE_SLACK_US + cut_.edge_error_us
        whole = all(high - low <= slack for low, high in rest)
        told: dict[str, JsonValue] = {
            "fills": leaf or "",
            "interruption": cut_.id,
            "from_us": max(begin, cut_.started_us),
            "to_us": min(end, cut_.ended_us),
            "whole": whole,
            "run": filled.run,
        }
        self._ledger.append(cut_.stream_id, EntryType.BACKFILL, {**told, **facts})
        self._ledger.append(cut_.stream_id, EntryType.CLOSE, close_body("uploaded", run=filled.run))
        await self._ledger.committed()
        self._tell("footage.filled", {"stream": cut_.stream_id, **told})
        return dict(told)

    # ---------------------------------------------------------------------------------- the hub's life

    def _committed(self, entries: Sequence[Entry]) -> None:
        """An interruption that is over at last may be one that a file waits for."""
        if any(entry.type is EntryType.INTERRUPTION_CLOSE for entry in entries):
            streams = {entry.stream_id for entry in entries if entry.type is EntryType.INTERRUPTION_CLOSE}
            task = asyncio.get_running_loop().create_task(self._wake(streams))
            self._wakes.add(task)
            task.add_done_callback(self._wakes.discard)

    async def _wake(self, streams: set[str]) -> None:
        for stream in streams:
            for one in await asyncio.to_thread(self.store.list, stream=stream, states=(State.WAITING,)):
                await asyncio.to_thread(self.store.keep, replace(one, state=State.RECEIVED))
                self._news.set()

    async def _close_runs(self) -> None:
        for one in await asyncio.to_thread(self.store.list, states=(State.FAILED, State.WAITING)):
            await asyncio.to_thread(self.store.keep, replace(one, state=State.RECEIVED))
        for stream, runs in (await asyncio.to_thread(self._ledger.reader.uploads_open)).items():
            for run, span in runs.items():
                if span is None or not await self._tell_of_run(stream, run):
                    self._ledger.append(stream, EntryType.CLOSE, close_body("hub ended", run=run))
        await self._ledger.committed()

    def _entered(self, interruption: str, sha256: str) -> list[dict[str, Any]]:
        """What a file filled of an interruption before, as the ledger has it: a kill forgets nothing of it. Blocks."""
        bodies = self._ledger.reader.backfills(interruption)
        return [{name: body[name] for name in _FILL} for body in bodies if body["file_sha256"] == sha256]

    async def _tell_of_run(self, stream: str, run: int) -> bool:
        """What a run brought before the hub was killed: nothing lies in the reels that no ``backfill`` cites. Whether
        the run is over with it."""
        rows = await asyncio.to_thread(self.store.list, stream=stream, states=(State.RECEIVED,))
        one = next((row for row in rows if "under_way" in row.result), None)
        if one is None:
            return False
        under_way, reader = one.result["under_way"], self._ledger.reader
        cut_ = await asyncio.to_thread(reader.interruption, under_way["interruption"])
        if cut_ is None or cut_.ended_us is None:
            return False
        entered = await asyncio.to_thread(self._entered, cut_.id, one.sha256)
        if any(body["run"] == run for body in entered):
            return False
        bounds = cut_.started_us - US_PER_S, cut_.ended_us + US_PER_S
        chunks = await asyncio.to_thread(reader.chunks, stream, *bounds, nearby.MOST_COVERING)
        spans = [(chunk.first_us, chunk.end_us) for chunk in chunks if chunk.run == run]
        if spans:
            await self._enter(cut_, Filled(run, spans), under_way["facts"])
        return bool(spans)

    async def _sweep(self) -> None:
        """Uploads that nobody goes on with are let go."""
        before_us = self._clock.now().utc_us - round(self._settings.upload_days * 86_400 * US_PER_S)
        for one in await asyncio.to_thread(self.store.list, states=(State.RECEIVING,)):
            if one.touched_us < before_us:
                await asyncio.to_thread(self.store.drop, one.id)
                await asyncio.to_thread(self.store.forget, one.id)

    def _publish(self, one: Brought) -> None:
        log.info("footage", id=one.id, stream=one.stream, state=one.state.value, code=one.code, bytes=one.size)
        self._tell(f"footage.{one.state.value}", one.json())


def _hole(tracks: Mapping[int, TrackIndex], hole: Interval, offset_us: int) -> Hole | None:
    """What of the file goes into a hole; nothing where the file has pictures, and none for it."""
    found = {ident: cut(index, hole[0] - offset_us, hole[1] - offset_us) for ident, index in tracks.items()}
    cuts = {ident: one for ident, one in found.items() if one is not None}
    pictures = [ident for ident, index in tracks.items() if index.track.codec.kind is MediaKind.VIDEO]
    if not cuts or (pictures and not any(ident in cuts for ident in pictures)):
        return None
    return Hole(*hole, cuts)
