"""The month's completeness: explained and unexplained, the workbook as another program reads it, the paper's words."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.duty.amounts import Amounts, Facts, Sorted, sort
from hub.duty.completeness import DayOf, Detail
from hub.duty.hours import day_of, day_range
from hub.duty.intervals import length
from hub.model import Interruption, InterruptionKind, InterruptionState, Span, Stream, StreamKind
from hub.reports.month import Cuts, Drawn, Given, Month, belongs, hardest, month
from hub.reports.paper import pdf, view
from hub.reports.sheet import xlsx
from hub.reports.words import hours, percent, points
from tests.duty_support import ZONE, at, stream

MIN = 60_000_000
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "{=1}", '=HYPERLINK("http://x")')


def blank(**more: Any) -> Month:
    drawn = Drawn("wang", "王敏", at("2026-11-21 09:00"), ("hub.test", "42", "cm9vdA=="))
    return replace(
        Month(
            "2026-11", "hall", "政务大厅", ZONE, at("2026-11-01 00:00"), at("2026-11-21 00:00"), False, drawn, (), True
        ),
        **more,
    )


def fault(ident: str, begin: str, end: str, kind: InterruptionKind = InterruptionKind.STALL) -> Interruption:
    return Interruption(ident, "w", kind, InterruptionState.CLOSED, at(begin), at(begin), at(end))


def window(one: Stream, faults: Sequence[Interruption] = (), silent: Sequence[str] = ()) -> Given:
    """A Friday from 9 to 17; recorded but for the faults."""
    due = [(at("2026-11-20 09:00"), at("2026-11-20 17:00"))]
    recorded = [Span(*due[0])]
    found = sort(due, Facts(recorded, (), faults), due[0][0], due[0][1], now_us=at("2026-11-21 00:00"))
    begin, end = day_range(ZONE, date(2026, 11, 20))
    amounts = Amounts(length(found.due), length(found.had), 0, length(found.usable))
    return Given(one, "政务大厅", [DayOf(date(2026, 11, 20), begin, end, amounts)], Detail(found, faults), [], silent)


def test_what_is_missing_is_explained_or_not_and_stays_missing() -> None:
    faults = [fault("a", "2026-11-20 10:00", "2026-11-20 10:20"), fault("b", "2026-11-20 10:10", "2026-11-20 10:30")]
    found = month(blank(), [window(stream("w"), faults)], {"a"})
    row = found.windows[0].figures
    assert (row.amounts.missing_us, row.explained_us, row.unexplained_us) == (30 * MIN, 20 * MIN, 10 * MIN)
    assert row.amounts.completeness == 0.9375
    assert found.total == row
    assert found.days[date(2026, 11, 20)] == row
    assert found.cuts == {InterruptionKind.STALL: Cuts(2, 40 * MIN)}
    assert hardest(found) == [found.windows[0]]
    assert month(blank(), [window(stream("w"), faults)], {"a", "b"}).total.unexplained_us == 0


def test_interruptions_count_where_they_began_and_mere_suspicions_never() -> None:
    before = fault("a", "2026-10-31 23:00", "2026-11-20 10:00")
    mere = replace(fault("b", "2026-11-20 10:00", "2026-11-20 11:00"), state=InterruptionState.WITHDRAWN)
    lasting = replace(fault("c", "2026-11-20 16:00", "2026-11-20 17:00"), ended_us=None)
    found = month(blank(), [window(stream("w"), [before, mere, lasting])], {"b"})
    assert found.cuts == {InterruptionKind.STALL: Cuts(1, 8 * 60 * MIN)}
    assert found.total.explained_us == 0


def test_who_has_a_row() -> None:
    day = DayOf(date(2026, 11, 20), 0, 1, Amounts())
    due = replace(day, amounts=Amounts(1))
    assert belongs(stream("w"), [day])
    assert not belongs(replace(stream("w"), retired=True), [day])
    assert belongs(replace(stream("w"), retired=True), [due])
    assert not belongs(stream("r", kind=StreamKind.RECORDER), [day])
    assert belongs(stream("r", kind=StreamKind.RECORDER), [due])


def named(*names: str) -> Month:
    faults = [fault("a", "2026-11-20 10:00", "2026-11-20 10:20", InterruptionKind.LOSS)]
    rows = [replace(stream(f"w{at}"), name=name) for at, name in enumerate(names)]
    return month(blank(), [window(one, faults, ["2026-11-19", "2026-11-20"]) for one in rows], {"a"})


def test_the_workbook_as_another_program_reads_it() -> None:
    found = named("1 号窗口", *FORMULAS)
    book = openpyxl.load_workbook(io.BytesIO(xlsx(found)))
    assert book.sheetnames == ["各窗口", "逐日", "中断", "说明"]
    sheet = book["各窗口"]
    heads = [cell.value for cell in sheet[1]]
    rows = {row[0].value: dict(zip(heads, row, strict=True)) for row in sheet.iter_rows(min_row=2)}
    assert list(rows) == [*(one.stream.id for one in found.windows), "合计"]
    row = rows["w0"]
    assert row["应录"].value == timedelta(hours=8)
    assert row["缺失"].value == timedelta(minutes=20)
    assert (row["完整率"].value, row["完整率"].number_format) == (
        found.windows[0].figures.amounts.completeness,
        "0.00%",
    )
    assert (row["中断次数"].value, row["无声音天数"].value, row["上月完整率"].value) == (1, 2, None)
    assert rows["合计"]["中断次数"].value == len(found.windows)
    assert rows["合计"]["其中已说明"].value == timedelta(minutes=20 * len(found.windows))
    assert book["逐日"]["A2"].value == datetime(2026, 11, 20)
    assert all(one.freeze_panes == "A2" for one in book)
    kinds = [cell.value for cell in book["中断"]["C"]]
    assert kinds[1] == "丢包"


def test_no_cell_is_a_formula_and_names_are_whole() -> None:
    data = xlsx(replace(named(*FORMULAS), unit_name="=cmd|' /C calc'!A0"))
    book = openpyxl.load_workbook(io.BytesIO(data))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    named_so = {str(cell.value) for cell in cells if str(cell.value).startswith(("=", "+", "-", "@", "{", "\t"))}
    assert set(FORMULAS) <= named_so
    assert all(cell.quotePrefix for cell in cells if cell.value in FORMULAS), "editing a cell must not make one either"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            assert b"<f>" not in archive.read(name), name
            assert b"<hyperlink" not in archive.read(name), name


@settings(max_examples=20, deadline=None)
@given(st.text(max_size=60))
def test_any_name_can_be_written_and_none_becomes_a_formula(name: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx(named(name))))
    assert not [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


@pytest.mark.parametrize(
    ("share", "text"), [(None, "—"), (1.0, "100%"), (0.999_999, "99.99%"), (0.9375, "93.75%"), (0.0, "0.00%")]
)
def test_shares_are_rounded_down(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_lengths_and_changes() -> None:
    assert (hours(0), hours(1), hours(176 * 3600 * 1_000_000 + 61_000_000)) == ("0:00:00", "0:00:01", "176:01:01")
    assert (points(None), points(0.0125), points(-0.5), points(0.0)) == ("—", "+1.25", "-50.00", "±0.00")


def test_an_empty_hall_is_reported_too() -> None:
    found = month(blank(calendar=False), [], frozenset())
    assert view(found)["days"] == []
    assert pdf(found).startswith(b"%PDF")
    assert openpyxl.load_workbook(io.BytesIO(xlsx(found)))["各窗口"]["A2"].value == "合计"


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler is not installed")
def test_the_paper_says_every_figure_and_who_drew_it(tmp_path: Path) -> None:
    found = named("1 号窗口", "#set text(size: 99pt)", "=1+1")
    path = tmp_path / "month.pdf"
    path.write_bytes(pdf(found))
    assert path.read_bytes() == pdf(found), "the same bytes for the same figures"
    text = subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout
    plain = re.sub(r"[\s\u200b]", "", text)
    for said in (
        "录像完整率月报", "政务大厅", "2026年11月", "王敏（wang）", "2026-11-2109:00:00", "截至2026-11-2100:00:00",
        "95.83%", "24:00:00", "1:00:00", "丢包", "#settext(size:99pt)", "=1+1", "19日、20日", "制表人：", "审核人：",
        "第1页，共", "hub.test共42条，根cm9vdA==", "GET/api/completeness/month?unit=hall&month=2026-11",
    ):  # fmt: skip
        assert re.sub(r"\s", "", said) in plain, said
    about = subprocess.run(["pdfinfo", path], capture_output=True, text=True, check=True).stdout
    assert "A4" in about
    assert re.search(r"Tagged: +yes", about)


def test_sorted_time_adds_up() -> None:
    found = Sorted([(0, 10)], [(2, 5)], [], [])
    assert found.missing == [(0, 2), (5, 10)]
    assert day_of(ZONE, at("2026-11-20 00:00")) == date(2026, 11, 20)
