"""Does what :mod:`hub.cluster.owners` decides: claims streams, lets go of them, gives them away, drains a node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, Protocol, TypeVar

import structlog

from hub import metrics
from hub.clock import US_PER_S, Clock
from hub.cluster.leases import Member, Members
from hub.cluster.owners import Chains, Claimed, Owner, Steps, View, decide
from hub.cluster.pause import pause
from hub.errors import Unavailable

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
"""The table of owners is read at once when a node comes or goes or orders changed; else this often."""
SETTLED_LEASES = 5
"""A node that flickers is given nothing: moving a stream costs more than an uneven load for ten seconds."""
ANSWER_S = 5.0
"""Whoever waits for PostgreSQL is told after this that it is away. Should it have taken a claim all the same, the
stream is this node's by the table, and is claimed anew: that is how a restarted node finds its streams too."""
CLAIMS_AT_ONCE = 8
CLAIMED_TOGETHER = 64
"""In one transaction. What a dead node recorded is nobody's until then, so it is not taken one by one."""
GIVES_AT_ONCE = 8
"""On their way from this node, whether it drains or loads are evened out: each is for seconds received twice."""
STAYS_S = 600.0
"""A stream that could not be handed over is not tried again for this long, unless this node drains."""
AGAIN_S = 2.0
"""… and one of which nobody knows why, for this long. Where the other node missed the moment (:class:`Missed`), twice
as long each time."""
MISSES = 3
"""After so many of them a node that drains gives a stream away with a hole."""
FACTS_FIRST_S = 10.0
"""A restarted node's streams wait so long for its outbox, from when PostgreSQL answers: for some 40 000 facts."""
STARTS = "ingest"
"""The role of nodes that record."""

T = TypeVar("T")
C = TypeVar("C", bound=Claimed)
C_co = TypeVar("C_co", bound=Claimed, covariant=True)


class Follows(Exception):
    """A stream cannot be handed over, because its recorder is at that node and gone from here."""

    def __init__(self, node: str) -> None:
        super().__init__(f"the recorder is at {node}")
        self.node = node


class Missed(Exception):
    """A stream was not handed over, because the other node, or the way of the media to it, was too slow for a moment.
    All is as before, and it may succeed the next time."""


class ChainsOf(Chains, Protocol[C_co]):
    """The chains, with what they say of a stream that was claimed."""

    async def claim(self, stream_id: str, known_epoch: int) -> C_co | None: ...

    async def claim_free(self, wanted: Mapping[str, int]) -> Mapping[str, C_co]:
        """Take many at once, with the epochs that are known: those that nobody else took or is busy with just now."""
        ...


@dataclass(frozen=True, slots=True)
class Doings(Generic[C]):
    """What follows, by stream. ``taken`` begins a pipeline; ``lost`` ends one whose epoch is over: nothing that it
    writes counts any more. ``ended`` ends one in order, with everything committed, before it is given away.
    ``hand_over`` moves a stream to another node without a hole and returns whether it did; what cannot be moved so
    stays here, unless this node drains, or it raises Follows: then, as where there is no ``hand_over``, it is ended
    here and begun there. Where it raises Missed it is asked again in a while."""

    taken: Callable[[str, C], Awaitable[None]]
    lost: Callable[[str], Awaitable[None]]
    ended: Callable[[str], Awaitable[None]]
    hand_over: Callable[[str, Member], Awaitable[bool]] | None = None


class Ownership(Generic[C]):
    """The streams of one node. ``streams``: all that are registered, and whether each may be moved. ``facts_wait``:
    whether what an earlier life of this node said of its streams is not in the database yet."""

    def __init__(
        self,
        clock: Clock,
        members: Members,
        chains: ChainsOf[C],
        streams: Callable[[], Mapping[str, bool]],
        doings: Doings[C],
        *,
        drain_s: float,
        facts_wait: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock = clock
        self._facts_wait = facts_wait
        self._facts_until_us: int | None = None
        self._members = members
        self._chains = chains
        self._streams = streams
        self._doings = doings
        self._drain_us = round(drain_s * US_PER_S)
        self._held: dict[str, int] = {}
        self._stays: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        """How often, in a row."""
        self._looking = asyncio.Lock()
        self._locks: dict[str, asyncio.Lock] = {}
        self._giving: dict[str, asyncio.Task[None]] = {}
        self._nudged = asyncio.Event()
        self._drained = asyncio.Event()
        self.problem = ""
        """Why nothing can change hands; empty: it can."""

    # ------------------------------------------------------------------------------------- asked

    def epoch(self, stream_id: str) -> int | None:
        """With which epoch this node owns a stream; None: it does not."""
        return self._held.get(stream_id)

    def held(self) -> Mapping[str, int]:
        """All of them, with their epochs."""
        return dict(self._held)

    # -------------------------------------------------------------------------------------- told

    def nudge(self) -> None:
        """Orders changed, or a commit said that an epoch is over: look at once."""
        self._nudged.set()

    async def take(self, stream_id: str) -> bool:
        """A recorder pushes to this node: own its stream, whoever did before. False: somebody else was faster.

        Raises Unavailable while that cannot be told, or this node drains.
        """
        if self._members.me.draining:
            raise Unavailable("this node drains; another takes this stream", code="draining")
        async with self._lock(stream_id):
            if stream_id in self._held:
                return True
            if not self._members.held():
                raise Unavailable("this node has no lease now; try again", code="no_lease")
            owner = await self.owner(stream_id)
            return await self._claim(stream_id, 0 if owner is None else owner.epoch)

    async def may_come(self, stream_id: str) -> None:
        """A recorder may be let in whose stream may have to be taken. Raises Unavailable: not here, or not now."""
        if self._members.me.draining:
            raise Unavailable("this node drains; another takes this stream", code="draining")
        if stream_id not in self._held:
            if not self._members.held():
                raise Unavailable("this node has no lease now; try again", code="no_lease")
            await self.owner(stream_id)

    async def owner(self, stream_id: str) -> Owner | None:
        """Whose it is by the table. Raises Unavailable."""
        return (await _in_time(self._chains.owners())).get(stream_id)

    def release(self, stream_id: str, to_node: str) -> bool:
        """Another node has its recorder, and asks for it. False: it is not here."""
        if stream_id not in self._held:
            return False
        if stream_id not in self._giving:
            self._begin_to_give(stream_id, to_node)
        return True

    async def given(self, stream_id: str, epoch: int) -> bool:
        """Another node has given this stream to this one, with that epoch. False: it is not ours by the table.

        The table says so by itself: this only saves waiting for the next look. Raises Unavailable.
        """
        if self._members.me.draining:
            raise Unavailable("this node drains; another takes this stream", code="draining")
        async with self._lock(stream_id):
            if stream_id in self._held:
                return True
            owner = await self.owner(stream_id)
            return owner == Owner(self._members.me.name, epoch) and await self._claim(stream_id, epoch)

    # -------------------------------------------------------------------------------------- doing

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._run()
        finally:
            for task in self._giving.values():
                task.cancel()

    async def _run(self) -> None:
        while True:
            self._nudged.clear()
            self._members.news.clear()
            try:
                await self.look()
            except Exception:
                log.exception("who owns what could not be looked at; it is tried again")
            await pause(self._clock, LOOK_EVERY_S, self._nudged, self._members.news)

    async def look(self) -> Steps:
        """See what all see, decide, and do it. Nothing changes hands while PostgreSQL is away."""
        async with self._looking:
            try:
                view = await self._view()
            except Unavailable as error:
                self.problem = f"PostgreSQL does not say who owns what: {error}"
                return Steps()
            self.problem = ""
            steps = self._facts_first(view, decide(view))
            await self._carry_out(steps)
            self._drained_if(view, steps)
            return steps

    def _facts_first(self, view: View, steps: Steps) -> Steps:
        """Under a new epoch only footage of the old one would still count: so this node's own streams wait for what it
        said of them, a while."""
        if not self._facts_wait():
            return steps
        now_us = self._clock.now().mono_us
        if self._facts_until_us is None:
            self._facts_until_us = now_us + round(FACTS_FIRST_S * US_PER_S)
        if now_us >= self._facts_until_us:
            return steps
        mine = {one for one, owner in view.owners.items() if owner.node == view.me}
        return replace(steps, claims=[one for one in steps.claims if one[0] not in mine])

    async def _view(self) -> View:
        owners = await _in_time(self._chains.owners())
        streams = dict(self._streams())
        for gone in self._held.keys() - streams.keys():  # retired: who retired it ended it
            self._held.pop(gone)
        now_us = self._clock.now().mono_us
        self._stays = {one: until_us for one, until_us in self._stays.items() if until_us > now_us}
        living = self._members.living()
        me = self._members.me
        nodes = None if living is None else {one.name: one.draining for one in living.values() if STARTS in one.roles}
        if nodes is not None and me.name in nodes:
            nodes[me.name] = me.draining
        settled_us = round(self._members.every_s * 4 * SETTLED_LEASES * US_PER_S)
        settled = [
            name
            for name in nodes or ()
            if (since_us := self._members.lives_since_us(name)) is not None and now_us - since_us >= settled_us
        ]
        return View(me.name, streams, owners, dict(self._held), nodes, settled, tuple(self._stays))

    async def _carry_out(self, steps: Steps) -> None:
        # what is being given away may be another's already, which is no loss
        lost = [one for one in steps.lost if one not in self._giving]
        await _at_once(CLAIMS_AT_ONCE, [self._lose_locked(one) for one in lost])
        await self._claim_all(steps.claims)
        self._begin_giving(steps)
        self._members.say(streams=len(self._held))
        metrics.OWNED.set(len(self._held))

    def _begin_giving(self, steps: Steps) -> None:
        """Beside everything else: a handover waits for a keyframe, and an orphan must not wait for a handover."""
        for stream_id, to_node in steps.gives:
            if len(self._giving) >= GIVES_AT_ONCE:
                break
            if stream_id not in self._giving and stream_id not in self._stays:
                self._begin_to_give(stream_id, to_node)

    def _begin_to_give(self, stream_id: str, to_node: str) -> None:
        task = asyncio.create_task(self._give(stream_id, to_node), name=f"give {stream_id}")
        self._giving[stream_id] = task
        task.add_done_callback(partial(self._given, stream_id))

    def _given(self, stream_id: str, task: asyncio.Task[None]) -> None:
        self._giving.pop(stream_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a stream could not be given away", stream=stream_id, exc_info=error)
        self._nudged.set()

    async def _lose_locked(self, stream_id: str) -> None:
        async with self._lock(stream_id):
            await self._lose(stream_id)

    async def _claim_all(self, claims: Sequence[tuple[str, int]]) -> None:
        """Many in a transaction; what could not be had so, or is just being given or taken here, by itself."""
        taken: set[str] = set()
        for at in range(0, len(claims), CLAIMED_TOGETHER):
            taken.update(await self._claim_together(claims[at : at + CLAIMED_TOGETHER]))
        await _at_once(CLAIMS_AT_ONCE, [self._claim_if_free(*one) for one in claims if one[0] not in taken])

    async def _claim_together(self, claims: Sequence[tuple[str, int]]) -> Collection[str]:
        """Which of them are this node's now."""
        wanted = {one: epoch for one, epoch in claims if one not in self._held and not self._lock(one).locked()}
        if not wanted or self._members.me.draining or not self._members.held():
            return ()
        async with AsyncExitStack() as locked:
            for stream_id in wanted:  # none of them is waited for
                await locked.enter_async_context(self._lock(stream_id))
            try:
                claimed = await _in_time(self._chains.claim_free(wanted))
            except Exception as error:
                log.warning("streams could not be taken together", streams=len(wanted), error=str(error))
                return ()
            await _at_once(CLAIMS_AT_ONCE, [self._begin(one, made) for one, made in claimed.items()])
            return claimed.keys()

    async def _claim_if_free(self, stream_id: str, known_epoch: int) -> None:
        async with self._lock(stream_id):
            if stream_id in self._held or self._members.me.draining:
                return
            try:
                await self._claim(stream_id, known_epoch)
            except Unavailable as error:
                self.problem = f"PostgreSQL takes no claims: {error}"

    async def _claim(self, stream_id: str, known_epoch: int) -> bool:
        """With the stream's lock held."""
        if not self._members.held():  # this process may have slept since it decided
            return False
        claimed = await _in_time(self._chains.claim(stream_id, known_epoch))
        if claimed is None:
            return False
        await self._begin(stream_id, claimed)
        return True

    async def _begin(self, stream_id: str, claimed: C) -> None:
        self._held[stream_id] = claimed.epoch
        self._missed.pop(stream_id, None)
        metrics.TAKEN.inc()
        log.info("stream taken", stream=stream_id, epoch=claimed.epoch)
        await self._doings.taken(stream_id, claimed)

    async def _lose(self, stream_id: str) -> None:
        if self._held.pop(stream_id, None) is not None:
            log.warning("stream lost: another node owns it", stream=stream_id)
            metrics.GIVEN.inc()
            await self._doings.lost(stream_id)

    async def _give(self, stream_id: str, to_node: str) -> None:
        to = self._members.seen().get(to_node)
        async with self._lock(stream_id):
            epoch = self._held.get(stream_id)
            if to is None:
                return
            log.info("stream is given away", stream=stream_id, to=to_node)
            try:
                if epoch is None or self._doings.hand_over is None:
                    await self._end_and_give(stream_id, epoch, to_node)
                elif not await self._handed_over(stream_id, epoch, to):
                    if not self._members.me.draining:
                        self._keep(stream_id, STAYS_S)
                        return
                    await self._end_and_give(stream_id, epoch, to_node)
                self._held.pop(stream_id, None)
                self._missed.pop(stream_id, None)
                metrics.GIVEN.inc()
            except Missed as missed:
                log.warning("stream could not be given away; it is tried again", stream=stream_id, error=str(missed))
                self._keep(stream_id, AGAIN_S if self._members.me.draining else self._later_s(stream_id))
            except Unavailable as error:
                log.warning("stream could not be given away; it is tried again", stream=stream_id, error=str(error))
                self._keep(stream_id, AGAIN_S)

    async def _handed_over(self, stream_id: str, epoch: int, to: Member) -> bool:
        assert self._doings.hand_over is not None
        try:
            return await self._doings.hand_over(stream_id, to)
        except Follows as it:
            await self._end_and_give(stream_id, epoch, it.node)
            return True
        except Missed:
            count = self._missed[stream_id] = self._missed.get(stream_id, 0) + 1
            if self._members.me.draining and count >= MISSES:
                return False
            raise

    def _later_s(self, stream_id: str) -> float:
        return min(STAYS_S, AGAIN_S * 2.0 ** min(16, self._missed.get(stream_id, 0)))

    def _keep(self, stream_id: str, seconds: float) -> None:
        self._stays[stream_id] = self._clock.now().mono_us + round(seconds * US_PER_S)

    async def _end_and_give(self, stream_id: str, epoch: int | None, to_node: str) -> None:
        """Where the media cannot be handed over: a hole of a second is better than a node that cannot stop."""
        if epoch is None:
            owner = await self.owner(stream_id)
            if owner is None or owner.node != self._members.me.name:
                return
            epoch = owner.epoch
        else:
            await self._doings.ended(stream_id)
            self._held.pop(stream_id, None)
        await _in_time(self._chains.give(stream_id, epoch, to_node))

    # ------------------------------------------------------------------------------------- ending

    async def drain(self) -> bool:
        """Take no new streams and give all away. Whether all were, when this returns: ``drain_s`` later at the latest,
        or at once when nobody else is there to take them."""
        self._members.say(draining=True)
        self._drained.clear()
        self._stays.clear()
        self._missed.clear()
        await self._members.look()  # others learn of it before they are given anything
        end_us = self._clock.now().mono_us + self._drain_us
        while self._clock.now().mono_us < end_us:
            await self.look()
            if self._drained.is_set():
                break
            await self._clock.sleep(min(0.2, self._members.every_s))
        return not self._held

    def _drained_if(self, view: View, steps: Steps) -> None:
        alone = view.nodes is not None and not any(not drains for drains in view.nodes.values())
        mine = [one for one, owner in view.owners.items() if owner.node == view.me and one in view.streams]
        if self._members.me.draining and not self._giving and (alone or (not mine and not steps.gives)):
            self._drained.set()

    def undrain(self) -> None:
        """The order to drain was taken back."""
        self._members.say(draining=False)
        self._drained.clear()
        self.nudge()

    def _lock(self, stream_id: str) -> asyncio.Lock:
        return self._locks.setdefault(stream_id, asyncio.Lock())


async def _in_time(question: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await question
    except TimeoutError:
        raise Unavailable(f"PostgreSQL did not answer within {ANSWER_S:.0f} s", code="database_away") from None


async def _at_once(most: int, works: list[Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(most)

    async def one(work: Awaitable[None]) -> None:
        async with gate:
            await work

    for result in await asyncio.gather(*(one(work) for work in works), return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a stream could not be taken or let go", exc_info=result)
