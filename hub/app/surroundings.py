"""What the parts are told of each other. They meet here, and import none of one another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from hub.activities.watch import Around
from hub.anchoring.authority import Received
from hub.audit.open_log import Accepted, OpenLog
from hub.clock import US_PER_S
from hub.duty.duty import Duty
from hub.duty.plan import work_end_us
from hub.errors import NotFound
from hub.followup.explaining import REASONS, Explaining
from hub.labels.labels import Labels
from hub.model import Interruption, Stream
from hub.monitor.events import Event
from hub.telemetry.telemetry import LABEL, Surroundings

if TYPE_CHECKING:
    from hub.app.hub import Hub
    from hub.app.recording import Whip

STANDING_US = 86_400 * US_PER_S
MAX_LATE = 1000


def accept(opened: OpenLog) -> Callable[[str], Awaitable[None]]:
    """What was asked of a witness is handed out with the head, as what came by itself."""

    async def accepted(note: str) -> None:
        await asyncio.to_thread(opened.accept, note)

    return accepted


def cosigned(hub: Hub) -> Callable[[Accepted], Awaitable[None]]:
    """A witness came by itself with its cosignature."""

    async def brought(one: Accepted) -> None:
        root, line = one.root.hex(), one.line.encode()
        await hub.anchoring.brought(Received("witness", one.witness, one.size, root, one.time_us, line))

    return brought


def log_standing(hub: Hub) -> dict[str, object]:
    """Who signs the log, with which keys, and how far that has got; µs of hub UTC, None: not in this run."""
    ledger = hub.ledger
    return {
        "vkey": ledger.vkey(),
        "custody": ledger.custody.value,
        "signed_us": ledger.signed_us or None,
        "waiting_bytes": ledger.waiting_bytes,
        "problem": ledger.problem,
        "statements": len(ledger.key_statements()),
    }


def unit_rules(hub: Hub, unit_id: str) -> Iterable[Mapping[str, Any]]:
    """What holds in a unit, from the root down."""
    tree = hub.units.tree
    above = (tree.get(one) for one in reversed(tree.path(unit_id)))
    return [unit.rules for unit in above if unit is not None]


def maintained(hub: Hub, stream: Stream, at_us: int) -> str:
    """Id of the planned maintenance that a stream is under; empty: none."""
    return hub.maintenance.at(stream.id, hub.units.tree.path(stream.unit), at_us)


def late(hub: Hub) -> Callable[[str], Awaitable[bool]]:
    """Whether what an alarm says of a missed deadline holds still. Raises NotFound."""

    async def lasts(cause: str) -> bool:
        what, _, ident = cause.partition(":")
        if what == "activity_overdue":
            return (await hub.activities.get(ident)).storage == "overdue"
        return (await hub.followup.case(ident)).outcome.late

    return lasts


def standing(hub: Hub) -> Callable[[], Awaitable[Sequence[Event]]]:
    """Calls for help of the last day, faults of devices that last, activities that are overdue: as events."""

    async def found() -> Sequence[Event]:
        since_us = hub.clock.now().utc_us - STANDING_US
        alarms = [Event("telemetry.alarm", at_us, data) for at_us, data in await hub.telemetry.standing(since_us)]
        for kept in await hub.activities.to_be_stored(lambda _: True, MAX_LATE):
            one = kept.activity
            if kept.storage == "overdue" and one.told_levels and kept.due_us is not None:
                told = {"id": one.id, "stream": one.stream_id, "unit": one.unit, "level": one.told_levels - 1}
                alarms.append(Event("activity.overdue", kept.due_us, told))
        return alarms

    return found


def of_activities(hub: Hub, duty: Duty) -> Around:
    reader = hub.ledger.reader

    def live(stream: Stream) -> tuple[str, int | None]:
        status = hub.answers.status(stream)
        return status.state, status.since_us

    def followups(cuts: Sequence[Interruption]) -> Mapping[str, str]:
        return {ident: outcome.state.value for ident, outcome in hub.followup.outcomes(cuts).items()}

    def work_ends(unit_id: str, at_us: int) -> int | None:
        return work_end_us(duty.history, unit_id, at_us)

    return Around(reader, hub.registry.list, live, followups, reader.backfilled, work_ends)


def of_telemetry(hub: Hub, whip: Whip) -> Surroundings:
    def rules(stream_id: str) -> Any:
        stream = hub.registry.find(stream_id)
        return hub.units.rule("" if stream is None else stream.unit, "telemetry")

    async def report(stream_id: str, reason: str, text: str) -> None:
        known = reason in REASONS
        words = text if known else " ".join((reason, text)).strip() or "-"
        explaining = Explaining(hub.followup, hub.people, hub.settings.data, hub.archiving.shelf)
        name = f"device:{stream_id}"
        await explaining.report(hub.registry.get(stream_id), reason if known else "other", words, name)

    return Surroundings(hub.answers.is_connected, rules, hub.events.publish, partial(_say, whip), report)


def _say(whip: Whip, stream_id: str, text: str) -> bool:
    return whip.say(stream_id, LABEL, text)


async def labels(hub: Hub) -> Labels:
    """What is hidden from whom, as the entries say."""

    def unit_of(stream_id: str) -> str:
        stream = hub.registry.find(stream_id)
        return "" if stream is None else stream.unit

    async def ended(activity: str) -> int | None:
        with suppress(NotFound):
            return (await hub.activities.get(activity)).activity.ended_us
        return None

    def tell(kind: str, data: Mapping[str, Any]) -> None:
        hub.telling.publish(kind, data)
        hub.telling.label_changed(str(data["stream"]))

    made = Labels(hub.clock, hub.ledger, unit_of, tell)
    await made.start(await asyncio.to_thread(hub.ledger.reader.labels), ended)
    return made
