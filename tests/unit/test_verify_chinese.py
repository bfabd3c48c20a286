"""The Chinese of a verification's remarks: nothing that is said is left without words."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hub.ledger
from hub.ledger.verdict import Finding, Harm, Step, Verdict
from hub.ledger.verify import chinese
from hub.ledger.verify.report import to_text

LEDGER = Path(hub.ledger.__file__).parent
SAYS = ("notes.append", "unchecked.append", ".unchecked")


def template(node: ast.expr) -> str | None:
    """The fixed words of a text, ``{}`` for each value in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
    return None


def said() -> set[str]:
    """Every remark that the verifier's code makes."""
    found = set()
    for path in (*(LEDGER / "verify").glob("*.py"), *(LEDGER / "package").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(SAYS):
                found |= {text for one in node.args if (text := template(one)) is not None}
    return found


def test_every_remark_has_chinese_words() -> None:
    remarks = said()
    assert len(remarks) > 20
    assert remarks <= set(chinese.REMARKS), "words in hub/ledger/verify/chinese.py are missing"


@pytest.mark.parametrize("table", [chinese.REMARKS, chinese.FINDINGS, chinese.KEY_SOURCES])
def test_each_value_is_said_once(table: dict[str, str]) -> None:
    for english, words in table.items():
        names = [name for _, name, _, _ in string.Formatter().parse(words) if name is not None]
        assert len(names) == english.count("{}"), english
        assert names == [""] * len(names) or sorted(names) == [str(number) for number in range(len(names))], english
        assert re.search("[\u4e00-\u9fff]", words), english


def test_a_remark_that_quotes_another() -> None:
    text = "3 anchors by timestamp tsa: no key or root certificate was given for it"
    assert chinese.remark(text) == "3 个锚定：时间戳机构 tsa，没有给出其公钥或根证书"
    assert chinese.remark("the database lacks 4 entries of cam-1: an index only").startswith("数据库缺少 cam-1 的 4 条")
    assert chinese.remark("a remark that nobody made") == "a remark that nobody made"


def test_a_chinese_report_has_no_english_sentence() -> None:
    verdict = Verdict("a.zip", key="log.example/1+00000000+AA", key_source="given")
    verdict.notes += [*(one for one in chinese.REMARKS if "{}" not in one)]
    verdict.add(Finding(Step.INVENTORY, Harm.MISSING, "cam-1", "x.mp4", "a file of 5 bytes, as listed", "no such file"))
    verdict.add(Finding(Step.LOG, Harm.MISSING, "cam-1", "y.mp4", "an inclusion proof", "none in the package"))
    text = to_text(verdict, "zh")
    assert not re.search("[a-z]{2,} [a-z]{2,}", text), text
    assert "x.mp4" in text
    assert "y.mp4：应为包含证明，实为包内没有" in text
    assert "no such file" in to_text(verdict, "en")


@given(st.text(max_size=1200))
def test_any_text_is_some_text(text: str) -> None:
    assert chinese.remark(text) or not text
    assert chinese.quoted(text) or not text
