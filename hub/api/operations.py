"""/api/operations: what an engineer sees of streams, of the hub's own figures over time, and of its settings."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field, SecretStr

from hub import __version__, metrics
from hub.api.auth import IDENTITY, may_see
from hub.api.labelled import may_know_stream
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, TimeUs, read_query, time_or_none
from hub.api.services import SERVICES, Services, StreamStatus
from hub.clock import US_PER_S, Instant, rfc3339
from hub.errors import InvalidRequest, Unavailable
from hub.logging import redact
from hub.model import Stream
from hub.monitor.figures import Figures
from hub.operations.operations import AnyMeasured, Operations
from hub.operations.reading import SERIES, value_of
from hub.operations.ring import Points
from hub.people.rights import Right


class TrackFigures(BaseModel):
    kind: Literal["video", "audio"]
    codec: str


class StreamFigures(BaseModel):
    """``null`` wherever the hub does not know."""

    id: str
    name: str
    unit: str
    kind: str
    source: Literal["rtsp", "whip"]
    state: str
    since: TimeText | None
    connected_since: TimeText | None
    device: str
    peer: str
    problem: str = Field(description="Code of what was last wrong with the source; empty: nothing since the start.")
    problem_at: TimeText | None
    tracks: list[TrackFigures]
    width: int | None
    height: int | None
    bitrate_bps: int
    lost_5_min: int = Field(description="RTP packets given up as missing.")
    lost_hour: int
    lost_day: int
    jitter_ms: float | None = Field(description="Interarrival jitter of pictures (RFC 3550), of the connection.")
    clock_offset_ms: float | None = Field(
        description="The hub's clock minus the device's, the network's delay included; null: it sends no reports."
    )
    clock_ppm: float | None = Field(description="How much too slow the device's clock runs; null: too early to tell.")
    connections_hour: int = Field(description="Connections that began; more than one is a source that came back.")
    connections_day: int
    attempts_hour: int
    newest_at: TimeText | None = Field(description="End of the newest fragment, by its capture.")
    sealed_at: TimeText | None = Field(description="End of the newest sealed chunk.")
    frames_waiting: int = Field(description="On their way into a chunk.")
    frames_unrecorded: int = Field(description="That the disk did not take, since the stream's start here.")


class StreamsOut(BaseModel):
    at: TimeText
    counted_since: TimeText = Field(description="The hub's start: nothing is counted from before it.")
    streams: list[StreamFigures]


class SeriesQuery(Input):
    names: str = Field(max_length=1000, description="Joined by commas; all of them: *.")
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")


class PointsOut(BaseModel):
    step_s: float
    at: list[int] = Field(
        description="Beginning of each slot, ms since 1970; a slot in which nothing ran is not there."
    )
    values: dict[str, list[float | None]]


class SettingOut(BaseModel):
    name: str
    value: str = Field(description="Without secrets.")
    changed: bool = Field(description="It is another than the hub's own.")


class WarningOut(BaseModel):
    at: TimeText
    level: str
    event: str
    facts: dict[str, str]


class SignerOut(BaseModel):
    vkey: str
    key_id: str
    custody: str = Field(description="inside, child, same_user or own_user.")
    signed_at: TimeText | None = Field(description="What was entered until then is signed; null: nothing in this run.")
    waiting_bytes: int
    problem: str
    statements: int = Field(description="By which its keys have followed each other.")
    failures: int = Field(description="Checkpoints that could not be signed when they were due, since the start.")


class HubFigures(BaseModel):
    at: TimeText
    version: str
    started_at: TimeText
    memory_of_history_bytes: int
    checks: dict[str, str]
    signer: SignerOut | None
    settings: list[SettingOut]
    warnings: list[WarningOut] = Field(description="Oldest first: of the start, and the newest.")


class UnitBytes(BaseModel):
    stream: str
    unit: str
    class_name: str = Field(alias="class")
    bytes: int


class StoredOut(BaseModel):
    measured_at: TimeText
    streams: list[UnitBytes]
    beside: dict[str, int] = Field(description="Bytes of each other folder of the data folder: uploads, spool, log …")
    storage_errors: int = Field(description="Writes and flushes that failed, since the start.")


def operations(request: web.Request) -> Operations:
    found = request.app[SERVICES].operations
    if found is None:
        raise Unavailable("no figures are kept here")
    return found


# ------------------------------------------------------------------------------------------ streams


async def list_streams(request: web.Request) -> web.Response:
    """GET /api/operations/streams"""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    figures = operations(request)
    now, measured = services.clock.now(), figures.vitals()
    rows = [
        _row(one, services.status(one), measured.get(one.id), now)
        for one in services.registry.list()
        if (standing.may(Right.SYSTEM_VIEW) or standing.may(Right.STREAMS_VIEW, one.unit))
        and may_know_stream(services, standing, one)
    ]
    answer = {"at": rfc3339(now.utc_us), "counted_since": rfc3339(figures.started_us), "streams": rows}
    return web.json_response(answer)


def _row(stream: Stream, status: StreamStatus, found: AnyMeasured | None, now: Instant) -> dict[str, Any]:
    """A plain dictionary: with 500 streams, models would take most of the time."""
    complaint = status.complaint
    row: dict[str, Any] = {
        "id": stream.id, "name": stream.name, "unit": stream.unit, "kind": stream.kind.value,
        "source": "rtsp" if hasattr(stream.source, "url") else "whip", "state": status.state,
        "since": time_or_none(status.since_us), "connected_since": time_or_none(status.session_us),
        "device": status.device, "peer": status.peer,
        "problem": "" if complaint is None else complaint.code,
        "problem_at": None if complaint is None else rfc3339(complaint.at_us),
        "tracks": [{"kind": one.kind.value, "codec": one.codec.value} for one in status.tracks],
        "bitrate_bps": status.bitrate_bps if status.session_us is not None else 0,
    }  # fmt: skip
    return row | (_vitals(found.figures(now), connected=status.session_us is not None) if found else NOTHING_YET)


def _vitals(found: Figures, *, connected: bool) -> dict[str, Any]:
    offset_us, drift_ppb = found.offset_us, found.drift_ppb
    return {
        "width": found.width, "height": found.height,
        "lost_5_min": found.lost_5_min, "lost_hour": found.lost_hour, "lost_day": found.lost_day,
        "jitter_ms": round(found.jitter_us / 1000, 2) if connected else None,
        "clock_offset_ms": None if offset_us is None else round(offset_us / 1000, 1),
        "clock_ppm": None if drift_ppb is None else drift_ppb / 1000,
        "connections_hour": found.connections_hour, "connections_day": found.connections_day,
        "attempts_hour": found.attempts_hour,
        "newest_at": time_or_none(found.arrived_us), "sealed_at": time_or_none(found.sealed_us),
        "frames_waiting": found.frames_waiting, "frames_unrecorded": found.frames_unrecorded,
    }  # fmt: skip


NOTHING_YET = {
    "width": None, "height": None, "lost_5_min": 0, "lost_hour": 0, "lost_day": 0, "jitter_ms": None,
    "clock_offset_ms": None, "clock_ppm": None, "connections_hour": 0, "connections_day": 0, "attempts_hour": 0,
    "newest_at": None, "sealed_at": None, "frames_waiting": 0, "frames_unrecorded": 0,
}  # fmt: skip


async def stream_series(request: web.Request) -> web.Response:
    """GET /api/operations/streams/{id}/series"""
    return web.json_response(_points(operations(request).series_of(request.match_info["id"])))


async def series(request: web.Request) -> web.Response:
    """GET /api/operations/series"""
    query = read_query(request, SeriesQuery)
    names = list(SERIES) if query.names == "*" else query.names.split(",")
    unknown = [name for name in names if name not in SERIES]
    if unknown:
        raise InvalidRequest(f"names: {unknown[0][:60]!r} is none of {', '.join(SERIES)}")
    if query.to_us <= query.from_us:
        raise InvalidRequest("to: expected a time after from")
    return web.json_response(_points(operations(request).series(names, query.from_us, query.to_us)))


def _points(found: Points) -> dict[str, Any]:
    return {
        "step_s": found.step_us / US_PER_S,
        "at": [at_us // 1000 for at_us in found.at_us],
        "values": {name: [None if one is None else round(one, 6) for one in row] for name, row in found.values.items()},
    }


# ---------------------------------------------------------------------------------------- the hub


async def show_hub(request: web.Request) -> web.Response:
    """GET /api/operations/hub"""
    services, figures = request.app[SERVICES], operations(request)
    said = figures.said.all() if figures.said is not None else []
    answer = HubFigures(
        at=rfc3339(services.clock.now().utc_us),
        version=__version__,
        started_at=rfc3339(figures.started_us),
        memory_of_history_bytes=figures.nbytes,
        checks=dict(services.ready()),
        signer=_signer(services),
        settings=settings_shown(services),
        warnings=[
            WarningOut(at=rfc3339(one.at_us), level=one.level, event=one.event, facts=dict(one.facts)) for one in said
        ],
    )
    return web.json_response(answer.model_dump(mode="json"))


def _signer(services: Services) -> SignerOut | None:
    found = dict(services.standing())
    if not found:
        return None
    signed_us, vkey = found.pop("signed_us"), str(found["vkey"])
    found |= {
        "key_id": vkey.split("+")[1] if vkey.count("+") >= 2 else "",
        "signed_at": time_or_none(signed_us if isinstance(signed_us, int) else None),
        "failures": round(value_of(metrics.CHECKPOINT_FAILURES)),
    }
    return SignerOut.model_validate(found)


def settings_shown(services: Services) -> list[SettingOut]:
    """Every setting in force; of a secret, whether it is set."""
    shown = []
    for name, field in type(services.settings).model_fields.items():
        value = getattr(services.settings, name)
        default = field.get_default(call_default_factory=True)
        if isinstance(value, SecretStr):
            text = "***"
        elif isinstance(value, tuple | list):
            text = "\n".join(redact(str(one)) for one in value)
        else:
            text = "" if value is None else redact(str(value))
        shown.append(SettingOut(name=name, value=text, changed=value != default))
    return shown


# ---------------------------------------------------------------------------------------- storage


async def show_stored(request: web.Request) -> web.Response:
    """GET /api/operations/storage"""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    retention = services.retention
    if retention is None:
        raise Unavailable("retention does not run here")
    stored = await retention.stored()
    known = {one.id: one for one in services.registry.list(retired=True)}
    rows = [
        UnitBytes.model_validate(
            {"stream": name, "unit": known[name].unit if name in known else "",
             "class": retention.rules.class_of(name).name, "bytes": size}
        )
        for name, size in stored.items()
        if may_see(services, standing, Right.RETENTION_VIEW, name)
    ]  # fmt: skip
    beside = await asyncio.to_thread(_beside, services) if standing.may(Right.RETENTION_VIEW) else {}
    answer = StoredOut(
        measured_at=rfc3339(services.clock.now().utc_us),
        streams=rows,
        beside=beside,
        storage_errors=round(value_of(metrics.STORAGE_ERRORS)),
    )
    return web.json_response(answer.model_dump(mode="json", by_alias=True))


_MOST_FILES = 20_000


def _beside(services: Services) -> dict[str, int]:
    """Blocks. What lies in the data folder beside the reels; a folder of very many files is left out."""
    found: dict[str, int] = {}
    for place in services.settings.data.iterdir():
        if place.name == "reels":
            continue
        if place.is_file():
            found["hub.db" if place.name.startswith("hub.db") else "files"] = (
                found.get("hub.db" if place.name.startswith("hub.db") else "files", 0) + place.stat().st_size
            )
            continue
        size = 0
        for number, path in enumerate(place.rglob("*")):
            if number > _MOST_FILES:
                break
            try:
                size += path.lstat().st_size
            except OSError:
                continue  # it went while we looked
        else:
            found[place.name] = size
    return found


ROUTES = (
    Route(
        "GET", "/api/operations/streams", list_streams, Access.USER,
        "How the streams of the caller's units are doing: rate, loss, jitter, clock, connections.",
        answer=StreamsOut, right=Right.STREAMS_VIEW, scope=Scope.OWN, refusals=(503,),
    ),
    Route(
        "GET", "/api/operations/streams/{id}/series", stream_series, Access.USER,
        "One stream's last half hour, in slots of 10 s.",
        answer=PointsOut, right=Right.STREAMS_VIEW, scope=Scope.STREAM, refusals=(404, 503),
    ),
    Route(
        "GET", "/api/operations/series", series, Access.USER,
        "The hub's own figures: in slots of 5 s for two hours, of 5 min for seven days.",
        query=SeriesQuery, answer=PointsOut, right=Right.SYSTEM_VIEW, refusals=(400, 503),
    ),
    Route(
        "GET", "/api/operations/hub", show_hub, Access.USER,
        "Version, start, settings in force without secrets, warnings, and who signs the log.",
        answer=HubFigures, right=Right.SYSTEM_VIEW, refusals=(503,),
    ),
    Route(
        "GET", "/api/operations/storage", show_stored, Access.USER,
        "Bytes of footage by stream, and what else lies in the data folder.",
        answer=StoredOut, right=Right.RETENTION_VIEW, scope=Scope.OWN, refusals=(503,),
    ),
)  # fmt: skip
