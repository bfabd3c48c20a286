"""What an activity says of an evidence package: its stream, its range, and the notes that go with a disc. Blocking."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from hub.activities.model import MODE_WORDS, Activity
from hub.activities.store import Store
from hub.database import Database, open_read_only
from hub.errors import NotFound


@dataclass(frozen=True, slots=True)
class ActivityNotes:
    """事项、地点、方式、行政执法人员, any of them empty where the activity does not say; ``to_us`` is None while it is
    open."""

    stream_id: str
    from_us: int
    to_us: int | None
    matter: str
    place: str
    method: str
    officers: tuple[str, ...]


def notes_of(activity: Activity) -> ActivityNotes:
    matter = [activity.matter, activity.cause, activity.party and f"当事人{activity.party}", activity.case_number]
    method = MODE_WORDS[activity.mode] + (f"，设备编号{activity.device}" if activity.device else "")
    officers = tuple(officer.text for officer in activity.officers)
    return ActivityNotes(
        activity.stream_id,
        activity.began_us,
        activity.ended_us,
        "，".join(part for part in matter if part),
        activity.place,
        method,
        officers,
    )


def read_notes(database: Database, ident: str) -> ActivityNotes:
    """From the database of a running or a stopped hub, which is only read. Raises NotFound."""
    engine = open_read_only(database)
    try:
        kept = Store(engine).find(ident) if database.path is None or database.path.is_file() else None
    except SQLAlchemyError:  # a hub that knew nothing of activities
        kept = None
    finally:
        engine.dispose()
    if kept is None:
        raise NotFound(f"there is no session {ident[:63]} in {database}", code="unknown_activity")
    return notes_of(kept.activity)
