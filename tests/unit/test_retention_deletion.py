"""Footage at the end of its term: tombstone, signature, deletion; what is held or too young stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import Conflict, InvalidRequest, NotFound, SettingsError
from hub.ledger.entries import EntryType
from hub.ledger.verdict import Completeness, Harm, Integrity
from hub.retention.rooms import OWN
from hub.settings import load_settings
from tests.ledger_folder import START_US
from tests.retention_support import GIB, REEL_US, bodies, days_us, running

DAY_RANGE = (START_US, START_US + days_us(1))


async def test_a_term_that_ends_deletes_in_order(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=("patrol=366..400",)) as place:
        names = await place.record("cam-a", 3)
        place.days(399)
        await place.passes()
        assert place.there("cam-a") == names, "past the least, and there is room"
        place.days(2)
        await place.retention.one_pass()
        (stone,) = bodies(place, "cam-a", EntryType.TOMBSTONE)
        assert [one["reel"] for one in stone["reels"]] == names
        assert (stone["rule"], stone["class"], stone["kept_days"], stone["approved_by"]) == (
            "term",
            "patrol",
            366,
            "rule:term",
        )
        await place.retention.one_pass()
        assert place.there("cam-a") == names, "not before a checkpoint covers the tombstone"
        await place.sign()
        await place.retention.one_pass()
        assert place.there("cam-a") == []
        (deleted,) = bodies(place, "cam-a", EntryType.DELETED)
        assert (deleted["reels"], deleted["absent"], deleted["kept"]) == (names, [], [])
        assert len(place.folder.entry_files("cam-a")) == 3, "entries stay"
    verdict = place.folder.verify()
    assert verdict.exit_code == 0, verdict.findings
    assert (verdict.integrity, verdict.completeness) == (Integrity.OK, Completeness.TOMBSTONED)
    assert verdict.counts.deleted_reels == 3


async def test_never_before_a_year_even_if_the_disk_is_full(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        names = await place.record("cam-a", 2)
        place.disk.free = 0
        place.days(365.9)
        await place.passes()
        assert place.there("cam-a") == names
        assert place.retention.status.low
        assert place.told[-1][0] == "storage.low"
        assert "no footage may go" in place.retention.problem
        place.disk.free = 50 * GIB
        await place.passes(1)
        assert (place.told[-1][0], place.retention.problem) == ("storage.ok", "ok")


async def test_room_is_made_from_the_oldest(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        first = await place.record("cam-b", 1)
        second = await place.record("cam-a", 1, at_us=START_US + 60_000_000)
        place.days(367)
        await place.passes()
        assert place.there("cam-b") == first, "room enough"
        size = (place.folder.data / first[0]).stat().st_size
        # one reel's room is short of what is enough
        place.disk.free = (512 << 20) * 3 // 2 - 1
        place.retention._settings = place.retention._settings.model_copy(update={"min_free_mb": 512})
        enough = 2 * (512 << 20)
        place.disk.free = enough - size
        place.retention._freeing = {OWN}
        await place.passes()
        assert place.there("cam-b") == []
        assert place.there("cam-a") == second
        (stone,) = bodies(place, "cam-b", EntryType.TOMBSTONE)
        assert stone["rule"] == "room"


async def test_a_hold_beats_the_term_until_it_is_released(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=("patrol=366..366",)) as place:
        names = await place.record("cam-a", 3)
        middle = START_US + REEL_US
        hold = await place.retention.place_hold("cam-a", middle + 1, middle + 2, "petition", "", "ma")
        place.days(3000)
        await place.passes()
        assert place.there("cam-a") == [names[1]]
        with pytest.raises(Conflict) as refused:
            await place.retention.approve("cam-a", *DAY_RANGE, "li")
        assert refused.value.code == "kept"
        assert hold.id in str(refused.value)
        with pytest.raises(InvalidRequest):
            await place.retention.release_hold(hold.id, " ", "li")
        released = await place.retention.release_hold(hold.id, "信访事项已办结", "li")
        assert (released.by, released.released_by, released.in_force) == ("ma", "li", False)
        await place.passes()
        assert place.there("cam-a") == []
        with pytest.raises(Conflict):
            await place.retention.release_hold(hold.id, "again", "li")
    assert place.folder.verify().exit_code == 0


async def test_a_hold_that_comes_between_tombstone_and_deletion_saves_the_reel(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=("patrol=366..366",)) as place:
        names = await place.record("cam-a", 2)
        place.days(400)
        await place.retention.one_pass()
        await place.retention.place_hold("cam-a", START_US, START_US + 1, "assault", "", "ma")
        await place.passes()
        assert place.there("cam-a") == names[:1]
        assert bodies(place, "cam-a", EntryType.DELETED)[0]["kept"] == names[:1]
        assert place.ledger.reader.chunks("cam-a", *DAY_RANGE, 100)[0].reel == names[0], "played again"
    verdict = place.folder.verify()
    assert (verdict.exit_code, verdict.counts.deleted_reels) == (0, 1), verdict.findings


async def test_evidence_is_kept_as_its_case(tmp_path: Path) -> None:
    classes = ("patrol=366..366", "evidence=1000..1000")
    async with running(tmp_path, retention_classes=classes) as place:
        names = await place.record("cam-a", 2)
        with pytest.raises(InvalidRequest):
            await place.retention.classify("cam-a", START_US, START_US + 1, "evidence", " ", "ma")
        await place.retention.classify("cam-a", START_US, START_US + 1, "evidence", "冀交执罚〔2026〕7号", "ma")
        place.days(5000)
        await place.passes()
        assert place.there("cam-a") == names[:1], "the case is open"
        with pytest.raises(Conflict) as refused:
            await place.retention.close_case("冀交执罚〔2026〕7号", 999, "ma")
        assert "第十二条" in str(refused.value)
        with pytest.raises(NotFound):
            await place.retention.close_case("another", None, "ma")
        await place.retention.close_case("冀交执罚〔2026〕7号", 1200, "ma")
        place.days(1199)
        await place.passes()
        assert place.there("cam-a") == names[:1], "its own term has not ended"
        place.days(2)
        await place.passes()
        assert place.there("cam-a") == []
    assert place.folder.verify().exit_code == 0


async def test_a_person_approves_only_what_the_rules_allow(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        names = await place.record("cam-a", 2)
        place.days(360)
        with pytest.raises(Conflict) as refused:
            await place.retention.approve("cam-a", *DAY_RANGE, "li")
        assert refused.value.code == "kept"
        assert "不少于一年" in str(refused.value)
        place.days(10)
        assert await place.retention.approve("cam-a", START_US, START_US + REEL_US, "li") == 1
        await place.passes()
        assert place.there("cam-a") == names[1:]
        assert bodies(place, "cam-a", EntryType.TOMBSTONE)[0]["approved_by"] == "li"


async def test_a_reel_that_is_missing_is_never_tombstoned(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=("patrol=366..366",)) as place:
        names = await place.record("cam-a", 2)
        (place.folder.data / names[0]).unlink()
        place.days(400)
        await place.passes()
        assert [one["reel"] for one in bodies(place, "cam-a", EntryType.TOMBSTONE)[0]["reels"]] == names[1:]
        assert names[0] in place.retention.status.problems[0]
    verdict = place.folder.verify()
    assert verdict.harms == {Harm.MISSING: 1}


async def test_a_calendar_that_leaps_deletes_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=("patrol=366..366",)) as place:
        names = await place.record("cam-a", 1)
        place.clock.step_utc(500 * 86_400)
        await place.passes()
        assert place.there("cam-a") == names
        assert "leapt" in place.retention.status.problems[0]


async def test_waits_for_an_outside_authority_but_not_for_ever(tmp_path: Path) -> None:
    async with running(tmp_path, retention_classes=("patrol=366..366",), retention_anchor_wait_h=5.0) as place:
        place.retention._authorities = lambda: True
        names = await place.record("cam-a", 1)
        place.days(400)
        await place.passes()
        assert place.there("cam-a") == names
        place.days(0.3)
        await place.passes(1)
        assert place.there("cam-a") == []


async def test_holds_that_are_not_copied_yet_can_be_told(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        hold = await place.retention.place_hold("cam-a", *DAY_RANGE, "other", "重要", "ma")
        with pytest.raises(InvalidRequest):
            await place.retention.place_hold("cam-a", *DAY_RANGE, "other", " ", "ma")
        with pytest.raises(InvalidRequest):
            await place.retention.place_hold("cam-a", *DAY_RANGE, "because", "x", "ma")
        assert hold.copies == ()
        await place.retention.mark_copied(hold.id, "光盘", "2026-001", "ab" * 32, "li")
        (copy,) = place.retention.hold(hold.id).copies
        assert (copy.label, copy.sha256, copy.by) == ("2026-001", "ab" * 32, "li")
    async with running(tmp_path) as place:
        assert place.retention.hold(hold.id).copies == (copy,), "read again from the ledger"


@pytest.mark.parametrize("classes", ["patrol=365", "evidence=30", "patrol", "x=0", "x=9..3", "x=5,x=6"])
def test_settings_below_the_law_are_refused(classes: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(environ={"HUB_RETENTION_CLASSES": classes})
    if classes.startswith(("patrol=", "evidence=")):
        assert "不少于一年" in str(refused.value)


def test_a_stream_has_a_known_class() -> None:
    with pytest.raises(SettingsError):
        load_settings(environ={"HUB_RETENTION_STREAMS": "cam-a=none"})
