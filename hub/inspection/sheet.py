"""The bulletin (通报) as a workbook: a row for each unit, real numbers, no cell that could be a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from hub.inspection.records import KINDS, Overview
from hub.inspection.words import COLUMNS, local

_ORDERS = ("责令改正", "已整改", "已销号", "逾期")


@dataclass(frozen=True, slots=True)
class Tally:
    """Orders of a unit and below it, given in the period."""

    given: int = 0
    done: int = 0
    closed: int = 0
    overdue: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.given + other.given, self.done + other.done, self.closed + other.closed, self.overdue + other.overdue
        )


@dataclass(frozen=True, slots=True)
class Bulletin:
    """``names``: of each unit, indented by its depth; ``head``: origin, size and root of the ledger's checkpoint."""

    unit: str
    from_us: int
    to_us: int
    zone: str
    drawn_by: str
    drawn_us: int
    overview: Overview
    names: Mapping[str, str]
    orders: Mapping[str, Tally]
    head: Sequence[str]


def xlsx(bulletin: Bulletin) -> bytes:
    from xlsxwriter import Workbook  # type: ignore[import-untyped]

    data = BytesIO()
    off = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
    book = Workbook(data, {"in_memory": True, **off})
    font = {"font_name": "Microsoft YaHei", "font_size": 10, "valign": "vcenter"}
    head = book.add_format(font | {"bold": True, "bg_color": "#E6EBF1", "bottom": 1, "text_wrap": True})
    text, number = book.add_format(font | {"quote_prefix": True}), book.add_format(font | {"num_format": "0"})
    sheet = book.add_worksheet("通报")
    heads = ("单位", *(COLUMNS[kind] for kind in KINDS), *_ORDERS)
    for column, word in enumerate(heads):
        sheet.write_string(0, column, word, head)
    sheet.set_column(0, 0, 32)
    sheet.set_column(1, len(heads) - 1, 11)
    sheet.freeze_panes(1, 1)
    for row, one in enumerate(bulletin.overview.rows, 1):
        tally = bulletin.orders.get(one.unit, Tally())
        sheet.write_string(row, 0, bulletin.names[one.unit], text)
        figures = [one.all.get(kind, 0) for kind in KINDS]
        for column, figure in enumerate((*figures, tally.given, tally.done, tally.closed, tally.overdue), 1):
            sheet.write_number(row, column, figure, number)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_footer("&C&P / &N")
    notes = book.add_worksheet("说明")
    notes.set_column(0, 0, 18)
    notes.set_column(1, 1, 90)
    for row, (name, said) in enumerate(_notes(bulletin)):
        notes.write_string(row, 0, name, head)
        notes.write_string(row, 1, said, text)
    book.close()
    return data.getvalue()


def _notes(bulletin: Bulletin) -> list[tuple[str, str]]:
    found = [
        ("单位", bulletin.unit),
        ("期间", f"{local(bulletin.from_us, bulletin.zone)} 至 {local(bulletin.to_us, bulletin.zone)}"),
        ("制表", f"{bulletin.drawn_by}，{local(bulletin.drawn_us, bulletin.zone)}"),
        (
            "口径",
            "各单位含下级。中断按开始时间、按设备现属单位；执法活动按开始时间、按开始时的单位；数字均可在“监督检查”中逐条打开。",
        ),
        ("台账", "　".join(bulletin.head)),
    ]
    if bulletin.overview.left_out:
        found.append(("未计入", f"{bulletin.overview.left_out} 条中断尚未判定"))
    return found
