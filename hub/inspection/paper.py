"""A page of the inspection ledger on paper: the sample, how it was drawn, and what was found (hub/typesetting.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from hub.inspection.codes import VIOLATIONS
from hub.inspection.model import Item, Order, Sample
from hub.inspection.words import OUTCOMES, POPULATIONS, local
from hub.typesetting import typeset


def pdf(
    sample: Sample, orders: Sequence[Order], *, unit: str, zone: str, names: Mapping[str, str],
    person: Callable[[str], str], now_us: int,
) -> bytes:  # fmt: skip
    """``names`` of streams by id. Raises Unavailable without the fonts. Blocks for some tenths of a second."""
    template = resources.files("hub.inspection") / "templates" / "sample.typ"
    found = view(sample, orders, unit=unit, zone=zone, names=names, person=person, now_us=now_us)
    return typeset(template, found, {}, at_us=now_us, what=f"sample {sample.id}")


def view(
    sample: Sample, orders: Sequence[Order], *, unit: str, zone: str, names: Mapping[str, str],
    person: Callable[[str], str], now_us: int,
) -> dict[str, Any]:  # fmt: skip
    problems = [one for one in sample.results.values() if one.outcome == "problem"]
    checked, period = len(sample.results), f"{local(sample.from_us, zone)} 至 {local(sample.to_us, zone)}"
    return {
        "id": sample.id,
        "unit": unit,
        "facts": [
            ["抽检对象", f"{POPULATIONS.get(sample.kind, sample.kind)}，{period}"],
            ["总体", f"{sample.population} 项，SHA-256 {sample.population_sha256}"],
            ["随机种子", f"{sample.seed}（{'系统随机产生' if sample.seed_origin == 'drawn' else '人工指定'}）"],
            ["抽取方法", "SHA-256(种子:编号) 从小到大取前若干项，可由任何人重算"],
            ["抽取", f"{len(sample.items)} 项，{person(sample.by)}，{local(sample.at_us, zone)}"],
            ["台账条目", sample.leaf],
            ["结果", f"已检查 {checked} 项，合格 {checked - len(problems)} 项，问题 {len(problems)} 项"],
        ],
        "rows": [_row(number, one, sample, names, zone, person) for number, one in enumerate(sample.items, 1)],
        "orders": [
            [person(one.by), local(one.until_us, zone), one.what, _state(one, now_us)] for one in orders
        ],
        "printed": local(now_us, zone),
    }  # fmt: skip


def _row(
    number: int, item: Item, sample: Sample, names: Mapping[str, str], zone: str, person: Callable[[str], str]
) -> list[str]:
    result = sample.results.get(number)
    named = names.get(item.stream_id, item.stream_id)
    if result is None:
        return [str(number), named, local(item.at_us, zone), "未检查", "", ""]
    violation = VIOLATIONS.get(result.code)
    found = f"{violation.code} {violation.text}（{violation.clause}）" if violation else ""
    said = "；".join(part for part in (found, result.note) if part)
    return [str(number), named, local(item.at_us, zone), OUTCOMES[result.outcome], said, person(result.by)]


def _state(order: Order, now_us: int) -> str:
    late = "（逾期）" if order.overdue(now_us) else ""
    return {"open": "待整改", "done": "已整改，待销号", "closed": "已销号"}[order.state] + late
