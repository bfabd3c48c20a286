"""Anchoring: shows each new checkpoint to the configured authorities, and keeps what they give for it.

One task an authority, so that one that hangs holds up nobody else; recording waits for none of them. What is received
is flushed to disk, then told by an ``anchor`` entry. The tasks look once a second whether something is due, by the
injected clock; that second is the event loop's.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

import structlog

from hub.anchoring.authority import Authority, Received
from hub.anchoring.files import Kept, keep
from hub.anchoring.schedule import US, Rhythm, Schedule
from hub.anchoring.status import LogStatus, Standing
from hub.clock import Clock
from hub.errors import HubError, LedgerError
from hub.ledger.anchors.stored import StoredAnchor, anchor_body, recent_anchors
from hub.ledger.entries import HUB_STREAM, Entry, EntryType, JsonValue
from hub.ledger.files import log_folder
from hub.ledger.notes import parse_checkpoint, parse_note
from hub.ledger.seam import EntryMade
from hub.metrics import ANCHOR_FAILURES, ANCHORED_SIZE, UNANCHORED_SINCE
from hub.settings import Settings

LOOK_S = 1.0
ASK_S = 60.0
"""Whatever an authority's own limits are, an ask ends after this."""
_log = structlog.get_logger(__name__)


class AnchoredLedger(Protocol):
    """What anchoring needs of the ledger."""

    @property
    def signed_us(self) -> int: ...

    def checkpoint(self) -> str: ...
    def append(self, stream_id: str, kind: EntryType, body: Mapping[str, JsonValue], /) -> EntryMade: ...
    async def committed(self) -> None: ...
    def on_commit(self, listener: Callable[[Sequence[Entry]], None], /) -> None: ...


@dataclass
class _Post:
    """One authority that is asked, and how it goes with it."""

    authority: Authority
    schedule: Schedule
    standing: Standing


VISIT_S = 86_400.0
"""A witness that comes by itself (on a stick, from inside a closed network) is expected once a day."""
HEADS = 100
"""Newest checkpoints whose time is remembered, for witnesses that come by themselves with an older one."""


class Anchoring:
    """See the module. Event loop only."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: AnchoredLedger,
        authorities: Sequence[Authority],
        random: Random | None = None,
        *,
        visitors: Sequence[str] = (),
    ) -> None:
        """``visitors``: names of the witnesses that are not asked but come by themselves (:meth:`brought`)."""
        self._data = settings.data
        self._clock = clock
        self._ledger = ledger
        random = random or Random()  # noqa: S311  spreads the asks, guards nothing
        every_s = {"witness": settings.witness_every_s, "timestamp": settings.timestamp_every_s}
        self._posts = [
            _Post(one, Schedule(Rhythm(every_s[one.kind]), random), Standing(one.name, one.kind, every_s[one.kind]))
            for one in authorities
        ]
        self._visitors = [Standing(name, "witness", VISIT_S) for name in visitors]
        self._signed: OrderedDict[int, int] = OrderedDict()
        self._writing = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        ledger.on_commit(self._committed)

    async def start(self) -> None:
        """Learn what was anchored before, and begin. Never fails for want of an authority."""
        now_us = self._clock.now().utc_us
        standings = self._standings()
        for anchor in await asyncio.to_thread(_known, self._data, frozenset(standings)):
            standings[anchor.authority].anchored(anchor.size, anchor.time_us, anchor.signed_us)
        for standing in standings.values():
            standing.began(now_us)
        for post in self._posts:
            self._tasks.append(asyncio.create_task(self._for_ever(post), name=f"anchoring by {post.authority.name}"))
        if self._visitors:
            self._tasks.append(asyncio.create_task(self._visitors_for_ever(), name="anchoring by visitors"))
        if not standings:
            _log.info("no outside witness is configured: the hub alone vouches for the time of its log")

    async def close(self) -> None:
        """Stop asking; what is being written is finished."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()
        async with self._writing:
            pass

    # -------------------------------------------------------------------------------- when

    def soon(self, reason: str) -> None:
        """Something happened that should not wait for the regular ask: an officer's mark, the end of a run. The
        first checkpoint that covers it is shown around. Cheap."""
        if self._posts:
            _log.debug("an anchor is wanted soon", reason=reason)
        head = self._ledger.checkpoint()
        for post in self._posts:
            post.schedule.soon(head)

    def _committed(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            ended = entry.type in (EntryType.CLOSE, EntryType.INTERRUPTION_CLOSE)
            if ended and entry.stream_id != HUB_STREAM:
                self.soon(f"{entry.type.value} of {entry.stream_id}")
                return

    async def _for_ever(self, post: _Post) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self._turn(post)
            except Exception:  # a fault of ours in one turn must not end all later ones
                _log.exception("anchoring failed; it goes on", authority=post.authority.name)
                post.schedule.failed(self._clock.now().mono_us)

    async def turn(self) -> None:
        """What each task does once a second, for all authorities; tests drive it by hand."""
        for post in self._posts:
            await self._turn(post)
        self._look_at_visitors()

    def _look_at_visitors(self) -> None:
        self._see(self._ledger.checkpoint())
        for standing in self._visitors:
            self._tell(standing)

    async def _visitors_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._look_at_visitors()

    async def _turn(self, post: _Post) -> None:
        note = self._ledger.checkpoint()
        self._see(note)
        if post.schedule.due(note, self._clock.now().mono_us):
            signed_us = self._ledger.signed_us
            problem = await self._anchor(post, note, signed_us)
            now = self._clock.now()
            if problem:
                post.schedule.failed(now.mono_us)
                post.standing.failed(problem, now.utc_us)
                ANCHOR_FAILURES.labels(post.authority.name).inc()
            else:
                post.schedule.succeeded(note, now.mono_us)
        self._tell(post.standing)

    # -------------------------------------------------------------------------------- what

    async def _anchor(self, post: _Post, note: str, signed_us: int) -> str:
        """Ask, keep and declare; why not, if not."""
        checkpoint = parse_checkpoint(parse_note(note).text)
        try:
            async with asyncio.timeout(ASK_S):
                received = await post.authority.anchor(note)
        except TimeoutError:
            return f"{post.authority.name} did not answer within {ASK_S:g} s"
        except HubError as error:
            return str(error)
        except Exception as error:
            _log.exception("an authority's client failed", authority=post.authority.name)
            return f"a fault of the hub itself: {error!r}"
        if (received.size, received.root_hex) != (checkpoint.size, checkpoint.root.hex()):
            return f"{post.authority.name}: expected an anchor of size {checkpoint.size}, found {received.size}"
        # Shielded: a stop in between must not leave an entry that speaks of bytes half written.
        work = self._keep(post.standing, received, checkpoint.origin, signed_us)
        return await asyncio.shield(asyncio.ensure_future(work))

    async def brought(self, received: Received) -> None:
        """A cosignature of this log's head that came by itself, checked by the caller. Raises LedgerError where it
        could not be kept."""
        standing = self._standings().get(received.authority)
        if standing is None:
            raise LedgerError(f"expected an anchor of a configured authority, found one of {received.authority}")
        origin = parse_checkpoint(parse_note(self._ledger.checkpoint()).text).origin
        # 0 for a head that is too old to be remembered: no claim about what it covers.
        problem = await self._keep(standing, received, origin, self._signed.get(received.size, 0))
        if problem:
            raise LedgerError(problem)

    def _see(self, note: str) -> None:
        """Remember since when everything is under this head. Only while looked at: a head that came and went between
        two looks is not known."""
        if note:
            self._signed.setdefault(parse_checkpoint(parse_note(note).text).size, self._ledger.signed_us)
            while len(self._signed) > HEADS:
                self._signed.popitem(last=False)

    async def _keep(self, standing: Standing, received: Received, origin: str, signed_us: int) -> str:
        async with self._writing:
            try:
                kept = await asyncio.to_thread(keep, log_folder(self._data, origin), received, self._clock.now().utc_us)
                self._ledger.append(HUB_STREAM, EntryType.ANCHOR, _body(received, kept, signed_us))
                await self._ledger.committed()
            except OSError as error:
                return f"the anchor could not be stored: {error.strerror or error}"
            except LedgerError as error:
                return f"the anchor could not be declared: {error}"
        if received.size >= standing.size:
            standing.anchored(received.size, received.time_us, signed_us)
        return ""

    # ------------------------------------------------------------------------------ how it goes

    def status(self) -> LogStatus:
        """How far the log is anchored, and by whom."""
        note = self._ledger.checkpoint()
        size = parse_checkpoint(parse_note(note).text).size if note else 0
        now_us = self._clock.now().utc_us
        return LogStatus(size, tuple(one.status(size, now_us) for one in self._standings().values()))

    @property
    def anchored_size(self) -> int:
        """The largest size of the log that some authority has anchored; 0: none."""
        return max((one.size for one in self._standings().values()), default=0)

    def _standings(self) -> dict[str, Standing]:
        asked = {post.authority.name: post.standing for post in self._posts}
        return asked | {one.name: one for one in self._visitors}

    def _tell(self, standing: Standing) -> None:
        """Metrics always, a log line once a change."""
        now_us = self._clock.now().utc_us
        note = self._ledger.checkpoint()
        size = parse_checkpoint(parse_note(note).text).size if note else 0
        state, name = standing.status(size, now_us), standing.name
        ANCHORED_SIZE.labels(name).set(state.size)
        UNANCHORED_SINCE.labels(name).set((state.unanchored_since_us or 0) / US)
        changed = standing.changed(state.state)
        if changed == "late":
            _log.warning(
                "the log stands unanchored", authority=name, since_us=state.unanchored_since_us, error=state.error
            )
        elif changed == "ok":
            _log.info("the log is anchored", authority=name, size=state.size)


def _body(received: Received, kept: Kept, signed_us: int) -> dict[str, JsonValue]:
    body: dict[str, JsonValue] = dict(
        anchor_body(received.kind, received.authority, received.size, received.root_hex, received.time_us, signed_us)
    )
    return {**body, "file": kept.file, "offset": kept.offset, "bytes": kept.count, "sha256": kept.sha256}


def _known(data: Path, names: frozenset[str]) -> list[StoredAnchor]:
    """The newest anchor of each authority of these names, as far as the last days tell."""
    found: dict[str, StoredAnchor] = {}
    if names:
        for anchor in recent_anchors(data):
            found.setdefault(anchor.authority, anchor)
            if names <= found.keys():
                break
    return list(found.values())
