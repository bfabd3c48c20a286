"""The workbook that one begins with: an empty table with its headers, what each column means, what may be chosen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from hub.devices.columns import COLUMNS, SHEET
from hub.devices.sheet import MAX_ROWS
from hub.devices.templates import TEMPLATES

_CHOICES = {
    "kind": ("服务窗口", "办案场所", "车载", "执法记录仪"),
    "brand": (*(one.names[0] for one in TEMPLATES), "自定义", "推流"),
    "sub": ("是", "否"),
}
_BOLD = Font(bold=True)
_HEAD = PatternFill("solid", fgColor="E3EFFB")


def template_workbook(units: Sequence[tuple[str, str]], people: Sequence[tuple[str, str]]) -> bytes:
    """An .xlsx; ``units`` are ids and names, ``people`` usernames and names of who may be named. Blocks some 20 ms."""
    book = Workbook()
    table: Any = book.active
    table.title = SHEET
    for at, column in enumerate(COLUMNS, start=1):
        head = table.cell(1, at, column.title + ("*" if column.required else ""))
        head.font, head.fill = _BOLD, _HEAD
        letter = head.column_letter
        table.column_dimensions[letter].width = 22 if column.key in ("host", "name", "unit") else 14
        for row in range(2, MAX_ROWS + 2 if column.key == "device_number" else 302):
            table.cell(row, at).number_format = "@"  # else 007 becomes 7
        if column.key in _CHOICES:
            listed = DataValidation(type="list", formula1=f'"{",".join(_CHOICES[column.key])}"', allow_blank=True)
            listed.errorStyle = "information"
            table.add_data_validation(listed)
            listed.add(f"{letter}2:{letter}{MAX_ROWS + 1}")
    table.freeze_panes = "C2"

    about: Any = book.create_sheet("填写说明")
    _write(about, ["列", "必填", "说明", "示例"], bold=True)
    for column in COLUMNS:
        _write(about, [column.title, "是" if column.required else "", column.about, column.example])
    _write(about, [])
    _write(
        about, ["每行一台设备，写在“设备”表第 2 行起；不要写公式。编号已登记的行会更新该设备，空着的单元格保持不变。"]
    )
    _write(about, ["推流的执法记录仪导入后，在其设备页生成令牌（二维码）。"])
    for letter, width in zip("ABCD", (14, 8, 80, 20), strict=True):
        about.column_dimensions[letter].width = width

    who: Any = book.create_sheet("单位与人员")
    _write(who, ["单位编号", "单位名称", "", "用户名", "姓名"], bold=True)
    for at in range(max(len(units), len(people))):
        unit = units[at] if at < len(units) else ("", "")
        person = people[at] if at < len(people) else ("", "")
        _write(who, [*unit, "", *person])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _write(sheet: Any, words: Sequence[str], *, bold: bool = False) -> None:
    row = sheet.max_row + 1 if sheet.max_row > 1 or sheet.cell(1, 1).value is not None else 1
    for at, word in enumerate(words, start=1):
        if not word:
            continue
        cell = sheet.cell(row, at, word)
        cell.data_type = "s"  # a name that begins with = is no formula
        if bold:
            cell.font = _BOLD
