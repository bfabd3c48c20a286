"""Role × right, written out once more by hand: the table in the code must say the same."""

from __future__ import annotations

from itertools import combinations

import pytest

from hub.people.rights import HUB_WIDE, PICTURES, TABLE, WITHOUT_PICTURES, Right, Role, main_role, refusal, rights_of

# x: may. Columns in the order of ROLES.
ROLES = [
    "watcher",
    "hall_admin",
    "inspector",
    "archivist",
    "approver",
    "auditor",
    "officer",
    "engineer",
    "account_admin",
]
MATRIX = """
self                  x x x x x x x x x
streams.view          x x x x x x x x .
streams.manage        . . . . . . . x .
live.view             x x . . x . . . .
playback.view         . x x x x . . . .
looks.ask             x x x x x . x . .
looks.approve         . . . . x . . . .
interruptions.view    x x x x x x x x .
interruptions.picture x x x x x . . . .
interruptions.handle  x x . . . . . . .
explanations.write    . x . . . . x . .
explanations.sign     . x . . . . x . .
explanations.exempt   . . . . x . . . .
sessions.view         x x x x x x x . .
sessions.manage       x x . x . . x . .
faults.report         x x . x . . x x .
faults.repair         . . . . . . . x .
duty.manage           . x . . . . . . .
duty.years            . . . . . . . x .
maintenance.request   . x . . . . . x .
maintenance.approve   . x . . x . . . .
notices.manage        . . . . . . . x .
exports.view          . x x x x x . . .
exports.request       . x x x . . . . .
exports.approve       . . . . x . . . .
holds.manage          . . . x . . . . .
retention.view        . . x x x x . x .
retention.approve     . . . . x . . . .
labels.manage         . x . x x . . . .
labels.see            . . . x x . . . .
units.view            x x x x x x x x x
units.manage          . . . . . . . . x
people.view           . . x . x x . . x
people.manage         . . . . . . . . x
log.status            . . x . . x . x .
system.view           . . . . . x . x .
audit.view            . . . . . x . . .
access.view           . . x . . x . . .
inspection.view       . x x . x x . . .
inspection.manage     . . x . . . . . .
inspection.answer     . x . . x . . . .
"""


def test_the_table_is_the_matrix() -> None:
    rows = {line.split()[0]: line.split()[1:] for line in MATRIX.strip().splitlines()}
    assert set(rows) == {right.value for right in Right}
    for name, marks in rows.items():
        assert len(marks) == len(ROLES), name
        for role, mark in zip(ROLES, marks, strict=True):
            assert (Right(name) in rights_of([Role(role)])) == (mark == "x"), (name, role)
    assert rights_of([Role.ADMIN]) == set(Right)
    assert TABLE[Role.DEVICE] == frozenset()
    assert set(ROLES) | {"admin", "device"} == {role.value for role in Role}


@pytest.mark.parametrize("blind", sorted(WITHOUT_PICTURES))
def test_engineers_and_account_admins_see_no_pictures_whatever_else_they_are(blind: Role) -> None:
    for others in combinations([role for role in Role if role is not Role.ADMIN], 2):
        rights = rights_of({blind, *others})
        assert not rights & PICTURES
        assert rights >= TABLE[blind] - PICTURES


def test_two_people_are_needed_for_an_export() -> None:
    for role in set(Role) - {Role.ADMIN}:
        assert not {Right.EXPORTS_REQUEST, Right.EXPORTS_APPROVE} <= TABLE[role], role


def test_who_handles_people_handles_no_footage() -> None:
    footage = PICTURES | {Right.EXPORTS_APPROVE, Right.HOLDS_MANAGE, Right.EXPLANATIONS_SIGN, Right.STREAMS_MANAGE}
    assert not rights_of([Role.ACCOUNT_ADMIN]) & footage
    assert not rights_of([Role.ACCOUNT_ADMIN]) & HUB_WIDE


def test_several_roles_add_up_and_none_is_only_oneself() -> None:
    both = rights_of([Role.WATCHER, Role.INSPECTOR])
    assert both == TABLE[Role.WATCHER] | TABLE[Role.INSPECTOR]
    assert rights_of([]) == {Right.SELF}
    assert main_role([Role.OFFICER, Role.WATCHER]) == "watcher"
    assert main_role([Role.OFFICER, Role.ADMIN]) == "admin"
    assert main_role([]) == ""


ADMIN, MANAGER = {Role.ADMIN}, {Role.ACCOUNT_ADMIN}


@pytest.mark.parametrize(
    ("roles", "before", "granter", "own", "refused"),
    [
        ({Role.WATCHER}, set(), MANAGER, False, False),
        ({Role.ACCOUNT_ADMIN}, set(), MANAGER, False, False),
        ({Role.WATCHER}, set(), MANAGER, True, True),
        ({Role.WATCHER}, set(), ADMIN, True, True),
        (set(), {Role.WATCHER}, MANAGER, True, True),
        ({Role.WATCHER}, {Role.WATCHER}, MANAGER, True, False),
        ({Role.ADMIN}, set(), MANAGER, False, True),
        (set(), {Role.ADMIN}, MANAGER, False, True),
        ({Role.ADMIN}, set(), ADMIN, False, False),
        ({Role.DEVICE}, set(), ADMIN, False, True),
    ],
)
def test_who_may_give_what(roles: set[Role], before: set[Role], granter: set[Role], own: bool, refused: bool) -> None:
    assert bool(refusal(roles, before, granter=granter, own=own)) == refused
