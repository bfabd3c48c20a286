"""A statement that was rewritten, or a scan that vanished: the verification tells."""

from __future__ import annotations

from pathlib import Path

from hub.followup.judge import Form
from hub.ledger.verdict import Harm, Verdict
from hub.ledger.verify import verify_path
from tests.followup_support import REC, Desk, desk
from tests.ledger_folder import START_US
from tests.package_support import Unpacked, export

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


async def test_a_package_brings_them_along(tmp_path: Path) -> None:
    """The files that explanations name are in the package, and its verification vouches for them by the entries."""
    async with desk(tmp_path) as at:
        files = await explained(at)
    begin_us, end_us = START_US - 1, at.clock.now().utc_us + 1
    result = export(at.folder, tmp_path / "a.zip", stream_id=REC, from_us=begin_us, to_us=end_us)
    assert not result.warnings
    names = [str(path.relative_to(at.folder.data)) for path in files]
    package = Unpacked.of(tmp_path / "a.zip")
    assert [package.files[name] for name in names] == [path.read_bytes() for path in files]

    def verdict(change: str) -> list[tuple[Harm, str]]:
        forged = Unpacked.of(tmp_path / "a.zip")
        if change == "altered":
            forged.files[names[0]] = forged.files[names[0]].replace("无信号".encode(), "关机了".encode())
        elif change == "missing":
            del forged.files[names[1]]
        else:
            forged.files[names[1].replace(".pdf", "0.pdf")] = PDF
        forged.relist()
        found = verify_path(forged.write(tmp_path / f"{change}.zip"), keys_dir=at.folder.keys)
        assert found.exit_code == 1
        return [(one.harm, one.place) for one in found.findings if one.place.startswith("statements/")]

    assert verify_path(tmp_path / "a.zip", keys_dir=at.folder.keys).exit_code == 0
    assert verdict("altered") == [(Harm.ALTERED, names[0])]
    assert verdict("missing") == [(Harm.MISSING, names[1])]
    assert verdict("added") == [(Harm.UNDECLARED, names[1].replace(".pdf", "0.pdf"))]


async def test_a_package_without_a_statement_that_vanished(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        text, _ = await explained(at)
    text.unlink()
    span = {"from_us": START_US - 1, "to_us": at.clock.now().utc_us + 1}
    result = export(at.folder, tmp_path / "a.zip", stream_id=REC, **span)
    assert any(text.name in warning for warning in result.warnings)
    assert verify_path(tmp_path / "a.zip", keys_dir=at.folder.keys).exit_code == 1
