"""A statement that was rewritten, or a scan that vanished: the verification tells."""

from __future__ import annotations

from pathlib import Path

from hub.followup.judge import Form
from hub.ledger.verdict import Harm, Verdict
from tests.followup_support import Desk, desk

PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


async def explained(at: Desk) -> tuple[Path, Path]:
    """A statement and a scan of it; their files."""
    await at.back(await at.fault())
    _, made = await at.explaining.draft("i-1", "隧道内无信号，录像中断。", at.person("zhang"))
    _, scan = await at.explaining.scan("i-1", made.id, PDF, "application/pdf", "li")
    return at.folder.data / made.file, at.folder.data / scan.file


def harms(verdict: Verdict) -> list[tuple[Harm, str]]:
    return [(one.harm, one.place.rsplit(".", 1)[-1]) for one in verdict.findings]


async def test_what_was_written_and_scanned_is_vouched_for(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await explained(at)
    assert at.folder.verify().findings == []


async def test_a_rewritten_statement(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        text, _ = await explained(at)
    text.write_text(text.read_text(encoding="utf-8").replace("无信号", "关机了"), encoding="utf-8")
    assert harms(at.folder.verify()) == [(Harm.ALTERED, "txt")]


async def test_a_vanished_scan(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        _, scan = await explained(at)
    scan.unlink()
    assert harms(at.folder.verify()) == [(Harm.MISSING, "pdf")]


async def test_a_link_in_the_place_of_a_statement(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        text, _ = await explained(at)
    elsewhere = tmp_path / "elsewhere.txt"
    text.rename(elsewhere)
    text.symlink_to(elsewhere)
    assert harms(at.folder.verify()) == [(Harm.MISSING, "txt")]


async def test_an_entry_that_names_a_file_elsewhere(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.back(await at.fault())
        case = await at.followup.case("i-1")
        for file in ("../keys/key", "statements/window-1/00.txt", "/etc/passwd", "reels/rec-1/x.txt"):
            await at.followup.write(case, Form.WRITTEN, "x", action="noted", statement="0", file=file, sha256="0" * 64)
    assert [one.harm for one in at.folder.verify().findings] == [Harm.ALTERED] * 4
