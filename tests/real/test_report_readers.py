"""The report in other people's programs: poppler reads the PDF, zbar the code, Chromium the page without a network."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from hub.bench.latency import CHROMIUM, CHROMIUM_FLAGS
from hub.evidence.facts import FileFact, ReportFacts, Still
from hub.evidence.report import report
from hub.evidence.report.label import label_text
from hub.evidence.report.view import view
from tests.real.timestamp_authority import make_authority
from tests.report_facts import facts

pytestmark = pytest.mark.real

FACTS = facts()


def printed(folder: Path, given_facts: ReportFacts = FACTS) -> Path:
    path = folder / "report.pdf"
    path.write_bytes(report(given_facts)[1])
    return path


def run(*words: str | Path) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_every_font_is_inside_and_every_page_is_numbered(tmp_path: Path) -> None:
    path = printed(tmp_path)
    fonts = run("pdffonts", path).splitlines()[2:]
    assert {line.split()[0].split("+")[1].split("-Identity")[0] for line in fonts} == {
        "NotoSansSC-Regular",
        "NotoSerifSC-Regular",
        "DejaVuSansMono",
    }
    for line in fonts:
        assert re.search(r" yes yes yes +\d+ +\d+$", line), line
    pages = run("pdftotext", "-layout", path, "-").split("\f")[:-1]
    assert len(pages) >= 4
    for number, page in enumerate(pages, 1):
        assert "EX-2026-0105-0007" in page
        assert re.sub(r"\s", "", f"第 {number} 页，共 {len(pages)} 页") in re.sub(r"\s", "", page)


def test_the_text_can_be_selected_and_searched(tmp_path: Path) -> None:
    text = re.sub(r"[\s\u200b]", "", run("pdftotext", "-raw", printed(tmp_path), "-"))
    for said in (
        "对某货运有限公司车辆超限运输的现场检查",
        "国道G102线318公里+400米",
        "李敏（执法证号13090058）",
        "信号中断（2次合并）",
        "有中断，均有记载",
        "国道隧道内移动网络无信号",
        FACTS.verifier_key,
        FACTS.digest[:32],
        "派生文件",
    ):
        assert re.sub(r"\s", "", said) in text, said


def test_it_is_small_and_says_what_it_is(tmp_path: Path) -> None:
    path = printed(tmp_path, facts(still=Still(None, reason="没有")))
    assert path.stat().st_size < 300_000
    about = run("pdfinfo", path)
    assert "执法音像证据报告 EX-2026-0105-0007" in about
    assert "A4" in about
    assert re.search(r"Tagged: +yes", about)
    assert re.search(r"JavaScript: +no", about)


@pytest.mark.parametrize("dots_an_inch", [150, 300])
def test_the_label_can_be_scanned(tmp_path: Path, dots_an_inch: int) -> None:
    """What a phone reads off the printed label is the package's digest and the log's head."""
    path = printed(tmp_path)
    last = re.search(r"Pages: +(\d+)", run("pdfinfo", path))
    assert last
    run("pdftoppm", "-r", str(dots_an_inch), "-f", last[1], "-png", path, tmp_path / "label")
    (picture,) = tmp_path.glob("label*.png")
    assert run("zbarimg", "--raw", "-q", picture).strip() == label_text(FACTS)


def test_its_commands_check_the_package_with_nothing_of_ours(tmp_path: Path) -> None:
    """The commands as printed, run by a shell in a folder that looks like a package."""
    text = "hub.example/log\n184223\npmsDJCm0mBgFtDtKZkZW7Y/nTAFKyQvPxVvVPZxFqYw=\n"
    authority = make_authority(tmp_path / "authority")
    log = tmp_path / "log" / "hub.example"
    log.mkdir(parents=True)
    (log / "184223.checkpoint").write_text(f"{text}\n— hub.example/log c2lnbmF0dXJl\n")
    (log / "184223-1.tst").write_bytes(authority.token(text.encode()))
    (tmp_path / "ca.pem").write_bytes(authority.ca.read_bytes())
    names = ("log/hub.example/184223.checkpoint", "log/hub.example/184223-1.tst")
    sums = "".join(f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    (tmp_path / "SHA256SUMS").write_text(sums)
    digest = hashlib.sha256(sums.encode()).hexdigest()
    seen = view(facts(digest_of="SHA256SUMS", digest=digest, files=tuple(FileFact(name, 1, "") for name in names)))

    def shell(command: str) -> str:
        words = ["sh", "-c", command.replace("/tmp/", "./")]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    plain, _, stamp = seen["checks"]
    first, _, all_files = plain["commands"]
    assert shell(first).split()[0] == digest
    assert shell(all_files) == ""
    shell(stamp["commands"][0])
    assert "Verification: OK" in shell(f"{stamp['commands'][1]} 2>&1")
    assert "Time stamp:" in shell(stamp["commands"][2])


async def test_the_page_opens_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_bytes(report(FACTS)[0])
    asked: list[str] = []
    said: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        try:
            page = await browser.new_page(viewport={"width": 420, "height": 800}, offline=True)
            page.on("request", lambda request: asked.append(request.url.split(":")[0]))
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
            await page.goto((tmp_path / "report.html").as_uri())
            shown = await page.evaluate(
                "[...document.images].every(i => i.naturalWidth > 0) && document.querySelectorAll('svg').length"
            )
            too_wide = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        finally:
            await browser.close()
    assert (shown, said, too_wide) == (2, [], False)
    assert set(asked) <= {"file", "data"}
