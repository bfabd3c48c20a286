"""The years that come with the hub, and files of years: what is read, and what is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.__main__ import main
from hub.duty.incoming import Incoming
from hub.duty.years import Year, parse_year, shipped_years
from hub.errors import InvalidRequest

JSON = {
    "year": 2027,
    "notice": {"title": "关于2027年部分节假日安排的通知", "number": "国办发明电〔2026〕0号", "issued": "2026-11-05"},
    "holidays": {"2026-12-31": "元旦", "2027-01-01": "元旦"},
    "workdays": ["2027-01-09"],
}
CSV = """what,value,name
year,2027,
title,关于2027年部分节假日安排的通知,
number,国办发明电〔2026〕0号,
issued,2026-11-05,

holiday,2026-12-31,元旦
holiday,2027-01-01,元旦
workday,2027-01-09,
"""


def test_the_shipped_years_are_those_of_their_notices() -> None:
    years = {year.year: year for year in shipped_years()}
    assert set(years) == {2025, 2026}
    assert years[2025].notice.number == "国办发明电〔2024〕12号"
    assert years[2026].notice.number == "国办发明电〔2025〕7号"
    assert all("国务院办公厅" in year.notice.title and year.source for year in years.values())
    assert (len(years[2025].holidays), len(years[2026].holidays)) == (28, 33)
    assert [day.isoformat() for day in years[2026].workdays] == [
        "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
    ]  # fmt: skip
    assert years[2025].holidays[date(2025, 1, 28)] == "春节"
    assert date(2025, 2, 5) not in years[2025].holidays


def test_json_and_csv_say_the_same() -> None:
    assert parse_year(json.dumps(JSON).encode()) == parse_year(CSV.encode()) == Year.model_validate(JSON)
    assert parse_year(CSV.encode("utf-8-sig")).year == 2027


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"notice": {"title": "t", "number": "", "issued": "2026-11-05"}}, "number"),
        ({"notice": {"title": "t", "issued": "2026-11-05"}}, "number"),
        ({"notice": {"title": "t", "number": "n", "issued": "2019-11-05"}}, "notice of 2026"),
        ({"workdays": ["2027-01-08"]}, "working day anyway"),
        ({"workdays": ["2027-01-09", "2027-01-09"]}, "once"),
        ({"holidays": {"2027-01-09": "元旦"}}, "both"),
        ({"holidays": {"2026-06-01": "儿童节"}}, "expected days of 2027"),
        ({"holidays": {}}, "holidays"),
        ({"more": 1}, "more"),
    ],
)
def test_a_year_that_does_not_hold_together_is_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(InvalidRequest, match=word) as refused:
        parse_year(json.dumps(JSON | change).encode())
    assert refused.value.code == "bad_year"


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
def test_bytes_are_a_year_or_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_year(data)


@given(st.lists(st.sampled_from(CSV.splitlines()), max_size=12), st.text(max_size=5))
def test_rows_in_any_order_are_a_year_or_refused(rows: list[str], more: str) -> None:
    with suppress(InvalidRequest):
        assert parse_year("\n".join([*rows, more]).encode("utf-8", "replace")).year == 2027


def test_the_command_leaves_a_checked_year_for_the_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "2027.csv"
    file.write_text(CSV, encoding="utf-8")
    places = ["--data", str(tmp_path / "data")]
    assert main(["duty", "import", str(file), "--check", *places]) == 0
    assert not (tmp_path / "data").exists()
    assert main(["duty", "import", str(file), *places]) == 0
    assert "2027: 2 days off, 1 make-up" in capsys.readouterr().out
    incoming = Incoming(tmp_path / "data")
    ((year, by),) = incoming.read()
    assert year == parse_year(CSV.encode())
    assert "command line" in by
    incoming.done(year)
    assert incoming.read() == []
    file.write_text("year,2027", encoding="utf-8")
    assert main(["duty", "import", str(file), *places]) == 2
    (tmp_path / "data/incoming/years/2027.json").write_bytes(b"{")
    assert incoming.read() == []
    assert (tmp_path / "data/incoming/years/2027.refused").exists()
