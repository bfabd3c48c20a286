"""What labels hide from a caller (R31). The one place that decides: every face that shows pictures, or says who was
filmed and why, asks here. Where no labels are kept, nothing is hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.activities.model import Activity
from hub.api.errors import Forbidden
from hub.api.services import Services
from hub.labels.model import WORDS, Label, Secrecy, strictest
from hub.looks.ranges import Range
from hub.model import Interruption, Stream
from hub.people.rights import Right
from hub.people.standing import Standing

FOREVER_US = 1 << 62
BEFORE_US = 60_000_000
"""The picture of an alarm is the last one before it; a package takes whole chunks at either end."""


def hidden_labels(services: Services, standing: Standing, stream_id: str, wanted: Range) -> tuple[Label, ...]:
    """The labels that hide something of that time (hub UTC, µs) from this person."""
    labels = services.labels
    return () if labels is None else labels.hidden(standing, stream_id, *wanted)


def may_see_picture(services: Services, standing: Standing, stream_id: str, from_us: int, to_us: int) -> bool:
    """Whether no label hides any of that time. Rights are asked for elsewhere, and as well."""
    return not hidden_labels(services, standing, stream_id, (from_us, to_us))


def may_see_now(services: Services, standing: Standing, stream_id: str) -> bool:
    now_us = services.clock.now().utc_us
    return may_see_picture(services, standing, stream_id, now_us, now_us + 1)


def hidden_ranges(services: Services, standing: Standing, stream_id: str, wanted: Range) -> tuple[Range, ...]:
    """When nothing may be shown, unclipped."""
    hiding = hidden_labels(services, standing, stream_id, wanted)
    return tuple((one.from_us or 0, FOREVER_US if one.to_us is None else one.to_us) for one in hiding)


def check_picture(services: Services, standing: Standing, stream_id: str, from_us: int, to_us: int) -> None:
    """Raises Forbidden with the code ``labelled``."""
    hiding = hidden_labels(services, standing, stream_id, (from_us, to_us))
    if hiding:
        raise refusal(hiding)


def refusal(hiding: Sequence[Label]) -> Forbidden:
    kind = strictest(hiding) or Secrecy.STATE_SECRET
    return Forbidden(
        f"this is labelled {kind.value} ({WORDS[kind]}): it is shown to those who are cleared for it alone",
        code="labelled",
    )


def may_see_alarm_picture(services: Services, standing: Standing, one: Interruption) -> bool:
    until_us = services.clock.now().utc_us if one.ended_us is None else one.ended_us
    return may_see_picture(services, standing, one.stream_id, one.started_us - BEFORE_US, until_us)


def may_know_activity(services: Services, standing: Standing, activity: Activity) -> bool:
    """Of a labelled time it is neither said who was there nor why: the activity is not there for this person."""
    if services.labels is None:
        return True
    ended_us = FOREVER_US if activity.ended_us is None else activity.ended_us
    return may_see_picture(services, standing, activity.stream_id, activity.began_us, ended_us)


def activity_filter(services: Services, standing: Standing) -> Callable[[Activity], bool]:
    return lambda activity: may_know_activity(services, standing, activity)


def may_know_stream(services: Services, standing: Standing, stream: Stream) -> bool:
    """A stream that is a state secret itself is not there for others, but for those who answer its alarms or keep it
    running: they know its name and state, and see no pictures."""
    labels = services.labels
    if labels is None:
        return True
    secret = [one for one in labels.of_stream_now(stream.id) if one.kind is Secrecy.STATE_SECRET and not one.activity]
    if all(labels.sees(standing, one) for one in secret):
        return True
    return any(standing.may(one, stream.unit) for one in (Right.INTERRUPTIONS_HANDLE, Right.STREAMS_MANAGE))


def reaches(services: Services, standing: Standing, right: Right, stream: Stream) -> bool:
    """Whether ``right`` holds over this stream, and the stream is there for this person."""
    return standing.may(right, stream.unit) and may_know_stream(services, standing, stream)


def conceals_streams(services: Services, standing: Standing) -> bool:
    """Whether any stream is not there for this person: then lists are filtered even for the root."""
    if services.labels is None:
        return False
    return any(not may_know_stream(services, standing, one) for one in services.registry.list(retired=True))
