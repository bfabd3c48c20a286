"""An enforcement activity, as its ledger entries tell it. Pure.

Nothing is edited: an activity is what remains when its entries are read in order, the first of them its begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

PHRASE = "为保护您的合法权益，监督我们的执法行为，本次行政执法全程录音、录像。"
"""What is said to a party beforehand (004§6, 003§19)."""


class Mode(StrEnum):
    """全程 or 重要环节 (001§20, 003§18)."""

    FULL = "full"
    KEY_STEPS = "key_steps"


class MarkKind(StrEnum):
    CERTIFICATE_SHOWN = "certificate_shown"
    """出示证件"""
    NOTICE = "notice"
    """告知: the phrase was spoken."""
    KEY = "key"
    """重点标记"""
    FREE = "free"


class ExemptionType(StrEnum):
    """Why footage could not be stored at once (A§24; 002§23 has no 水上)."""

    CONTINUOUS = "continuous"
    """连续执法"""
    ELSEWHERE = "elsewhere"
    """异地执法"""
    FRONTIER = "frontier"
    """边远地区"""
    WATER = "water"
    """水上"""
    HARD_ACCESS = "hard_access"
    """交通不便"""


class Action(StrEnum):
    BEGIN = "begin"
    AMEND = "amend"
    MARK = "mark"
    END = "end"
    EXEMPT = "exempt"
    RETURNED = "returned"
    OVERDUE = "overdue"
    """By the hub: the deadline has passed, and this level of the organisation was told."""


MODE_WORDS: Mapping[Mode, str] = {Mode.FULL: "全程音像记录", Mode.KEY_STEPS: "重要环节音像记录"}


@dataclass(frozen=True, slots=True)
class Officer:
    """``certificate`` as :func:`hub.people.people.check_certificate` gives it; empty for none. ``assistant``:
    协助人员, who does not count as an officer. ``username`` is empty for somebody whom the hub does not know."""

    name: str
    certificate: str = ""
    assistant: bool = False
    username: str = ""

    @property
    def text(self) -> str:
        role = "，协助人员" if self.assistant else ""
        return f"{self.name}（执法证号{self.certificate}{role}）" if self.certificate else f"{self.name}{role}"


@dataclass(frozen=True, slots=True)
class Mark:
    """``at_us`` is the moment that is marked, ``entered_us`` when it was said."""

    kind: MarkKind
    at_us: int
    text: str
    by: str
    entered_us: int


@dataclass(frozen=True, slots=True)
class Exemption:
    """``returned_us``: when the officers were back; None: not yet."""

    type: ExemptionType
    text: str
    by: str
    entered_us: int
    returned_us: int | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """``unit`` and ``unit_name`` (大队名称), ``device`` (设备编号) are as they were at the begin. ``recorder`` is the
    certificate, or the name where there is none, of the officer who records; empty: not said. ``party_present``: a
    party or somebody concerned is there. ``documents``: numbers of the 执法文书 that go
    with it (A§19). ``told_levels``: how far up the organisation its being overdue was told.
    All times are hub UTC, µs."""

    id: str
    stream_id: str
    unit: str
    unit_name: str
    device: str
    mode: Mode
    began_us: int
    by: str
    officers: tuple[Officer, ...] = ()
    recorder: str = ""
    party: str = ""
    party_present: bool = False
    cause: str = ""
    case_number: str = ""
    place: str = ""
    matter: str = ""
    ended_us: int | None = None
    marks: tuple[Mark, ...] = ()
    exemption: Exemption | None = None
    told_levels: int = 0
    entries: int = 1
    documents: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.ended_us is None

    def marked(self, kind: MarkKind) -> bool:
        return any(mark.kind is kind for mark in self.marks)

    def json(self) -> dict[str, Any]:
        """Plain JSON, from which :func:`activity_from` makes it again."""
        own = {name: getattr(self, name) for name in Activity.__slots__}
        officers, marks = [_plain(one) for one in self.officers], [_plain(one) for one in self.marks]
        documents = list(self.documents)
        own |= {"officers": officers, "marks": marks, "documents": documents}
        return {**own, "exemption": self.exemption and _plain(self.exemption)}


def _plain(one: Officer | Mark | Exemption) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


def activity_from(value: Mapping[str, Any]) -> Activity:
    """The inverse of :meth:`Activity.json`."""
    exemption = value["exemption"]
    return Activity(
        **{
            **value,
            "mode": Mode(value["mode"]),
            "officers": tuple(Officer(**one) for one in value["officers"]),
            "documents": tuple(value.get("documents", ())),
            "marks": tuple(Mark(**{**one, "kind": MarkKind(one["kind"])}) for one in value["marks"]),
            "exemption": exemption and Exemption(**{**exemption, "type": ExemptionType(exemption["type"])}),
        }
    )


AMENDABLE = frozenset(
    {"officers", "recorder", "party", "party_present", "cause", "case_number", "place", "matter", "mode", "documents"}
)


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of type ``activity``: its place in the chain, hub UTC when it was made, and its body."""

    stream_id: str
    seq: int
    at_us: int
    body: Mapping[str, Any] = field(default_factory=dict)


def follow(activity: Activity | None, said: Said) -> Activity:
    """The activity after one more entry. Raises ValueError, KeyError or TypeError for one that fits nothing: it stays
    an entry, and is shown in the history alone."""
    body = said.body
    action = Action(body["action"])
    if action is Action.BEGIN:
        if activity is not None:
            raise ValueError("expected one begin")
        return _begun(said)
    if activity is None:
        raise ValueError("expected a begin first")
    activity = replace(activity, entries=activity.entries + 1)
    match action:
        case Action.AMEND:
            fields = {name: value for name, value in body["fields"].items() if name in AMENDABLE}
            return replace(activity, **_typed(fields))
        case Action.MARK:
            mark = Mark(MarkKind(body["kind"]), body["at_us"], body["text"], body["by"], said.at_us)
            return replace(activity, marks=(*activity.marks, mark))
        case Action.END:
            return replace(activity, ended_us=body["at_us"])
        case Action.EXEMPT:
            exemption = Exemption(ExemptionType(body["type"]), body["text"], body["by"], said.at_us)
            return replace(activity, exemption=exemption, told_levels=0)
        case Action.RETURNED:
            if activity.exemption is None:
                raise ValueError("expected an exemption first")
            exemption = replace(activity.exemption, returned_us=body["at_us"])
            return replace(activity, exemption=exemption, told_levels=0)
        case Action.OVERDUE:
            return replace(activity, told_levels=max(activity.told_levels, body["level"] + 1))


def _begun(said: Said) -> Activity:
    body = said.body
    fields = {name: body[name] for name in AMENDABLE if name in body}
    return Activity(
        id=body["id"],
        stream_id=said.stream_id,
        unit=body["unit"],
        unit_name=body["unit_name"],
        device=body["device"],
        began_us=body["at_us"],
        by=body["by"],
        **_typed(fields),
    )


def _typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(fields)
    if "mode" in found:
        found["mode"] = Mode(found["mode"])
    if "documents" in found:
        found["documents"] = tuple(str(one) for one in found["documents"])
    if "officers" in found:
        found["officers"] = tuple(Officer(**one) for one in found["officers"])
    return found


def replay(entries: Sequence[Said]) -> Activity | None:
    """What the entries of one activity, in their order, come to; those that fit nothing are passed over."""
    activity: Activity | None = None
    for said in entries:
        try:
            activity = follow(activity, said)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return activity
