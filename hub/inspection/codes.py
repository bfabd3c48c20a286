"""Codes of violations (R35): what the texts forbid, each with its clause. A code is never given another meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Violation:
    """``text`` is the clause in its own words, shortened; ``clause``: 001 Hebei, 002 Jinpu, 003 Yexian."""

    code: str
    text: str
    clause: str


_ALL = (
    Violation("V01", "未建立健全行政执法全过程记录制度", "001§31(1)"),
    Violation("V02", "未进行或者未按规定进行全过程记录", "001§31(2), 002§30(1), 003§24(1)"),
    Violation("V03", "未归档保存或者未按规定归档保存记录资料", "001§31(3)"),
    Violation("V04", "擅自毁损、删除、修改文字或者音像记录资料", "001§31(4), 002§30(3), 003§24(2)"),
    Violation("V05", "泄露音像记录信息", "001§31(5), 002§30(2)"),
    Violation("V06", "不按规定储存或者维护，致使执法记录损毁、丢失", "002§30(4)"),
    Violation("V07", "私自复制、保存或者传播、泄漏案卷和声像资料", "003§24(3)"),
    Violation("V08", "利用执法记录设备记录与执勤执法无关的活动", "003§24(4)"),
    Violation("V09", "故意毁坏执法文书、案卷材料、记录设备或者存储设备", "003§24(5)"),
    Violation("V10", "队容风纪、文明执法方面的问题", "003§22"),
    Violation("V99", "其他违反全过程记录规定的行为", "002§30(5), 003§24(6)"),
)
VIOLATIONS: Mapping[str, Violation] = MappingProxyType({one.code: one for one in _ALL})
