"""Tables of devices: what is read of an .xlsx, what is refused, and what its rows ask for."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from hub.devices.book import template_workbook
from hub.devices.columns import COLUMNS
from hub.devices.lines import Around, Line, judge
from hub.devices.sheet import LAST_ROW, MAX_ROWS, Cell, Row, read_rows
from hub.errors import InvalidRequest
from hub.model import Capability, RtspSource, Stream, StreamKind, WhipSource

TITLES = [one.title for one in COLUMNS]
GOOD = {
    "编号": "window-01", "名称": "1号窗口", "类型": "服务窗口", "品牌/模板": "海康威视", "地址": "10.0.0.1",
    "用户名": "admin", "密码": "p@ss", "子码流": "是",
}  # fmt: skip


def workbook(*rows: dict[str, Any], titles: list[str] | None = None) -> bytes:
    book = Workbook()
    sheet: Any = book.active
    sheet.append(titles or TITLES)
    for row in rows:
        sheet.append([row.get(title) for title in titles or TITLES])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidRequest) as refused:
        read_rows(data)
    return refused.value.code


def around(*streams: Stream, own: tuple[str, ...] | None = None) -> Around:
    return Around(
        own_unit="root",
        units={"root": "支队", "hall": "政务大厅", "a": "一中队", "b": "一中队"},
        people={"zhang": "张三", "li": "李四", "li2": "李四"},
        find=lambda ident: next((one for one in streams if one.id == ident), None),
        streams=[one for one in streams if not one.retired],
        manages=lambda stream: own is None or stream.id in own,
    )


def lines(*rows: dict[str, Any], there: Around | None = None) -> list[Line]:
    return judge(read_rows(workbook(*rows)), there or around())


def codes(line: Line) -> list[tuple[str, str]]:
    return [(one.column, one.code) for one in line.problems]


def test_the_template_says_of_itself_that_nothing_is_filled_in() -> None:
    made = template_workbook([("root", "=1+1"), ("hall", "大厅")], [("zhang", "张三")])
    assert refusal(made) == "no_rows"
    book = load_workbook(io.BytesIO(made))
    assert book.sheetnames == ["设备", "填写说明", "单位与人员"]
    assert [cell.value.removesuffix("*") for cell in book["设备"][1]] == TITLES
    assert book["单位与人员"].cell(2, 2).data_type == "s", "a name is no formula"


def test_a_row_that_is_filled_in_the_template_is_read() -> None:
    book = load_workbook(io.BytesIO(template_workbook([], [])))
    for at, title in enumerate(TITLES, start=1):
        book["设备"].cell(2, at, GOOD.get(title))
    out = io.BytesIO()
    book.save(out)
    (line,) = judge(read_rows(out.getvalue()), around())
    assert (line.row, line.id, line.action) == (2, "window-01", "new")


def test_what_a_row_asks_for() -> None:
    more = {"能力标签": "夜视、定位", "单位": "政务大厅", "保管人": "张三", "设备编号": 7.0, "端口": 8554, "通道": 3}
    (line,) = lines(GOOD | more)
    draft = line.draft
    assert draft is not None
    assert line.action == "new", line.problems
    assert draft.url == "rtsp://admin:p%40ss@10.0.0.1:8554/Streaming/Channels/301"
    assert draft.sub == "rtsp://admin:p%40ss@10.0.0.1:8554/Streaming/Channels/302"
    assert (draft.unit, draft.custodian, draft.device_number, draft.kind) == ("hall", "zhang", "7", StreamKind.WINDOW)
    assert draft.capabilities == {Capability.NIGHT_VISION, Capability.POSITIONING}


def test_an_address_of_ones_own() -> None:
    (line,) = lines(GOOD | {"品牌/模板": "自定义", "地址": "rtsp://10.0.0.1/live", "子码流": "rtsp://10.0.0.1/small"})
    assert line.draft is not None
    assert (line.draft.url, line.draft.sub) == (
        "rtsp://admin:p%40ss@10.0.0.1/live",
        "rtsp://admin:p%40ss@10.0.0.1/small",
    )


@pytest.mark.parametrize(
    ("change", "column", "code"),
    [
        ({"编号": "窗口一"}, "id", "bad_id"),
        ({"编号": None}, "id", "missing"),
        ({"名称": None}, "name", "missing"),
        ({"名称": "x" * 101}, "name", "bad_name"),
        ({"类型": "飞机"}, "kind", "unknown_kind"),
        ({"单位": "别处"}, "unit", "unknown_unit"),
        ({"单位": "一中队"}, "unit", "ambiguous_unit"),
        ({"品牌/模板": "索尼"}, "brand", "unknown_brand"),
        ({"地址": None}, "host", "missing"),
        ({"地址": "10.0.0.1/x"}, "host", "bad_host"),
        ({"地址": "rtsp://admin:p@10.0.0.1/x"}, "host", "host_is_url"),
        ({"端口": "x"}, "port", "bad_port"),
        ({"端口": 70000}, "port", "bad_port"),
        ({"通道": 0}, "channel", "bad_channel"),
        ({"用户名": None}, "user", "missing"),
        ({"子码流": "也许"}, "sub", "bad_url"),
        ({"品牌/模板": "自定义", "地址": "rtsp://10.0.0.1/live"}, "sub", "sub_needs_url"),
        ({"品牌/模板": "自定义", "地址": "http://10.0.0.1/"}, "host", "bad_url"),
        ({"品牌/模板": "推流"}, "host", "pushed_has_no_address"),
        ({"类型": "执法记录仪"}, "custodian", "missing_custodian"),
        ({"保管人": "王五"}, "custodian", "unknown_person"),
        ({"保管人": "李四"}, "custodian", "ambiguous_person"),
        ({"能力标签": "会飞"}, "capabilities", "unknown_tag"),
        ({"设备编号": "x" * 65}, "device_number", "bad_device_number"),
        ({"名称": "=1+1"}, "name", "formula"),
    ],
)
def test_what_is_wrong_is_said_of_its_cell(change: dict[str, Any], column: str, code: str) -> None:
    (line,) = lines(GOOD | change)
    assert (line.action, codes(line), line.draft) == ("wrong", [(column, code)], None)
    assert "p@ss" not in repr(line.problems)


def test_rows_that_clash_are_both_wrong() -> None:
    found = lines(GOOD, GOOD | {"名称": "2号窗口", "地址": "10.0.0.2"}, GOOD | {"编号": "window-03"})
    assert [codes(line) for line in found] == [
        [("id", "twice"), ("host", "twice")],
        [("id", "twice")],
        [("host", "twice")],
    ]


SENT = Stream(
    "window-01", "1号窗口", StreamKind.WINDOW, RtspSource("rtsp://admin:p%40ss@10.0.0.1:554/Streaming/Channels/101"), 0
)


def test_what_is_there_already_is_changed_or_left() -> None:
    same = {"编号": "window-01", "子码流": "否"}
    whole = GOOD | {"子码流": None}
    there = around(SENT)
    assert lines(same | {"子码流": None}, there=there)[0].action == "same"
    assert lines(whole, there=there)[0].action == "same"
    assert lines(whole | {"密码": None}, there=there)[0].action == "same", "an empty password keeps the stored one"
    changed = lines(whole | {"密码": "new", "名称": "新名"}, there=there)[0]
    assert (changed.action, changed.changes) == ("change", ("name", "password"))
    moved = lines(whole | {"密码": None, "地址": "10.0.0.9"}, there=there)[0]
    assert moved.draft is not None
    assert moved.draft.url == "rtsp://admin@10.0.0.9:554/Streaming/Channels/101", "nobody else is sent the password"


def test_what_belongs_to_others_is_left_alone() -> None:
    assert codes(lines(GOOD, there=around(SENT, own=()))[0]) == [("id", "id_taken")]
    assert codes(lines(GOOD, there=around(replace(SENT, retired=True)))[0]) == [("id", "id_retired")]
    assert codes(lines(GOOD | {"编号": "w-2"}, there=around(SENT))[0]) == [("host", "address_taken")]
    numbered = replace(SENT, device_number="7", source=WhipSource("x"))
    assert codes(lines(GOOD | {"编号": "w-2", "设备编号": "7"}, there=around(numbered))[0]) == [
        ("device_number", "number_taken")
    ]


# --------------------------------------------------------------------------------- what is refused


def test_tables_that_are_none() -> None:
    assert refusal(b"") == refusal(b"PK\x03\x04") == refusal("编号,名称\n".encode()) == "not_xlsx"
    assert refusal(b"x" * (1 << 20) + b"x") == "xlsx_too_large"
    assert refusal(workbook(titles=["编号", "颜色"])) == "unknown_column"
    assert refusal(workbook(titles=["编号", "编号"])) == "column_twice"
    assert refusal(workbook(titles=["名称"])) == "missing_column"
    assert refusal(workbook(GOOD)[:-30]) == "not_xlsx"
    assert refusal(workbook(*[GOOD] * (MAX_ROWS + 1))) == "too_many_rows"
    book = Workbook()
    sheet: Any = book.active
    sheet.append(TITLES)
    sheet.cell(LAST_ROW + 1000, 1, "window-01")
    out = io.BytesIO()
    book.save(out)
    assert refusal(out.getvalue()) == "too_many_rows"


def _with_part(name: str, data: bytes) -> bytes:
    """A good workbook with one of its parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(GOOD))) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, data)
    return out.getvalue()


def test_small_files_that_become_large_are_refused_before_they_do() -> None:
    assert refusal(_with_part("xl/media/zeros.xml", b"<a>" + b" " * (40 << 20) + b"</a>")) == "xlsx_too_large"
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]><sst>&c;</sst>'
    assert refusal(_with_part("xl/sharedStrings.xml", bomb)) == "xlsx_unsafe"
    utf16 = b"\xff\xfe" + '<!DOCTYPE a [<!ENTITY b "b">]><sst>&b;</sst>'.encode("utf-16-le")
    assert refusal(_with_part("xl/sharedStrings.xml", utf16)) == "xlsx_unsafe"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_workbook_is_read_or_refused(data: st.DataObject) -> None:
    """Bytes of the XML inside, not only of the zip, whose check sums would hide them."""
    with zipfile.ZipFile(io.BytesIO(workbook(GOOD))) as old:
        name = data.draw(st.sampled_from(old.namelist()))
        part = bytearray(old.read(name))
    for at in data.draw(st.lists(st.integers(0, len(part) - 1), max_size=4)):
        part[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(part))))
    with suppress(InvalidRequest):
        judge(read_rows(_with_part(name, bytes(part[:cut]))), around())


@settings(max_examples=60)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused(data: bytes) -> None:
    assert refusal(b"PK\x03\x04" + data) == "not_xlsx"


CELLS = st.dictionaries(
    st.sampled_from([one.key for one in COLUMNS]),
    st.builds(
        Cell, st.text(max_size=30) | st.sampled_from(["是", "推流", "海康", "10.0.0.1", "rtsp://a/b", "1", "window-01"])
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CELLS, max_size=4))
def test_any_row_is_judged(rows: list[dict[str, Cell]]) -> None:
    """And what is good can be registered: the same checks stand in the way of both."""
    judged = judge([Row(at, cells) for at, cells in enumerate(rows, start=2)], around(SENT))
    assert len(judged) == len(rows)
    for line in judged:
        assert (line.action == "wrong") == bool(line.problems) == (line.draft is None)
