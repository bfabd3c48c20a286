"""故障停用: a device with a fault is not used until its repair is written down (003§21).

遇到故障应立即停止使用并及时报告，联系专业部门维修，不得私自将设备进行拆装和更换处理.
So whoever finds the fault reports it, and the repair names the service that did it; who keeps the device cannot be
that service, nor write the repair down.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hub.clock import Clock
from hub.errors import Conflict, InvalidRequest, NotFound, Refused, Unavailable
from hub.ledger.entries import EntryType, JsonValue
from hub.telemetry.store import Fact, TelemetryStore
from hub.telemetry.track import Point

BEGIN, END = "fault_begin", "fault_end"
REASONS = {
    "power": "无法开机或充电",
    "storage": "存储故障",
    "picture": "图像故障",
    "sound": "声音故障",
    "network": "联网故障",
    "positioning": "定位故障",
    "clock": "时间不准",
    "damaged": "外观损坏",
    "other": "其他",
}
COMMIT_S = 10.0
"""How long a caller waits until an entry is durable. It is made all the same."""


class Chain(Protocol):
    """The ledger, as far as telemetry writes to it."""

    def append(self, stream_id: str, type: EntryType, body: Mapping[str, JsonValue]) -> Any: ...  # noqa: A002
    async def committed(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """From its report to its repair; ``ended_us`` None: it lasts. Times are hub UTC, µs."""

    id: str
    stream_id: str
    began_us: int
    reported_by: str
    reason: str
    text: str = ""
    point: Point | None = None
    ended_us: int | None = None
    repaired_by: str = ""
    """Who wrote the repair down; ``service`` did it."""
    service: str = ""
    work: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """Usernames and names of a person: neither may be the service."""

    username: str
    name: str = ""

    def is_one(self, text: str) -> bool:
        wanted = text.strip().casefold()
        return wanted in {self.username.casefold(), self.name.strip().casefold()} - {""}


class Faults:
    """What lasts is in memory; what ended is asked of the database."""

    def __init__(self, clock: Clock, chain: Chain, store: TelemetryStore, told: Callable[[str, Fault], None]) -> None:
        self._clock = clock
        self._chain = chain
        self._store = store
        self._told = told
        self._present: dict[str, Fault] = {}

    async def load(self) -> None:
        self._present = {one.stream_id: one for one in await self.all() if one.ended_us is None}

    def of(self, stream_id: str) -> Fault | None:
        """The fault that lasts."""
        return self._present.get(stream_id)

    def present(self) -> tuple[Fault, ...]:
        return tuple(self._present.values())

    async def all(self, stream_id: str | None = None, limit: int | None = None) -> list[Fault]:
        """What was ever reported, newest first; ``limit`` counts reports and repairs together."""
        facts = await asyncio.to_thread(self._store.facts, (BEGIN, END), stream_id=stream_id, limit=limit)
        return faults_of(facts)

    def check_usable(self, stream_id: str) -> None:
        """Raises Refused ``device_disabled`` while a fault lasts."""
        fault = self.of(stream_id)
        if fault is not None:
            raise Refused(
                f"设备故障停用: {REASONS.get(fault.reason, fault.reason)}; the device is disabled by a fault "
                f"({fault.reason}) until its repair is recorded",
                code="device_disabled",
            )

    async def begin(self, stream_id: str, *, by: str, reason: str, text: str, point: Point | None) -> Fault:
        """Raises InvalidRequest, Conflict while another lasts, LedgerError, and Unavailable when the disk is slow."""
        if reason not in REASONS:
            raise InvalidRequest(f"reason: expected one of {', '.join(REASONS)}", code="bad_reason")
        if reason == "other" and not text.strip():
            raise InvalidRequest("text: what is wrong is asked for where the reason is other", code="bad_text")
        if stream_id in self._present:
            raise Conflict("the device has been reported as faulty already", code="fault_lasts")
        now_us = self._clock.now().utc_us
        fault = Fault(secrets.token_hex(8), stream_id, now_us, by, reason, text.strip(), point)
        body: dict[str, JsonValue] = {"kind": BEGIN, "id": fault.id, "by": by, "at_us": now_us, "reason": reason}
        self._chain.append(stream_id, EntryType.TELEMETRY, body | {"text": fault.text} | point_body(point))
        self._present[stream_id] = fault
        self._told("telemetry.fault", fault)
        await durable(self._chain)
        return fault

    async def end(self, stream_id: str, *, by: Names, service: str, work: str, custodian: Names | None) -> Fault:
        """The repair, done by ``service``, written down by ``by``. Raises NotFound without a fault, InvalidRequest,
        Refused ``self_repair`` for a service that is one of them, or where the custodian writes it; LedgerError,
        Unavailable."""
        fault = self.of(stream_id)
        if fault is None:
            raise NotFound("no fault of this device lasts", code="no_fault")
        service, work = service.strip(), work.strip()
        if not service or not work:
            raise InvalidRequest(
                "service and work: expected who repaired the device, and what was done", code="bad_text"
            )
        if custodian is not None and by.username == custodian.username:
            raise Refused("不得自行维修: who keeps the device does not record its repair", code="self_repair")
        if by.is_one(service) or (custodian is not None and custodian.is_one(service)):
            raise Refused("不得自行维修: expected the repair service, not one who uses the device", code="self_repair")
        now_us = self._clock.now().utc_us
        after = replace(fault, ended_us=now_us, repaired_by=by.username, service=service, work=work)
        body: dict[str, JsonValue] = {"kind": END, "id": fault.id, "by": by.username, "at_us": now_us}
        self._chain.append(stream_id, EntryType.TELEMETRY, body | {"service": service, "work": work})
        del self._present[stream_id]
        self._told("telemetry.repaired", after)
        await durable(self._chain)
        return after


async def durable(chain: Chain) -> None:
    """Until what was written is durable. Raises Unavailable after COMMIT_S; the entry is kept and comes later."""
    try:
        async with asyncio.timeout(COMMIT_S):
            await chain.committed()
    except TimeoutError:
        raise Unavailable("noted, but the disk has not taken it yet; ask again", code="not_durable_yet") from None


def faults_of(facts: list[Fact]) -> list[Fault]:
    """Reports joined with their repairs, newest first. A repair whose report was left out by a limit is left out."""
    ends = {fact.id: fact for fact in facts if fact.kind == END}
    found = []
    for fact in facts:
        if fact.kind != BEGIN:
            continue
        body, end = fact.body, ends.get(fact.id)
        point = None
        if "lat_e7" in body:
            point = Point(body["point_us"], body["lat_e7"], body["lon_e7"], body.get("accuracy_dm"))
        fault = Fault(fact.id, fact.stream_id, body["at_us"], body["by"], body["reason"], body["text"], point)
        if end is not None:
            fault = replace(
                fault,
                ended_us=end.body["at_us"],
                repaired_by=end.body["by"],
                service=end.body["service"],
                work=end.body["work"],
            )
        found.append(fault)
    return found


def point_body(point: Point | None) -> dict[str, JsonValue]:
    """A position as an entry has it: integers, and the time it was taken."""
    if point is None:
        return {}
    body: dict[str, JsonValue] = {"lat_e7": point.lat_e7, "lon_e7": point.lon_e7, "point_us": point.at_us}
    return body if point.accuracy_dm is None else body | {"accuracy_dm": point.accuracy_dm}
