"""Who lives, and who leads: leases in Redis.

A process can be stopped for any time between two of its instructions, and then goes on believing. So whether a lease
is still held is never remembered: it is worked out anew at each use, from the monotonic time at which the last
renewal that succeeded was *sent*. What must not happen twice is fenced by epochs in PostgreSQL all the same; a lease
only says who ought to try.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from redis.exceptions import ResponseError

from hub import metrics
from hub.clock import US_PER_S, Clock
from hub.cluster.redis_link import RedisAway, RedisLink
from hub.ledger.entries import canonical

log = structlog.get_logger(__name__)

RENEWALS = 4
"""In the time of one lease: two may be lost, and the third still comes in time. At 2 s that is two a second."""
GRACE = 2
"""Leases. So long Redis and our own listening to it must have lasted without a break before we believe what is
missing there: by then every node that lives has had several chances to say so."""

OVER_MS = 5
"""So long after its end a lease is certainly over by Redis' clock."""

NODES, BORN, LEADER = "hub:nodes", "hub:born", "hub:leader"
NODE = "hub:node:"
_ALWAYS_MS = 1 << 52

# Born anew is a Redis that is another process, be it empty, with the data of before, or a replica that was promoted:
# in each, leases of nodes that live may be missing. Time is Redis' own; ours never enters.
_LOOK = """
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local born = redis.call('GET', KEYS[2])
if not born or string.sub(born, 1, #run) ~= run then
  born = run .. ' ' .. string.format('%.0f', now_ms)
  redis.call('SET', KEYS[2], born)
end
local held = redis.call('GET', KEYS[3])
local mine = 0
if not held or string.sub(held, 1, #ARGV[2]) == ARGV[2] then
  redis.call('SET', KEYS[3], ARGV[2] .. ARGV[3], 'PX', ARGV[4])
  redis.call('SADD', KEYS[1], ARGV[1])
  mine = 1
end
local out = {mine, now_ms - tonumber(string.match(born, ' (%d+)$')), now_ms, tonumber(ARGV[4])}
for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local said = redis.call('GET', ARGV[5] .. name)
  if said then
    out[#out + 1] = said
    local ends = redis.call('PTTL', ARGV[5] .. name)
    if ends >= 0 and ends < out[4] then out[4] = ends end
  else
    redis.call('SREM', KEYS[1], name)
  end
end
return out
"""

_LEAVE = """
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, #ARGV[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

# A question can lie in a Redis that stands still, and be read long after whoever asked has given up: what was true then
# must not take a lease now. So it says until when, by Redis' own clock, it may.
_LEAD = """
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
elseif not held and redis.call('TIME')[1] * 1000 < tonumber(ARGV[3]) then
  redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
  held = ARGV[1]
end
return held or ''
"""


@dataclass(frozen=True, slots=True)
class Member:
    """What a node says of itself. ``instance`` is another at each start: two processes of one name are told apart."""

    name: str
    url: str
    roles: frozenset[str]
    draining: bool = False
    streams: int = 0
    instance: str = field(default_factory=lambda: secrets.token_hex(8))

    def text(self) -> str:
        return canonical(
            {
                "name": self.name,
                "url": self.url,
                "roles": sorted(self.roles),
                "draining": self.draining,
                "streams": self.streams,
            }
        ).decode()


def read_member(text: bytes) -> Member | None:
    """What stands under ``hub:node:<name>``: the instance, and JSON; None: it is none of ours."""
    instance, _, said = text.partition(b" ")
    try:
        values: dict[str, Any] = json.loads(said)
        name, url, roles = values["name"], values["url"], values["roles"]
        draining, streams = values["draining"], values["streams"]
        alright = isinstance(name, str) and isinstance(url, str) and isinstance(roles, list)
        alright = alright and all(isinstance(role, str) for role in roles)
        if not alright or type(draining) is not bool or type(streams) is not int:
            return None
        return Member(name, url, frozenset(roles), draining, streams, instance.decode("ascii"))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class Members:
    """This node's lease, and everybody else's."""

    def __init__(self, link: RedisLink, clock: Clock, me: Member, *, lease_s: float) -> None:
        self._link = link
        self._clock = clock
        self._me = me
        self._lease_us = round(lease_s * US_PER_S)
        self._renewed_us: int | None = None
        self._looked_us: int | None = None
        self._unbroken_us: int | None = None
        self._born_ms = 0
        self._redis_ms = 0
        self._first_ends_ms = 0
        """How long, from the last look on, until a lease is over if nobody renews it."""
        self._said: dict[str, Member] = {}
        self._since: dict[str, int] = {}
        self._problem = ""
        self.news = asyncio.Event()
        """Set when somebody came, went, or says another thing than before."""

    @property
    def me(self) -> Member:
        return self._me

    @property
    def every_s(self) -> float:
        """How often to look."""
        return self._lease_us / RENEWALS / US_PER_S

    @property
    def problem(self) -> str:
        return self._problem

    def say(self, *, draining: bool | None = None, streams: int | None = None) -> None:
        """From the next renewal on."""
        draining = self._me.draining if draining is None else draining
        streams = self._me.streams if streams is None else streams
        self._me = replace(self._me, draining=draining, streams=streams)

    def held(self) -> bool:
        """Whether others must still believe that this node lives: ask at each use."""
        return self._renewed_us is not None and self._clock.now().mono_us - self._renewed_us < self._lease_us

    def living(self) -> Mapping[str, Member] | None:
        """Who lives, this node too; None: it cannot be told now, so nobody may be held to be gone."""
        if not self.held() or self._unbroken_us is None or self._looked_us is None:
            return None
        now_us = self._clock.now().mono_us
        if now_us - self._looked_us > self._lease_us // 2:
            return None
        sure = self._looked_us - self._unbroken_us >= GRACE * self._lease_us
        return dict(self._said) if sure and self._born_ms * 1000 >= GRACE * self._lease_us else None

    @property
    def sure_until_ms(self) -> int:
        """Until when, by Redis' clock, what :meth:`living` says now may be acted upon; 0: not at all."""
        return 0 if self.living() is None else self._redis_ms + self._lease_us // 2000

    def seen(self) -> Mapping[str, Member]:
        """Whoever said so when it was looked last: to reach them, not to conclude anything from who is missing."""
        return dict(self._said)

    def lives_since_us(self, name: str) -> int | None:
        """Since when (monotonic µs) this node sees that one without a break; None: it does not."""
        return self._since.get(name)

    async def look(self) -> bool:
        """Renew the lease and read the others'. False: Redis is away."""
        sent_us = self._clock.now().mono_us
        lease_ms, prefix = self._lease_us // 1000, f"{self._me.instance} "
        keys = [NODES, BORN, NODE + self._me.name]
        try:
            answer = await self._link.script(_LOOK, keys, [self._me.name, prefix, self._me.text(), lease_ms, NODE])
        except RedisAway:
            self._unbroken_us = None
            return False
        except ResponseError as error:
            self._unbroken_us = None
            self._complain(f"Redis refuses what leases need: {error}")
            return False
        self._redis_ms, self._first_ends_ms = int(answer[2]), int(answer[3])
        self._take(sent_us, bool(answer[0]), int(answer[1]), answer[4:])
        return True

    def _take(self, sent_us: int, mine: bool, born_ms: int, texts: list[bytes]) -> None:
        broken = self._looked_us is None or sent_us - self._looked_us > self._lease_us // 2
        if broken or self._unbroken_us is None or born_ms < self._born_ms:
            self._unbroken_us = sent_us
        self._looked_us, self._born_ms = sent_us, born_ms
        if mine:
            self._renewed_us = sent_us
            self._problem = ""
        else:
            self._complain(f"another process says that it is the node {self._me.name!r}: give each its own HUB_NODE")
        found = [one for one in (read_member(text) for text in texts) if one is not None]
        said = {one.name: one for one in found}
        before, self._said = self._said, said
        since = {name: self._since.get(name, sent_us) for name in said}
        # another process under the same name was not there all the time
        self._since = {
            name: sent_us if name in before and before[name].instance != said[name].instance else at_us
            for name, at_us in since.items()
        }
        living = self.living()
        metrics.MEMBERS.set(0 if living is None else len(living))
        if _standing(before) != _standing(said):
            self.news.set()

    def _complain(self, text: str) -> None:
        if text != self._problem:
            self._problem = text
            log.error("no lease", node=self._me.name, problem=text)

    async def run(self) -> None:
        """Until cancelled. As often while Redis is away: who is late in coming back is held to be gone. A lease that
        was not renewed is looked at when it is over: orphans do not wait for the next turn."""
        while True:
            began_us = self._clock.now().mono_us
            wait_s = self.every_s
            if await self.look():
                wait_s = min(wait_s, (self._first_ends_ms + OVER_MS) / 1000)
            took_s = (self._clock.now().mono_us - began_us) / US_PER_S
            await self._clock.sleep(max(0.02, wait_s - took_s))

    async def leave(self) -> None:
        """An orderly end: nobody needs to wait for the lease to run out."""
        self._renewed_us = None
        try:
            await self._link.script(_LEAVE, [NODE + self._me.name], [f"{self._me.instance} "])
        except (RedisAway, ResponseError):
            log.info("the lease is left to run out")


def _standing(members: Mapping[str, Member]) -> Mapping[str, Member]:
    """Without what changes all the time."""
    return {name: replace(one, streams=0) for name, one in members.items()}


@dataclass(frozen=True, slots=True)
class Leader:
    node: str
    url: str
    instance: str = ""


class LeaderLease:
    """Which node leads the office. ``wants``: whether this one would."""

    def __init__(
        self, link: RedisLink, clock: Clock, members: Members, *, lease_s: float, wants: Callable[[], bool]
    ) -> None:
        self._link = link
        self._clock = clock
        self._members = members
        self._wants = wants
        self._lease_us = round(lease_s * US_PER_S)
        me = members.me
        self._value = canonical({"node": me.name, "url": me.url, "instance": me.instance}).decode()
        self._renewed_us: int | None = None
        self._was_mine = False
        self._leader: Leader | None = None
        self.term = 0
        """How often this process took the lease: another number than before means that there was a hole."""
        self.news = asyncio.Event()
        """Set when another leads, or nobody, or this one anew."""

    def held(self) -> bool:
        """Whether this node leads: ask at each use."""
        return self._renewed_us is not None and self._clock.now().mono_us - self._renewed_us < self._lease_us

    def leader(self) -> Leader | None:
        """Who led when it was looked last; None: nobody. It stays while Redis is away."""
        return self._leader

    async def look(self) -> bool:
        """Renew it, or take it if nobody has it. False: Redis is away.

        Who had it last may take it again at once; others only when they can tell that nobody has it.
        """
        sent_us = self._clock.now().mono_us
        wants = self._wants()
        until_ms = (_ALWAYS_MS if self._was_mine else self._members.sure_until_ms) if wants else 0
        if self._was_mine and not wants:
            await self.release()
            return True
        try:
            answer = await self._link.script(_LEAD, [LEADER], [self._value, self._lease_us // 1000, until_ms])
        except (RedisAway, ResponseError):
            return False
        text = bytes(answer).decode(errors="replace")
        if text == self._value:
            if not self.held():
                self.term += 1
                self.news.set()
            self._renewed_us, self._was_mine = sent_us, True
        else:
            self._renewed_us, self._was_mine = None, False
        self._turn(_read_leader(text))
        return True

    def _turn(self, leader: Leader | None) -> None:
        if leader != self._leader:
            log.info("the office is led by", node=leader.node if leader else "nobody")
            self._leader = leader
            self.news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            began_us = self._clock.now().mono_us
            await self.look()
            took_s = (self._clock.now().mono_us - began_us) / US_PER_S
            await self._clock.sleep(max(0.02, self._members.every_s - took_s))

    async def release(self) -> None:
        """An orderly end: the next may lead at once."""
        self._renewed_us, self._was_mine = None, False
        try:
            await self._link.script(_LEAVE, [LEADER], [self._value])
        except (RedisAway, ResponseError):
            log.info("the leader's lease is left to run out")
        self._turn(None)


def _read_leader(text: str) -> Leader | None:
    try:
        values = json.loads(text)
        return Leader(str(values["node"]), str(values["url"]), str(values["instance"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
