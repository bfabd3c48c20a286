"""A table of devices as it lies in an .xlsx file: read within bounds, cell by cell, without trusting it.

An .xlsx is a zip of XML. Before openpyxl sees it, the zip's own table says how large everything becomes (Python's
zipfile gives out no more than that), and every XML part is read once by expat, which refuses a document type: the
well-known ways of making small files large end there.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.parsers import expat

from hub.devices.columns import COLUMNS, SHEET, column_of
from hub.errors import InvalidRequest

MAX_BYTES = 1 << 20
MAX_UNPACKED_BYTES = 24 << 20
MAX_PARTS = 200
MAX_ROWS = 1000
"""Devices in one table."""
LAST_ROW = 5000
"""Rows with nothing in them are passed over; who goes on below this has formatted the whole sheet."""
_MAX_COLUMNS = 50
_MAX_TEXT = 2000
_XML = (".xml", ".rels", ".vml")

_BROKEN = (
    zipfile.BadZipFile, zlib.error, expat.ExpatError, KeyError, ValueError, TypeError,
    AttributeError, IndexError, EOFError, OSError, NotImplementedError, SyntaxError, RuntimeError, MemoryError,
    OverflowError, ArithmeticError,
)  # fmt: skip
"""What zipfile, expat and openpyxl raise for files that are not what they say; ElementTree's is a SyntaxError."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``problem`` is empty, or why the cell cannot be read: formula, date, error, too_long, unprintable."""

    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """``number`` as the table shows it, from 1; cells by the column's key, empty ones left out."""

    number: int
    cells: dict[str, Cell]

    def text(self, column: str) -> str:
        return self.cells[column].text if column in self.cells else ""


def read_rows(data: bytes) -> list[Row]:
    """The rows that hold something, after the one with the headers. Blocks; for a worker thread.

    Raises InvalidRequest: ``not_xlsx``, ``xlsx_too_large``, ``xlsx_unsafe``, ``no_header``, ``unknown_column``,
    ``column_twice``, ``missing_column``, ``no_rows``, ``too_many_rows``.
    """
    _check_container(data)
    try:
        return _rows(data)
    except InvalidRequest:
        raise
    except _BROKEN as error:
        raise _not_xlsx() from error


def _not_xlsx() -> InvalidRequest:
    return InvalidRequest(
        "expected an Excel workbook (.xlsx), found something else or a damaged file; "
        "save it anew as .xlsx, or begin with the template",
        code="not_xlsx",
    )


def _check_container(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise _too_large()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise _too_large()
            if any(part.flag_bits & 1 for part in parts):
                raise InvalidRequest("the workbook is encrypted; remove its password", code="xlsx_unsafe")
            for part in parts:
                if part.filename.lower().endswith(_XML):
                    _check_xml(packed.read(part))
    except InvalidRequest:
        raise
    except _BROKEN as error:
        raise _not_xlsx() from error


def _too_large() -> InvalidRequest:
    return InvalidRequest(
        f"the workbook is too large: at most {MAX_BYTES >> 10} KiB, {MAX_UNPACKED_BYTES >> 20} MiB unpacked; "
        "keep the one sheet of devices, without pictures",
        code="xlsx_too_large",
    )


def _check_xml(data: bytes) -> None:
    def refuse(*_: object) -> None:
        raise InvalidRequest("the workbook declares a document type, which no spreadsheet needs", code="xlsx_unsafe")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.Parse(data, True)


def _rows(data: bytes) -> list[Row]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # formulas are asked for as such: what they gave when the file was last saved is not what it says
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    except InvalidFileException as error:
        raise ValueError(str(error)) from error
    try:
        sheet: Any = book[SHEET] if SHEET in book.sheetnames else book.worksheets[0]
        lines = _lines(sheet)
        header = _header(lines)
        rows = []
        for number, cells in lines:
            found = {key: cell for key, at in header.items() if (cell := cells[at]).text or cell.problem}
            if not found:
                continue
            rows.append(Row(number, found))
            if len(rows) > MAX_ROWS:
                raise InvalidRequest(f"more than {MAX_ROWS} rows; split the table", code="too_many_rows")
    finally:
        book.close()
    if not rows:
        raise InvalidRequest("there is no row below the headers; fill in a device a row", code="no_rows")
    return rows


def _lines(sheet: Any) -> Iterator[tuple[int, list[Cell]]]:
    for number, cells in enumerate(sheet.iter_rows(max_col=_MAX_COLUMNS), start=1):
        if number > LAST_ROW:
            raise InvalidRequest(
                f"the table goes on below row {LAST_ROW}; delete the empty rows below the last device",
                code="too_many_rows",
            )
        yield number, [_cell(cell) for cell in cells]


def _cell(cell: Any) -> Cell:
    value, kind = cell.value, getattr(cell, "data_type", "n")
    if value is None:
        return Cell()
    if kind == "f":
        return Cell(problem="formula")
    if kind == "e":
        return Cell(problem="error")
    if isinstance(value, bool):
        return Cell("是" if value else "否")
    if isinstance(value, int):
        return Cell(str(value)) if abs(value) < 10**18 else Cell(problem="too_long")
    if isinstance(value, float):
        return Cell(f"{value:.15g}")  # Excel keeps every number as one of these
    if not isinstance(value, str):
        return Cell(problem="date")
    text = value.strip()
    if len(text) > _MAX_TEXT:
        return Cell(problem="too_long")
    return Cell(text) if text.isprintable() else Cell(problem="unprintable")


def _header(lines: Iterator[tuple[int, list[Cell]]]) -> dict[str, int]:
    """Where each column is, by its key, from the first row that holds anything."""
    for _, cells in lines:
        if not any(cell.text for cell in cells):
            continue
        found: dict[str, int] = {}
        for at, cell in enumerate(cells):
            title = re.sub(r"[\s*＊]|[（(].*?[)）]", "", cell.text)
            if not title:
                continue
            key = column_of(title)
            if key is None:
                raise InvalidRequest(f"column {at + 1}: the header {title[:40]!r} is not known", code="unknown_column")
            if key in found:
                raise InvalidRequest(f"column {at + 1}: the header {title[:40]!r} is there twice", code="column_twice")
            found[key] = at
        missing = [one.title for one in COLUMNS if one.required and one.key not in found]
        if missing:
            raise InvalidRequest(f"headers that are missing: {'、'.join(missing)}", code="missing_column")
        return found
    raise InvalidRequest("the sheet is empty; begin with the template", code="no_header")
