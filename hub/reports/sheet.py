"""The month's completeness as a workbook (XLSX): real numbers, real durations, and no cell that could be a formula."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from hub.clock import US_PER_S
from hub.model import InterruptionKind
from hub.reports.month import Cuts, Figures, Month, change
from hub.reports.words import COUNTED, TITLE, local, scope, traced
from hub.words import KINDS

if TYPE_CHECKING:
    from xlsxwriter.format import Format  # type: ignore[import-untyped]
    from xlsxwriter.worksheet import Worksheet  # type: ignore[import-untyped]

_DAY_US = 86_400 * US_PER_S
_FIGURES = (
    "应录", "已录", "其中补传", "缺失", "其中已说明", "未说明", "有效", "完整率", "有效率",
)  # fmt: skip
_WIDE, _NARROW = 22, 12


class _Book:
    """A workbook and its formats. Every text is written as a string: what begins with ``=`` stays text, also when
    somebody edits the cell (quote prefix)."""

    def __init__(self, month: Month) -> None:
        from xlsxwriter import Workbook  # type: ignore[import-untyped]

        self.data = BytesIO()
        self.book = Workbook(
            self.data,
            {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False},
        )
        created = datetime.fromtimestamp(month.drawn.at_us // US_PER_S, UTC).replace(tzinfo=None)
        self.book.set_properties({"title": f"{TITLE} {month.unit_name} {month.month}", "created": created})
        font = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "vcenter"}
        self.head = self._format(font, bold=True, bg_color="#E6EBF1", bottom=1, text_wrap=True)
        self.text = self._format(font, quote_prefix=True)
        self.wrapped = self._format(font, quote_prefix=True, text_wrap=True)
        self.count = self._format(font, num_format="0")
        self.rate = self._format(font, num_format="0.00%")
        self.points = self._format(font, num_format="+0.00%;-0.00%;0.00%")
        self.length = self._format(font, num_format="[h]:mm:ss")
        self.day = self._format(font, num_format="yyyy-mm-dd", align="left")

    def _format(self, font: dict[str, Any], **more: Any) -> Format:
        return self.book.add_format(font | more)

    def sheet(self, name: str, heads: Sequence[str], widths: Sequence[int]) -> Worksheet:
        """A sheet whose header stays in sight, on A4 across, one page wide, numbered."""
        made = self.book.add_worksheet(name)
        for column, head in enumerate(heads):
            made.write_string(0, column, head, self.head)
        for column, width in enumerate(widths):
            made.set_column(column, column, width)
        made.freeze_panes(1, 0)
        made.set_landscape()
        made.set_paper(9)
        made.fit_to_pages(1, 0)
        made.repeat_rows(0)
        made.set_footer("&C&P / &N")
        return made


def xlsx(month: Month) -> bytes:
    """Four sheets: 各窗口, 逐日, 中断, 说明. Durations are parts of a day, shares numbers from 0 to 1."""
    book = _Book(month)
    _windows(book, month)
    _days(book, month)
    _cuts(book, month)
    _notes(book, month)
    book.book.close()
    return book.data.getvalue()


def _windows(book: _Book, month: Month) -> None:
    heads = (
        "编号",
        "名称",
        "单位",
        *_FIGURES,
        "上月完整率",
        "比上月",
        "中断次数",
        "中断时长",
        "无声音天数",
        "放假未导入天数",
    )
    sheet = book.sheet("各窗口", heads, (16, _WIDE, _WIDE, *(_NARROW,) * (len(heads) - 3)))
    for row, one in enumerate(month.windows, 1):
        _texts(sheet, book, row, (one.stream.id, one.stream.name, one.unit))
        _figures(sheet, book, row, 3, one.figures)
        _rest(sheet, book, row, one.figures, one.before, sum(one.cuts.values(), Cuts()), len(one.no_sound))
    row = len(month.windows) + 1
    _texts(sheet, book, row, ("合计", "", month.unit_name))
    _figures(sheet, book, row, 3, month.total)
    silent = sum(len(one.no_sound) for one in month.windows)
    _rest(sheet, book, row, month.total, month.before, sum(month.cuts.values(), Cuts()), silent)
    sheet.autofilter(0, 0, max(len(month.windows), 1), len(heads) - 1)


def _rest(sheet: Worksheet, book: _Book, row: int, now: Figures, before: Figures, cuts: Cuts, silent_days: int) -> None:
    column = 3 + len(_FIGURES)
    _share(sheet, row, column, before.amounts.completeness, book.rate)
    _share(sheet, row, column + 1, change(now, before), book.points)
    sheet.write_number(row, column + 2, cuts.count, book.count)
    sheet.write_number(row, column + 3, cuts.lasted_us / _DAY_US, book.length)
    sheet.write_number(row, column + 4, silent_days, book.count)
    sheet.write_number(row, column + 5, now.unknown_days, book.count)


def _days(book: _Book, month: Month) -> None:
    sheet = book.sheet("逐日", ("日期", "编号", "名称", *_FIGURES[:4], "完整率"), (_NARROW, 16, _WIDE, *(_NARROW,) * 5))
    row = 0
    for day, figures in month.days.items():
        row += 1
        _date(sheet, book, row, day)
        _texts(sheet, book, row, ("合计", month.unit_name), 1)
        _amounts(sheet, book, row, figures)
        for one in month.windows:
            amounts = one.days.get(day)
            if amounts is not None and amounts.due_us:
                row += 1
                _date(sheet, book, row, day)
                _texts(sheet, book, row, (one.stream.id, one.stream.name), 1)
                _amounts(sheet, book, row, Figures(amounts))
    sheet.autofilter(0, 0, max(row, 1), 7)


def _date(sheet: Worksheet, book: _Book, row: int, day: date) -> None:
    sheet.write_datetime(row, 0, datetime(day.year, day.month, day.day), book.day)


def _amounts(sheet: Worksheet, book: _Book, row: int, figures: Figures) -> None:
    found = figures.amounts
    for column, us in enumerate((found.due_us, found.had_us, found.backfilled_us, found.missing_us), 3):
        sheet.write_number(row, column, us / _DAY_US, book.length)
    _share(sheet, row, 7, found.completeness, book.rate)


def _cuts(book: _Book, month: Month) -> None:
    sheet = book.sheet("中断", ("编号", "名称", "类型", "次数", "时长"), (16, _WIDE, _WIDE, _NARROW, _NARROW))
    row = 0
    for one in month.windows:
        for kind, cuts in one.cuts.items():
            row += 1
            _cut(sheet, book, row, (one.stream.id, one.stream.name), (kind, cuts))
    for found in month.cuts.items():
        row += 1
        _cut(sheet, book, row, ("合计", month.unit_name), found)
    sheet.autofilter(0, 0, max(row, 1), 4)


def _cut(sheet: Worksheet, book: _Book, row: int, who: Sequence[str], found: tuple[InterruptionKind, Cuts]) -> None:
    kind, cuts = found
    _texts(sheet, book, row, (*who, KINDS[kind]))
    sheet.write_number(row, 3, cuts.count, book.count)
    sheet.write_number(row, 4, cuts.lasted_us / _DAY_US, book.length)


def _notes(book: _Book, month: Month) -> None:
    sheet = book.sheet("说明", ("项目", "内容"), (20, 100))
    drawn = month.drawn
    rows = [
        ("报告", f"{TITLE} {month.month}"),
        ("范围", scope(month)),
        ("制表", f"{drawn.name}（{drawn.by}），{local(drawn.at_us, month.zone)}（{month.zone}）"),
        *COUNTED,
        ("复核", traced(month)),
        *((f"无声音：{one.stream.name}", "、".join(one.no_sound)) for one in month.windows if one.no_sound),
    ]
    for row, (name, text) in enumerate(rows, 1):
        sheet.write_string(row, 0, name, book.text)
        sheet.write_string(row, 1, text, book.wrapped)


def _texts(sheet: Worksheet, book: _Book, row: int, texts: Sequence[str], column: int = 0) -> None:
    for at, text in enumerate(texts, column):
        sheet.write_string(row, at, text, book.text)


def _figures(sheet: Worksheet, book: _Book, row: int, column: int, figures: Figures) -> None:
    found = figures.amounts
    lengths = (
        found.due_us, found.had_us, found.backfilled_us, found.missing_us, figures.explained_us, figures.unexplained_us,
        found.usable_us,
    )  # fmt: skip
    for at, us in enumerate(lengths, column):
        sheet.write_number(row, at, us / _DAY_US, book.length)
    _share(sheet, row, column + 7, found.completeness, book.rate)
    _share(sheet, row, column + 8, found.usable_rate, book.rate)


def _share(sheet: Worksheet, row: int, column: int, share: float | None, shown: Format) -> None:
    """An empty cell where there is no share: nothing was due."""
    if share is not None:
        sheet.write_number(row, column, share, shown)
