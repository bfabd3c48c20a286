"""What goes in and out of /api/inspection."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.activities.findings import Finding
from hub.api.schema import Input, TimeText, TimeUs
from hub.inspection.inspections import MAX_TEXT
from hub.inspection.population import PopulationKind
from hub.inspection.records import Kind
from hub.inspection.sampling import MAX_SAMPLE
from hub.model import StreamKind

MAX_RECORDS = 1000


class OverviewQuery(Input):
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to", description="366 days after `from` at most.")
    unit: str | None = Field(None, max_length=100, description="With what lies below it; the caller's own if not said.")


class RecordsQuery(OverviewQuery):
    kind: Kind = Field(description="Which number the records are of.")
    limit: int = Field(200, ge=1, le=MAX_RECORDS)


class ListQuery(Input):
    unit: str | None = Field(None, max_length=100, description="With what lies below it.")
    limit: int = Field(100, ge=1, le=500)


class SampleIn(Input):
    unit: str | None = Field(None, max_length=100)
    kind: PopulationKind
    from_us: TimeUs = Field(alias="from")
    to_us: TimeUs = Field(alias="to")
    size: int = Field(ge=1, le=MAX_SAMPLE)
    seed: str | None = Field(None, max_length=64, description="None: drawn from the system's randomness.")
    stream_kind: StreamKind | None = None
    finding: Finding | None = Field(None, description="Of activities: only those with it.")
    slot_min: int = Field(15, description="Of slots: 5, 10, 15, 30 or 60.")


class ResultIn(Input):
    outcome: Literal["pass", "problem"]
    code: str = Field("", max_length=10, description="Of a problem: from the list of violations.")
    note: str = Field("", max_length=MAX_TEXT)


class OrderIn(Input):
    unit: str = Field(max_length=100)
    what: str = Field(max_length=MAX_TEXT)
    until: TimeUs
    code: str = Field("", max_length=10)
    sample: str = Field("", max_length=63, description="Of which result it is, if of any; with `item`.")
    item: int = Field(0, ge=0, le=MAX_SAMPLE)


class InspectionNoteIn(Input):
    note: str = Field("", max_length=MAX_TEXT)


class ChainCheckIn(Input):
    unit: str | None = Field(None, max_length=100, description="The caller's own if not said.")
    streams: list[str] = Field([], max_length=2000, description="None: all of the unit and below it.")
    from_us: TimeUs | None = Field(None, alias="from")
    to_us: TimeUs | None = Field(None, alias="to")


# ------------------------------------------------------------------------------------------ answers


class _Out(BaseModel):
    model_config = ConfigDict(populate_by_name=True)


class UnitRowOut(_Out):
    unit: str
    name: str
    parent: str = Field(description="Empty where the caller does not see it.")
    depth: int
    own: dict[Kind, int]
    all: dict[Kind, int] = Field(description="With all that lies below it. A number that is not there is 0.")


class OverviewOut(_Out):
    unit: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    rows: list[UnitRowOut] = Field(description="The tree from above: each unit before what lies below it.")
    left_out: int = Field(description="Interruptions that were not judged yet and count nowhere.")


class RecordOut(_Out):
    of: Literal["interruption", "activity", "day"]
    id: str
    unit: str
    stream: str
    at: TimeText
    to: TimeText | None
    text: str


class ViolationOut(_Out):
    code: str
    text: str
    clause: str


class ResultOut(_Out):
    outcome: Literal["pass", "problem"]
    code: str
    note: str
    by: str
    at: TimeText


class ItemOut(_Out):
    number: int
    id: str
    stream: str
    at: TimeText
    to: TimeText
    result: ResultOut | None


class SampleOut(_Out):
    id: str
    unit: str
    by: str
    at: TimeText
    leaf: str = Field(description="Leaf hash of its entry.")
    kind: str
    from_at: TimeText = Field(alias="from")
    to_at: TimeText = Field(alias="to")
    filter: dict[str, Any]
    population: int
    population_sha256: str
    size: int
    seed: str
    seed_origin: str
    items: list[ItemOut]
    done: bool
    problems: int


class StepOut(_Out):
    action: str
    by: str
    at: TimeText
    note: str


class OrderOut(_Out):
    id: str
    unit: str
    by: str
    at: TimeText
    leaf: str
    sample: str
    item: int
    what: str
    code: str
    until: TimeText
    state: Literal["open", "done", "closed"]
    overdue: bool
    steps: list[StepOut]


class CheckOut(_Out):
    id: str
    unit: str
    by: str
    at: TimeText | None = Field(description="When it ended; None: it has not.")
    started_at: TimeText
    state: Literal["running", "failed", "cancelled", "done"]
    problem: str
    done_bytes: int
    total_bytes: int
    streams: list[str]
    from_at: TimeText | None = Field(alias="from")
    to_at: TimeText | None = Field(alias="to")
    leaf: str
    verdict: dict[str, Any] | None = Field(description="As `hub verify --json`, bounded, with Chinese words.")
    hidden_findings: int = Field(description="Findings of streams that the caller may not see.")
