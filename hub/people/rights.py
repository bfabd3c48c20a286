"""Which role may do what: one table, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final


class Right(StrEnum):
    """What a call asks of the one who makes it."""

    SELF = "self"
    """One's own session and password: everybody who is signed in."""
    STREAMS_VIEW = "streams.view"
    STREAMS_MANAGE = "streams.manage"
    LIVE_VIEW = "live.view"
    PLAYBACK_VIEW = "playback.view"
    """A standing grant to look at what was recorded: a reason suffices."""
    LOOKS_ASK = "looks.ask"
    """To ask for a look at what was recorded, and to play what was granted."""
    LOOKS_APPROVE = "looks.approve"
    """To decide what another person asked for (R17)."""
    INTERRUPTIONS_VIEW = "interruptions.view"
    INTERRUPTIONS_PICTURE = "interruptions.picture"
    """The one picture that an alarm was raised on."""
    INTERRUPTIONS_HANDLE = "interruptions.handle"
    EXPLANATIONS_WRITE = "explanations.write"
    EXPLANATIONS_SIGN = "explanations.sign"
    EXPLANATIONS_EXEMPT = "explanations.exempt"
    SESSIONS_VIEW = "sessions.view"
    SESSIONS_MANAGE = "sessions.manage"
    DUTY_MANAGE = "duty.manage"
    DUTY_YEARS = "duty.years"
    """The holidays of a year, as the State Council has announced them."""
    MAINTENANCE_REQUEST = "maintenance.request"
    MAINTENANCE_APPROVE = "maintenance.approve"
    """Of what another person asked for."""
    NOTICES_MANAGE = "notices.manage"
    """Where alarms are sent to."""
    FAULTS_REPORT = "faults.report"
    """故障停用: that a device is not to be used."""
    FAULTS_REPAIR = "faults.repair"
    """That a named service has repaired it."""
    EXPORTS_VIEW = "exports.view"
    EXPORTS_REQUEST = "exports.request"
    EXPORTS_APPROVE = "exports.approve"
    HOLDS_MANAGE = "holds.manage"
    RETENTION_VIEW = "retention.view"
    RETENTION_APPROVE = "retention.approve"
    UNITS_VIEW = "units.view"
    UNITS_MANAGE = "units.manage"
    PEOPLE_VIEW = "people.view"
    PEOPLE_MANAGE = "people.manage"
    LABELS_MANAGE = "labels.manage"
    """密级、商业秘密、个人隐私: to say that something is (R31)."""
    LABELS_SEE = "labels.see"
    """To see what is labelled, and to lift a label."""
    LOG_STATUS = "log.status"
    SYSTEM_VIEW = "system.view"
    AUDIT_VIEW = "audit.view"
    ACCESS_VIEW = "access.view"
    """Who looked at what, of the streams of a unit."""
    INSPECTION_VIEW = "inspection.view"
    """监督检查: the figures of a unit, its samples, checks and orders."""
    INSPECTION_MANAGE = "inspection.manage"
    """To draw a sample, to start a check, to order rectification."""
    INSPECTION_ANSWER = "inspection.answer"
    """To say of an order to rectify what was done."""


class Role(StrEnum):
    """What a person is to the hub. ``device`` is what a recorder's token stands for, and is given to no person."""

    WATCHER = "watcher"
    HALL_ADMIN = "hall_admin"
    INSPECTOR = "inspector"
    ARCHIVIST = "archivist"
    APPROVER = "approver"
    AUDITOR = "auditor"
    OFFICER = "officer"
    ENGINEER = "engineer"
    ACCOUNT_ADMIN = "account_admin"
    ADMIN = "admin"
    DEVICE = "device"


_R = Right
_WHERE = (_R.SELF, _R.UNITS_VIEW)
_SESSIONS = (_R.SESSIONS_VIEW, _R.SESSIONS_MANAGE)
_WHAT = (*_WHERE, _R.STREAMS_VIEW, _R.INTERRUPTIONS_VIEW)
_SEES = (*_WHAT, _R.INTERRUPTIONS_PICTURE)
_LABELS = (_R.LABELS_MANAGE, _R.LABELS_SEE)
_PLAYS = (_R.PLAYBACK_VIEW, _R.LOOKS_ASK)

TABLE: Final = MappingProxyType(
    {
        # live needs a duty role, playback a standing grant or an approval (R17)
        Role.WATCHER: frozenset(
            {*_SEES, _R.LIVE_VIEW, _R.LOOKS_ASK, _R.INTERRUPTIONS_HANDLE, *_SESSIONS, _R.FAULTS_REPORT}
        ),
        Role.HALL_ADMIN: frozenset(
            {
                *_SEES, _R.LIVE_VIEW, *_PLAYS, _R.INTERRUPTIONS_HANDLE, _R.EXPLANATIONS_WRITE,
                _R.EXPLANATIONS_SIGN, *_SESSIONS, _R.DUTY_MANAGE, _R.EXPORTS_VIEW, _R.EXPORTS_REQUEST,
                _R.FAULTS_REPORT, _R.MAINTENANCE_REQUEST, _R.MAINTENANCE_APPROVE, _R.INSPECTION_VIEW,
                _R.INSPECTION_ANSWER, _R.LABELS_MANAGE,
            }
        ),
        Role.INSPECTOR: frozenset(
            {
                *_SEES, *_PLAYS, _R.EXPORTS_VIEW, _R.EXPORTS_REQUEST, _R.RETENTION_VIEW, _R.PEOPLE_VIEW,
                _R.LOG_STATUS, _R.SESSIONS_VIEW, _R.ACCESS_VIEW, _R.INSPECTION_VIEW, _R.INSPECTION_MANAGE,
            }
        ),
        Role.ARCHIVIST: frozenset(
            {
                *_SEES, *_PLAYS, _R.EXPORTS_VIEW, _R.EXPORTS_REQUEST, _R.HOLDS_MANAGE, _R.RETENTION_VIEW,
                *_SESSIONS, _R.FAULTS_REPORT, *_LABELS,
            }
        ),
        Role.APPROVER: frozenset(
            {
                *_SEES, _R.LIVE_VIEW, *_PLAYS, _R.LOOKS_APPROVE, _R.EXPORTS_VIEW, _R.EXPORTS_APPROVE, _R.RETENTION_VIEW,
                _R.EXPLANATIONS_EXEMPT, _R.RETENTION_APPROVE, _R.PEOPLE_VIEW, _R.SESSIONS_VIEW,
                _R.MAINTENANCE_APPROVE, _R.INSPECTION_VIEW, _R.INSPECTION_ANSWER, *_LABELS,
            }
        ),
        Role.AUDITOR: frozenset(
            {
                *_WHAT, _R.EXPORTS_VIEW, _R.RETENTION_VIEW, _R.PEOPLE_VIEW, _R.LOG_STATUS, _R.SYSTEM_VIEW,
                _R.AUDIT_VIEW, _R.ACCESS_VIEW, _R.SESSIONS_VIEW, _R.INSPECTION_VIEW,
            }
        ),
        Role.OFFICER: frozenset(
            {*_WHAT, _R.LOOKS_ASK, _R.EXPLANATIONS_WRITE, _R.EXPLANATIONS_SIGN, *_SESSIONS, _R.FAULTS_REPORT}
        ),
        Role.ENGINEER: frozenset(
            {*_WHAT, _R.STREAMS_MANAGE, _R.FAULTS_REPORT, _R.FAULTS_REPAIR,
                _R.DUTY_YEARS, _R.MAINTENANCE_REQUEST, _R.NOTICES_MANAGE, _R.RETENTION_VIEW, _R.LOG_STATUS,
                _R.SYSTEM_VIEW}
        ),
        Role.ACCOUNT_ADMIN: frozenset({*_WHERE, _R.UNITS_MANAGE, _R.PEOPLE_VIEW, _R.PEOPLE_MANAGE}),
        Role.ADMIN: frozenset(Right),
        Role.DEVICE: frozenset(),
    }
)  # fmt: skip

PICTURES: Final = frozenset(
    {
        Right.LIVE_VIEW,
        Right.PLAYBACK_VIEW,
        Right.LOOKS_ASK,
        Right.INTERRUPTIONS_PICTURE,
        Right.EXPORTS_REQUEST,
        Right.LABELS_SEE,
    }
)
"""What shows what was filmed."""
WITHOUT_PICTURES: Final = frozenset({Role.ENGINEER, Role.ACCOUNT_ADMIN})
"""Who holds one of these sees no picture, whatever else they are."""
HUB_WIDE: Final = frozenset({Right.LOG_STATUS, Right.SYSTEM_VIEW, Right.AUDIT_VIEW})
"""Not of a unit but of the hub: these hold for people of the root unit alone."""


def rights_of(roles: Collection[Role]) -> frozenset[Right]:
    """What these roles together may do, within the unit of who holds them."""
    return _rights_of(frozenset(roles))


@cache  # asked for every event of every socket; there are few combinations
def _rights_of(roles: frozenset[Role]) -> frozenset[Right]:
    if Role.ADMIN in roles:
        return TABLE[Role.ADMIN]
    rights: frozenset[Right] = frozenset({Right.SELF}).union(*(TABLE[role] for role in roles))
    return rights - PICTURES if WITHOUT_PICTURES & roles else rights


def main_role(roles: Collection[Role]) -> str:
    """The one word for a person with these roles; empty for none."""
    if Role.ADMIN in roles:
        return Role.ADMIN.value
    return next((role.value for role in Role if role in roles), "")


def refusal(roles: Collection[Role], before: Collection[Role], *, granter: Collection[Role], own: bool) -> str:
    """Why these roles may not be given in place of ``before``; empty if they may.

    Nobody changes their own roles; admin is given and taken by an admin alone; device is no person's.
    """
    changed = set(roles) ^ set(before)
    if not changed:
        return ""
    if own:
        return "nobody changes their own roles; another account administrator does"
    if Role.DEVICE in roles:
        return "device is the role of a recorder's token, not of a person"
    if Role.ADMIN in changed and Role.ADMIN not in granter:
        return "the role admin is given and taken by an admin alone"
    return ""
