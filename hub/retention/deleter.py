"""The lawful end of footage: ``tombstone`` → signed (and anchored) → bytes deleted → ``deleted``.

Each step can be the last before a crash, and the next start goes on from the entries and the files alone:

=========================  ==========================================  ===========================================
stopped after              what there is                               what the next start does
=========================  ==========================================  ===========================================
the tombstone was made     an entry that may not be durable            nothing; or as below
it is durable              a tombstone, all bytes                      waits until it is signed, deletes
some reels were removed    a tombstone, fewer reels                    says of those that they were absent, goes on
all were removed           a tombstone, no reel                        says that they were absent
``deleted`` is durable     both entries                                nothing
=========================  ==========================================  ===========================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from hub.clock import US_PER_S, Clock
from hub.ledger.deletions import TombstonedReel
from hub.ledger.entries import Entry, EntryType, JsonValue
from hub.ledger.retained import ReelRow, Retained, Standing
from hub.ledger.seam import EntryMade
from hub.metrics import DELETED_BYTES
from hub.retention.beside import Beside, FindBeside
from hub.retention.files import Files, Kept

Tell = Callable[[str, Mapping[str, JsonValue]], None]
"""``tell(type, data)``: an event."""
_log = structlog.get_logger(__name__)


class Ledger(Protocol):
    """Of :class:`hub.ledger.ledger.Ledger`, what retention needs."""

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> EntryMade: ...  # noqa: A002
    def next_run(self, stream_id: str) -> int: ...
    async def committed(self) -> None: ...
    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None: ...


@dataclass(frozen=True, slots=True)
class Reason:
    """What a tombstone says of itself: under which rule, and who approved (the rule itself, or a person)."""

    rule: str
    class_name: str
    kept_days: int
    approved_by: str


@dataclass(frozen=True, slots=True)
class _Removed:
    gone: tuple[str, ...]
    """Removed just now."""
    absent: tuple[str, ...]
    problem: str


class Deleter:
    """``kept_by(stream, from, to)`` says what forbids a deletion at this moment; empty: nothing. ``moving`` is held
    while bytes are removed and until the entry that says so is made: who places a hold waits for it, so that the chain
    tells in its order what came first."""

    def __init__(
        self,
        data: Path,
        ledger: Ledger,
        retained: Retained,
        clock: Clock,
        files: Files,
        kept_by: Callable[[str, int, int], str],
        tell: Tell,
        beside: FindBeside,
    ) -> None:
        self._data = data
        self._ledger = ledger
        self._retained = retained
        self._clock = clock
        self._files = files
        self._kept_by = kept_by
        self._tell = tell
        self._beside = beside
        self.moving = asyncio.Lock()
        self.missing: dict[str, str] = {}
        """Reels that are not as the entries say, and why: never tombstoned, for a tombstone would hide it."""
        self.problem = ""
        self.anchored_size = 0
        """The greatest log size that an outside authority has seen since the start."""

    async def tombstone(self, stream_id: str, reels: Sequence[ReelRow], reason: Reason) -> int:
        """Say of these reels that they are to be deleted; durable when it returns. The bytes that it speaks of."""
        described = await asyncio.to_thread(self._check, reels)
        named = [one for one in described if not self._kept_by(stream_id, one.first_us, one.end_us)]
        if not named:
            return 0
        body: dict[str, JsonValue] = {
            "id": f"{stream_id}-{self._ledger.next_run(stream_id)}",
            "reels": [one.body() for one in named],
            "rule": reason.rule,
            "class": reason.class_name,
            "kept_days": reason.kept_days,
            "approved_by": reason.approved_by,
        }
        self._ledger.append(stream_id, EntryType.TOMBSTONE, body)
        await self._ledger.committed()
        size = sum(one.size for one in named)
        self._tell("footage.tombstoned", {"stream": stream_id, "id": body["id"], "reels": len(named), "bytes": size})
        return size

    def _check(self, reels: Sequence[ReelRow]) -> list[TombstonedReel]:
        """Blocks. Those that are there as the entries say, described."""
        whole = []
        for one in reels:
            try:
                size = self._files.size(self._data / one.reel)
            except OSError as error:  # an archive that is away: no word on whether the reel is there
                self.problem = f"cannot look at footage that is due: {error.strerror or error}"
                continue
            if size == one.size:
                self.missing.pop(one.reel, None)
                whole.append(one)
            elif one.reel not in self.missing:
                found = "no such file" if size is None else f"{size} bytes"
                self.missing[one.reel] = f"expected {one.size} bytes, found {found}"
                _log.error("a reel that was due is not as its entries say", reel=one.reel, why=self.missing[one.reel])
        return self._retained.described(whole)

    # --------------------------------------------------------------------------------- deleting

    async def finish(self, *, wait_anchor_us: int, only_begun: bool = False) -> int:
        """Delete what standing tombstones allow; returns how many bytes still wait. ``only_begun``: only say of reels
        that are gone already that they are: what a start owes before anything else happens."""
        waiting = 0
        for standing in await asyncio.to_thread(self._retained.standing):
            waiting += sum(one.size for one in standing.pending)
            try:
                signed = await asyncio.to_thread(self._retained.signed_size, standing.entry_id)
            except LookupError:
                await self._renew(standing)
                continue
            if signed is None or not (only_begun or self._anchored(standing, signed, wait_anchor_us)):
                continue
            waiting -= await self._delete(standing, signed, only_begun)
        return waiting

    async def _renew(self, standing: Standing) -> None:
        """Its log ended before it was signed, and another was begun: say it again there."""
        self._ledger.append(
            standing.stream_id,
            EntryType.TOMBSTONE,
            {**standing.body, "reels": [one.body() for one in standing.pending]},
        )
        await self._ledger.committed()

    def _anchored(self, standing: Standing, signed: int, wait_anchor_us: int) -> bool:
        """Seen by an outside authority, or waited for long enough. No wait: there is no authority."""
        if wait_anchor_us == 0 or self._clock.now().utc_us - standing.at_us > wait_anchor_us:
            return True
        return self.anchored_size >= signed

    async def _delete(self, standing: Standing, signed: int, only_begun: bool) -> int:
        """One tombstone's footage, in one step; returns how many bytes it no longer waits for."""
        async with self.moving:
            stream_id = standing.stream_id
            kept = {one.reel for one in standing.pending if self._kept_by(stream_id, one.first_us, one.end_us)}
            removed = await asyncio.to_thread(self._remove, standing.pending, kept, only_begun)
            spared = kept - set(removed.absent) if not only_begun else set()
            self.problem = removed.problem
            if not (removed.gone or removed.absent or spared):
                return 0
            done = {*removed.gone, *removed.absent, *spared}
            freed = sum(one.size for one in standing.pending if one.reel in removed.gone)
            beside = [] if only_begun else await self._remove_beside(standing, done - spared)
            body: dict[str, JsonValue] = {
                "id": standing.id,
                "tombstone": standing.leaf,
                "reels": sorted(removed.gone),
                "absent": sorted(removed.absent),
                "kept": sorted(spared),
                "beside": sorted(beside),
                "bytes": freed,
                "signed_size": signed,
                "anchored_size": self.anchored_size,
            }
            self._ledger.append(standing.stream_id, EntryType.DELETED, body)
        await self._ledger.committed()
        DELETED_BYTES.inc(freed)
        data: dict[str, JsonValue] = {"stream": standing.stream_id, "id": standing.id, "kept": len(spared)}
        self._tell("footage.deleted", {**data, "reels": len(removed.gone), "bytes": freed})
        _log.info("footage deleted", stream=standing.stream_id, tombstone=standing.id, reels=len(removed.gone))
        return sum(one.size for one in standing.pending if one.reel in done)

    def _remove(self, reels: Sequence[TombstonedReel], kept: set[str], only_look: bool) -> _Removed:
        """Blocks. Whole reels; what an error leaves is tried again later."""
        gone: list[str] = []
        absent: list[str] = []
        refused = ""
        try:
            for one in reels:
                path = self._data / one.reel
                if self._files.size(path) is None:
                    absent.append(one.reel)
                elif one.reel not in kept and not only_look:
                    try:
                        self._files.remove(path)
                        gone.append(one.reel)
                    except Kept as error:  # the others go; this one waits, and its tombstone stands
                        refused = f"cannot delete: {error}"
            for folder in sorted({(self._data / reel).parent for reel in (*gone, *absent)}):
                self._files.flush_folder(folder)
        except OSError as error:
            _log.error("footage that is due could not be deleted", error=str(error))
            # Not durable for sure: what is gone is found absent at the next try.
            return _Removed((), (), f"cannot delete: {error.strerror or error}")
        return _Removed(tuple(gone), tuple(absent), refused)

    async def _remove_beside(self, standing: Standing, gone: set[str]) -> list[str]:
        """What belongs to footage up to the end of these reels and may go by itself; the names of what went.

        What an error leaves, or a kill before the entry, goes with the next footage of the stream.
        """
        until_us = max((one.end_us for one in standing.pending if one.reel in gone), default=None)
        if until_us is None:
            return []
        try:
            found = await asyncio.to_thread(self._beside, standing.stream_id, until_us)
            free = [one for one in found if not any(self._kept_by(*place) for place in one.places)]
            return await asyncio.to_thread(self._unlink, free)
        except Exception:  # what is beside footage must not hold up the entry about the footage
            _log.exception("what lies beside deleted footage could not be removed; tried again with the next")
            return []

    def _unlink(self, free: Sequence[Beside]) -> list[str]:
        """Blocks. Not what lies within footage that is still there."""
        names = []
        for one in free:
            path = self._data / one.path
            if any(self._retained.any_left(*place) for place in one.places):
                continue
            try:
                if self._files.size(path) is None:
                    continue
                self._files.remove(path)
                self._files.flush_folder(path.parent)
            except OSError as error:
                _log.error("what lies beside deleted footage could not be removed", path=one.path, error=str(error))
                continue
            names.append(one.path)
        return names


def wait_us(hours: float, authorities: bool) -> int:
    """How long a deletion waits for an anchor, in µs; 0 where no authority is configured."""
    return round(hours * 3600 * US_PER_S) if authorities else 0
