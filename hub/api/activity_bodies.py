"""What is said and told of activities over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from hub.activities.deadlines import StorageState
from hub.activities.drafts import Draft
from hub.activities.findings import Finding
from hub.activities.model import ExemptionType, MarkKind, Mode, Officer
from hub.activities.store import Kept
from hub.api.schema import Input, TimeText, TimeUs, time_or_none
from hub.clock import rfc3339

ROWS = 500
"""At most on a page."""


class OfficerIn(Input):
    name: str = Field(max_length=100)
    certificate: str = Field("", max_length=100, description="执法证号; of somebody the hub knows it decides the rest.")
    assistant: bool = Field(False, description="协助人员")


class ActivityFields(Input):
    officers: list[OfficerIn] | None = Field(None, max_length=50)
    recorder: str | None = Field(
        None, max_length=100, description="Certificate or name of the officer who records (谁执法、谁记录)."
    )
    party: str | None = Field(None, max_length=200, description="当事人")
    party_present: bool | None = Field(None, description="当事人或利害关系人在场")
    cause: str | None = Field(None, max_length=200, description="案由")
    case_number: str | None = Field(None, max_length=200, description="案号")
    place: str | None = Field(None, max_length=200, description="地点")
    matter: str | None = Field(None, max_length=200, description="事项")
    mode: Mode | None = Field(None, description="全程 or 重要环节; that of the unit or room if not said.")
    documents: list[Annotated[str, Field(max_length=200)]] | None = Field(
        None, max_length=50, description="Numbers of the documents (执法文书) that go with it."
    )

    def draft(self) -> Draft:
        officers = None
        if self.officers is not None:
            officers = [Officer(one.name, one.certificate, one.assistant) for one in self.officers]
        return Draft(
            officers, self.recorder, self.party, self.party_present, self.cause, self.case_number, self.place,
            self.matter, self.mode, self.documents,
        )  # fmt: skip


class DeviceBegin(ActivityFields):
    at: TimeUs | None = Field(None, description="Now if not said.")


class ActivityIn(ActivityFields):
    stream: str = Field(max_length=63)
    at: TimeUs | None = Field(None, description="Now if not said; in the past for one that is entered afterwards.")
    ended_at: TimeUs | None = None


class AmendIn(ActivityFields):
    reason: str = Field(min_length=1, max_length=2000)


class MarkIn(Input):
    kind: MarkKind
    text: str = Field("", max_length=400)
    at: TimeUs | None = None


class MomentIn(Input):
    at: TimeUs | None = Field(None, description="Now if not said.")


class ExemptIn(Input):
    type: ExemptionType = Field(
        description="连续 continuous, 异地 elsewhere, 边远 frontier, 水上 water, 交通不便 hard_access"
    )
    text: str = Field(min_length=1, max_length=2000)


class ActivitiesQuery(Input):
    unit: str | None = Field(None, max_length=63, description="Of this unit and below it (大队名称).")
    stream: str | None = Field(None, max_length=63)
    device: str | None = Field(None, max_length=100, description="设备编号, or a part of it.")
    officer: str | None = Field(None, max_length=100, description="Name or 执法证号, or a part.")
    party: str | None = Field(None, max_length=100, description="当事人, or a part.")
    cause: str | None = Field(None, max_length=100, description="案由, or a part.")
    case: str | None = Field(None, max_length=100, description="案号 or 文书号, or a part.")
    q: str | None = Field(None, max_length=100, description="Words, each of them in any of the fields.")
    finding: Finding | None = None
    mode: Mode | None = None
    storage: StorageState | None = Field(None, description="How far its footage is stored; recording: it lasts.")
    from_us: TimeUs | None = Field(None, alias="from", description="It began then or later (使用时间).")
    to_us: TimeUs | None = Field(None, alias="to", description="It began before then.")
    limit: int = Field(50, ge=1, le=ROWS)
    after: str | None = Field(None, max_length=63, description="The id of the last one of the page before.")


class FindingsQuery(Input):
    unit: str | None = Field(None, max_length=63)
    limit: int = Field(100, ge=1, le=ROWS)


class OfficerOut(BaseModel):
    name: str
    certificate: str
    assistant: bool
    username: str


class MarkOut(BaseModel):
    kind: MarkKind
    at: TimeText
    text: str
    by: str
    entered_at: TimeText


class ExemptionOut(BaseModel):
    type: ExemptionType
    text: str
    by: str
    at: TimeText
    returned_at: TimeText | None


class ActivityOut(BaseModel):
    id: str
    stream: str
    unit: str
    unit_name: str = Field(description="大队名称, as it was at the begin.")
    device: str = Field(description="设备编号, as it was at the begin.")
    mode: Mode
    officers: list[OfficerOut]
    recorder: str
    party: str
    party_present: bool
    cause: str
    case_number: str
    documents: list[str] = Field(description="执法文书, by their numbers.")
    place: str
    matter: str
    began_at: TimeText
    ended_at: TimeText | None
    by: str
    marks: list[MarkOut]
    exemption: ExemptionOut | None
    findings: list[Finding]
    storage: StorageState
    deadline: TimeText | None = Field(description="By when its footage must be stored; none before it is known.")


class EntryOut(BaseModel):
    seq: int
    at: TimeText
    said: dict[str, Any] = Field(description="The entry's body, as it is in the ledger.")


class ActivityDetail(ActivityOut):
    history: list[EntryOut]


class CurrentOut(BaseModel):
    activity: ActivityOut | None
    phrase: str = Field(description="What is said to a party beforehand (告知).")
    mode: Mode = Field(description="Of an activity that does not say.")


class FindingOut(BaseModel):
    finding: str
    text: str = Field(description="Chinese.")
    clause: str
    activity: ActivityOut | None = Field(description="None: of a stream that records outside of any.")
    stream: str
    since: TimeText


class NamedOfficerOut(BaseModel):
    name: str
    certificate: str
    assistant: bool
    unit: str


class DueOut(BaseModel):
    activity: ActivityOut
    deadline: TimeText | None
    left_s: int | None = Field(description="Until the deadline; negative after it. None: before the return.")
    interruptions: list[str] = Field(description="Which are neither filled nor explained.")


def activity_out(kept: Kept) -> ActivityOut:
    one = kept.activity
    exemption = one.exemption
    return ActivityOut(
        id=one.id, stream=one.stream_id, unit=one.unit, unit_name=one.unit_name, device=one.device, mode=one.mode,
        officers=[
            OfficerOut(name=each.name, certificate=each.certificate, assistant=each.assistant, username=each.username)
            for each in one.officers
        ],
        recorder=one.recorder, party=one.party, party_present=one.party_present, cause=one.cause,
        case_number=one.case_number, documents=list(one.documents),
        place=one.place, matter=one.matter, began_at=rfc3339(one.began_us),
        ended_at=time_or_none(one.ended_us), by=one.by,
        marks=[
            MarkOut(kind=each.kind, at=rfc3339(each.at_us), text=each.text, by=each.by,
                    entered_at=rfc3339(each.entered_us))
            for each in one.marks
        ],
        exemption=None if exemption is None else ExemptionOut(
            type=exemption.type, text=exemption.text, by=exemption.by, at=rfc3339(exemption.entered_us),
            returned_at=time_or_none(exemption.returned_us),
        ),
        findings=list(kept.findings), storage=kept.storage,
        deadline=time_or_none(kept.due_us),
    )  # fmt: skip
