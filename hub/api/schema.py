"""What goes in and out as JSON: the models check a call, and describe it in openapi.json."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from hub.api.errors import BodyTooLarge, SlowBody, UnsupportedMediaType
from hub.clock import rfc3339
from hub.errors import InvalidRequest
from hub.model import Capability, InterruptionClass, InterruptionKind, InterruptionState, StreamKind, Transport
from hub.people.rights import Right

BODY_S = 20.0
"""How long a caller may take to send a body: who sends none holds a connection no longer."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# "+" of a zone becomes a blank in a query that was not escaped
_BLANK_ZONE = re.compile(r" (\d\d:\d\d)$")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)


def parse_time(text: object) -> int:
    """µs since 1970 of an RFC 3339 time with a zone; ValueError for anything else."""
    if isinstance(text, str):
        fixed = _BLANK_ZONE.sub(r"+\1", text)
        if _RFC3339.fullmatch(fixed):
            try:
                return (datetime.fromisoformat(fixed.upper()) - _EPOCH) // timedelta(microseconds=1)
            except (ValueError, OverflowError):
                pass
    raise ValueError("expected an RFC 3339 time with its zone, as 2026-11-20T08:00:00.000000Z")


TimeUs = Annotated[int, BeforeValidator(parse_time), WithJsonSchema({"type": "string", "format": "date-time"})]
"""µs since 1970 inside, RFC 3339 outside."""
TimeText = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class Input(BaseModel):
    """A body or query: unknown fields are refused, so that a typing error is not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


# ---------------------------------------------------------------------------------------- streams


class RtspSourceIn(Input):
    type: Literal["rtsp"]
    url: str = Field(description="rtsp:// or rtsps://, with user and password if the camera wants them.")
    transport: Transport = Transport.TCP


class WhipSourceIn(Input):
    type: Literal["whip"]


class RtspSourceChange(Input):
    type: Literal["rtsp"]
    url: str | None = Field(None, description="With the password masked as shown (***), the stored one is kept.")
    transport: Transport | None = None


class PreviewIn(Input):
    """子码流: shown on a wall in place of the source, labelled 预览·非留存, and never recorded."""

    url: str | None = Field(
        None,
        description="Of the camera's H.264 sub-stream, as source.url. With the password masked as shown (***), the "
        "stored one is kept: the sub-stream's, else the source's.",
    )
    transport: Transport | None = Field(None, description="tcp if nothing is said.")


class StreamIn(Input):
    id: str = Field(description="[a-z0-9][a-z0-9-]{0,62}; never given twice.")
    name: str
    kind: StreamKind
    source: Annotated[RtspSourceIn | WhipSourceIn, Field(discriminator="type")]
    unit: str | None = Field(None, description="Of the organisation tree; the caller's own if not said.")
    device_number: str = Field("", description="设备编号, as written on it; no two streams share one.")
    custodian: str = Field("", description="保管人: the username of an active person.")
    capabilities: frozenset[Capability] = Field(frozenset(), description="防爆, 夜视, 定位.")
    managed_by_others: bool = Field(False, description="Watched and recorded here, configured by others alone.")
    preview: PreviewIn | None = Field(None, description="The camera's sub-stream, for source type rtsp alone.")


class StreamChange(Input):
    name: str | None = None
    kind: StreamKind | None = None
    unit: str | None = None
    device_number: str | None = None
    custodian: str | None = None
    capabilities: frozenset[Capability] | None = Field(None, description="All of them: they replace the earlier ones.")
    managed_by_others: bool | None = Field(None, description="While it is, its source is not changed here (409).")
    source: Annotated[RtspSourceChange | WhipSourceIn, Field(discriminator="type")] | None = None
    preview: PreviewIn | None = Field(None, description="What is given of it; null takes it away.")
    rotate_token: bool = Field(False, description="Make a new device token; the old one is void at once.")


class RtspSourceOut(BaseModel):
    type: Literal["rtsp"] = "rtsp"
    url: str = Field(description="The password is masked.")
    transport: Transport


class PreviewOut(BaseModel):
    url: str = Field(description="The password is masked.")
    transport: Transport


class WhipSourceOut(BaseModel):
    type: Literal["whip"] = "whip"


class TrackOut(BaseModel):
    id: int
    kind: Literal["video", "audio"]
    codec: str
    channels: int = 0


class ComplaintOut(BaseModel):
    code: str
    message: str
    at: TimeText


class StatusOut(BaseModel):
    state: Literal["live", "suspected", "interrupted", "waiting", "idle", "off_duty", "retired"]
    since: TimeText | None = Field(None, description="When this state began.")
    tracks: list[TrackOut] = []
    device: str = Field("", description="What the source calls itself.")
    peer: str = ""
    session_at: TimeText | None = Field(None, description="When the connection that lasts began.")
    bitrate_bps: int = Field(0, description="Of what was received lately.")
    attempts: int = Field(0, description="How often the source was tried.")
    complaint: ComplaintOut | None = Field(None, description="What was last refused of it, or why it failed.")
    interruption: str | None = Field(None, description="The interruption that lasts, by id.")
    telemetry: dict[str, Any] | None = Field(None, description="As /api/streams/{id}/telemetry.")
    label: str | None = Field(None, description="Labelled at this moment (R31): state_secret, trade_secret, privacy.")
    fault: dict[str, Any] | None = Field(None, description="故障停用: as in /api/faults; none: it may be used.")


class RunningActivity(BaseModel):
    id: str
    officers: list[str] = Field(description="Their names; who records comes first.")
    place: str
    began_at: TimeText


class StreamOut(BaseModel):
    id: str
    name: str
    kind: StreamKind
    source: Annotated[RtspSourceOut | WhipSourceOut, Field(discriminator="type")]
    unit: str
    device_number: str
    custodian: str
    capabilities: list[Capability]
    managed_by_others: bool
    preview: PreviewOut | None = Field(description="The camera's sub-stream: shown on walls, never recorded.")
    retired: bool
    created_at: TimeText
    activity: RunningActivity | None = Field(
        None, description="The activity that lasts, for who may see sessions; never in events."
    )
    status: StatusOut


class StreamSaved(StreamOut):
    token: str | None = Field(None, description="A new device token: shown this once, only its digest is kept.")


# ---------------------------------------------------------------------------------------- footage


FollowupState = Literal[
    "none", "open", "reported", "awaiting", "partly_backfilled", "backfilled", "explained", "overdue", "exempt",
    "closed", "withdrawn",
]  # fmt: skip


class RangeQuery(Input):
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")


class TimelinesQuery(RangeQuery):
    streams: str | None = Field(None, max_length=6000, description="Ids with commas between; else all that are there.")
    unit: str | None = Field(None, max_length=63, description="Of this unit and those below it alone.")


def _kinds(text: object) -> object:
    return text.split(",") if isinstance(text, str) else text


Kinds = Annotated[
    frozenset[InterruptionKind], BeforeValidator(_kinds), WithJsonSchema({"type": "string", "example": "stall,black"})
]


class InterruptionsQuery(Input):
    stream: str | None = None
    unit: str | None = Field(None, max_length=100, description="Of the organisation tree, with what lies below it.")
    kind: Kinds | None = Field(None, description="One or several, separated by commas.")
    state: InterruptionState | None = None
    from_us: TimeUs | None = Field(None, alias="from")
    to_us: TimeUs | None = Field(None, alias="to")
    limit: int = Field(100, ge=1, le=1000)
    after: str | None = Field(None, max_length=100, description="The id of the last one of the page before.")
    followup: FollowupState | None = Field(None, description="What became of it.")


class LiveQuery(Input):
    streams: str = Field("", max_length=8000, description="Stream ids, separated by commas.")
    previews: str = Field(
        "", max_length=8000, description="Of which of them the sub-stream is wanted, where it has one."
    )


class StreamsQuery(Input):
    retired: bool = Field(False, description="Retired streams too.")
    capability: Capability | None = Field(None, description="Only those whose device has it.")


class NeedOut(BaseModel):
    code: Literal["footage", "spoken", "written", "resume"]
    text: str


class FollowupOut(BaseModel):
    """What became of an interruption after the fault."""

    state: FollowupState
    deadline: TimeText | None = Field(description="Until when it is to be explained.")
    reported_at: TimeText | None
    explained_at: TimeText | None
    how: Literal["", "backfilled", "spoken", "written", "paper", "exempt"]
    filled_us: int = Field(description="How much of it was filled by footage.")
    closed_at: TimeText | None
    closed_by: str
    exemption: str
    findings: list[str] = Field(description="What stays a finding even when it is closed.")
    missing: list[str] = Field(description="What closing still needs.")
    needs: list[NeedOut] = Field(description="The same in parts: any one is enough, but resume, which is only told.")
    signatures: int = Field(description="How many must sign a statement of it.")


class InterruptionOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: str
    stream: str
    kind: InterruptionKind
    interruption_class: InterruptionClass = Field(alias="class")
    state: InterruptionState
    started_at: TimeText
    detected_at: TimeText
    ended_at: TimeText | None
    edge_error_us: int
    tracks: list[int]
    count: int
    needs_explanation: bool
    rings: bool
    evidence: dict[str, int | str]
    followup: FollowupOut | None = Field(None, description="None for a suspicion.")
    incident: str | None = Field(None, description="The incident of many streams that it is a part of.")
    maintenance: str | None = Field(None, description="The planned maintenance within which it happened.")


class SpanInterruption(BaseModel):
    id: str
    kind: InterruptionKind
    state: InterruptionState
    maintenance: str | None = Field(None, description="The planned maintenance within which it happened.")


class SpanOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    state: Literal["recorded", "interrupted", "suspected", "backfilled", "off_duty"]
    interruption: SpanInterruption | None = None
    deleted: bool = Field(False, description="Recorded, and lawfully deleted since.")


class TimelineOut(BaseModel):
    spans: list[SpanOut]
    completeness: float | None


class TimelinesOut(BaseModel):
    streams: dict[str, TimelineOut] = Field(description="By id; a stream that the caller may not see is not there.")


# ----------------------------------------------------------------------------------------- system


class SignIn(Input):
    username: str = Field(max_length=100)
    password: str = Field(max_length=1000)


class PasswordChange(Input):
    old: str = Field(max_length=1000)
    new: str = Field(max_length=1000)


class SessionOut(BaseModel):
    username: str
    role: str = Field(description="The first of the person's roles.")
    expires_at: TimeText | None
    name: str
    unit: str
    rights: list[Right] = Field(description="They hold in the unit and below it.")
    must_change_password: bool = Field(description="Until then nothing else is answered.")
    method: Literal["password", "oidc", "token"] = Field(description="How the caller has shown who they are.")
    time_zone: str = Field(description="The hub's, as Asia/Shanghai: its days, and the times that people read.")


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    ready: bool
    checks: dict[str, str] = Field(description='"ok", or what is wrong.')


class ErrorDetail(BaseModel):
    code: str
    message: str


class ErrorOut(BaseModel):
    error: ErrorDetail


# ------------------------------------------------------------------------------------ reading them

ModelT = TypeVar("ModelT", bound=BaseModel)


async def read_json(request: web.Request, model: type[ModelT]) -> ModelT:
    """The body as ``model``. Raises UnsupportedMediaType, BodyTooLarge, InvalidRequest (naming the field)."""
    body = await read_body(request, "application/json")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise InvalidRequest(explain(error)) from None


async def read_body(request: web.Request, media_type: str) -> bytes:
    """The body, if it is of that type and no larger than allowed: refused before it is read where announced."""
    if request.content_type != media_type:
        found = request.headers.get(hdrs.CONTENT_TYPE, "none")[:100]
        raise UnsupportedMediaType(f"expected Content-Type: {media_type}, found {found}")
    limit = request.client_max_size
    if request.content_length is not None and request.content_length > limit:
        raise BodyTooLarge(f"the body announces {request.content_length} bytes; the most is {limit}")
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise SlowBody(f"the body did not come within {BODY_S:.0f} s") from None


def read_query(request: web.Request, model: type[ModelT]) -> ModelT:
    """The query as ``model``. Raises InvalidRequest (naming the parameter)."""
    query: dict[str, Any] = {}
    for key, value in request.query.items():
        if key in query:
            raise InvalidRequest(f"{key[:80]}: given twice")
        query[key] = value
    try:
        return model.model_validate(query)
    except ValidationError as error:
        raise InvalidRequest(explain(error)) from None


def explain(error: ValidationError) -> str:
    """One line that names each field; what was sent is not repeated, it may be a password."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        # of a union the path also names the chosen member ("source", "rtsp", "url"): not a field of the body
        path = [str(part) for part in problem["loc"] if part not in ("rtsp", "whip")]
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{'.'.join(path)}: {message}" if path else message)
    return "; ".join(lines)[:2000]


def time_or_none(utc_us: int | None) -> str | None:
    return None if utc_us is None else rfc3339(utc_us)
