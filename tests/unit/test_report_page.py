"""The report as a page and its drawing: what it says, that it runs nothing, and that no text breaks it."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.evidence.facts import (
    AnchorFact,
    Axis,
    Closing,
    InterruptionFact,
    Notes,
    ReportFacts,
    Still,
    Stretch,
    StretchKind,
    VerdictFacts,
)
from hub.evidence.report import html, words
from hub.evidence.report.drawing import covered_us, timeline
from hub.evidence.report.label import label_text, qr_svg
from hub.evidence.report.paper import pdf
from hub.evidence.report.view import MAX_ROWS, view
from hub.ledger.verdict import Completeness, Integrity, Provenance, TimeSource
from hub.model import InterruptionKind
from tests.report_facts import MINUTE, START_US, S, facts, interruption

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '" onmouseover="x',
    "{{ 7*7 }}{% raw %}",
    "张三\u202e抹去\u2066x\u2069",
    "a\x00b\x1b[31m\u200b\ufeff",
    '#panic("x") *b* $x$ @ref <label> \\ // [',
    "😀 𠮷 \ue000 \ud800",
    "长" * 5000,
    "x" * 5000,
    "",
)


class Tags(HTMLParser):
    """The tags of a page with the names of their attributes, and its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data: str) -> None:
        self.text += data


def page(given_facts: ReportFacts) -> bytes:
    return html(given_facts, view(given_facts))


def all_texts(text: str) -> ReportFacts:
    """Every text that comes from people or other systems, replaced."""
    base = facts()
    return replace(
        base,
        **{each.name: text for each in fields(base) if isinstance(getattr(base, each.name), str)},
        notes=Notes(text, text, text, text, (text, text)),
        verdict=VerdictFacts(text, text, text, text, (text,), (text,)),
        checkpoint=replace(base.checkpoint, origin=text, root=text),
        anchors=(AnchorFact(text, text, START_US, 1),),
        stretches=(Stretch(StretchKind.DELETED, START_US, START_US + S, text),),
        interruptions=tuple(
            replace(each, kind=text, state=text, explanation=text, signers=(text,), tracks=(text,), id=text)
            for each in base.interruptions
        ),
        marks=tuple(replace(each, text=text) for each in base.marks),
        files=tuple(replace(each, name=text, sha256=text, what=text) for each in base.files),
        movie=base.movie and replace(base.movie, name=text),
    )


def test_it_says_everything_that_the_law_asks_for() -> None:
    text = Tags(page(facts())).text
    for said in (
        "对某货运有限公司车辆超限运输的现场检查", "2026年1月5日9时30分至10时12分", "国道G102线",
        "执法记录仪全程音像记录",
        "张建国（执法证号 13090021）", "李敏（执法证号 13090058）", "EX-2026-0105-0007", "第 1 卷，共 2 卷", "王志强",
        "某县人民法院行政审判庭", "2026-01-05 09:30:05.120 至 10:12:05.120", "北京时间（UTC+8）",
        "信号中断（2 次合并）", "2026-01-05 09:41:08.600 至 09:42:43.600", "±40 毫秒", "1 分 35 秒",
        "签名：张建国（13090021）、李敏",
        "书面说明，2026-01-05 10:11:08", "已补传", "未说明", "无需说明", "有中断，均有记载", "可信时间戳",
        "不证明镜头前的场景真实", "国家授时中心 时间戳服务", "最长相隔 4 分 20 秒", "派生文件",
        "2c26 b46b 68ff c68f f99b 453c 1d30 4134", "9f86 d081 884c 7d65 9a2f eaa0 c55a d015", "通过其他途径",
        "sha256sum manifest.json", "hub verify", "39 分 41 秒（94.48 %）", "4 次，合计 4 分 49 秒；另有 1 次无录像缺失",
    ):  # fmt: skip
        assert said in text, said


def test_it_runs_nothing_and_fetches_nothing() -> None:
    whole = page(facts())
    found = Tags(whole)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in found.tags}
    assert not [name for _, names in found.tags for name in names if name.startswith("on")]
    assert [link[:23] for link in found.links] == ["data:image/jpeg;base64,"]
    assert b"url(http" not in whole
    assert b"@import" not in whole
    assert b"default-src 'none'" in whole


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_changes_the_page(text: str) -> None:
    """The tags are those of a page with harmless texts of the same sort."""
    found, calm = Tags(page(all_texts(text))), Tags(page(all_texts("甲" if text else "")))
    assert found.tags == calm.tags
    assert not [each for each in found.text if words.plain(each) != each and each != "\n"]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200))
def test_no_text_at_all_changes_the_page(text: str) -> None:
    shown = "甲" if words.plain(text) else ""
    assert Tags(page(all_texts(text))).tags == Tags(page(all_texts(shown))).tags


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_breaks_the_paper(text: str) -> None:
    given_facts = all_texts(text)
    whole = pdf(given_facts, view(given_facts))
    assert whole.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in whole
    assert b"<pdfuaid:part>1</pdfuaid:part>" in whole


def test_the_same_facts_give_the_same_bytes() -> None:
    once, again = facts(), facts()
    assert page(once) == page(again)
    assert pdf(once, view(once)) == pdf(again, view(again))
    assert page(facts(recipient="另一人")) != page(once)


def test_without_a_picture_it_says_why() -> None:
    given_facts = facts(still=Still(None, reason="录像分段无法解码"))
    found = Tags(page(given_facts))
    assert "没有截图：录像分段无法解码" in found.text
    assert found.links == []
    assert pdf(given_facts, view(given_facts)).startswith(b"%PDF")


def test_without_interruptions_anchors_and_files() -> None:
    given_facts = facts(
        interruptions=(), anchors=(), files=(), marks=(), movie=None, unanchored_us=None,
        verdict=VerdictFacts("ok", "contiguous", "hub_key", "hub_clock"),
    )  # fmt: skip
    text = Tags(page(given_facts)).text
    assert "没有中断记录" in text
    assert "没有外部机构为这本台账作证" in text
    assert "掌握中枢及其密钥者" in text
    assert pdf(given_facts, view(given_facts)).startswith(b"%PDF")


def test_thousands_of_interruptions_are_counted_not_listed() -> None:
    many = tuple(interruption(n, "loss", START_US + n * S, S // 2) for n in range(2500))
    given_facts = facts(interruptions=many)
    text = Tags(page(given_facts)).text
    assert f"另有 {2500 - MAX_ROWS} 次中断未列出" in text
    assert "2500 次" in text
    assert len(timeline(given_facts)) < 400_000


# ---------------------------------------------------------------------------------- the words


def test_every_word_of_the_ledger_has_a_sentence() -> None:
    for axis, values in {
        Axis.INTEGRITY: Integrity, Axis.COMPLETENESS: Completeness, Axis.PROVENANCE: Provenance, Axis.TIME: TimeSource,
    }.items():  # fmt: skip
        assert set(words.AXES[axis][1]) == set(values)
    assert set(words.KINDS) == set(InterruptionKind)
    assert set(words.CLOSINGS) == set(Closing)


def test_the_hubs_own_clock_proves_no_latest_time() -> None:
    """Only what outsiders attest is said to be attested, whatever the facts name."""
    for source, said in (("timestamp_authority", True), ("witness", True), ("hub_clock", False), ("none", False)):
        verdict = VerdictFacts("ok", "contiguous", "hub_key", source, time_until_us=START_US)
        assert ("最迟在 2026-01-05 09:30:05 已经存在" in Tags(page(facts(verdict=verdict))).text) is said


@pytest.mark.parametrize("axis", Axis)
def test_an_unknown_verdict_is_never_good(axis: Axis) -> None:
    assert words.sentence(axis, "superb").tone == "bad"
    assert words.sentence(axis, "").word == "无法判定"


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0.000 秒"),
        (1_320_000, "1.320 秒"),
        (95 * S, "1 分 35 秒"),
        (3725 * S, "1 小时 02 分 05 秒"),
        (-S, "-1.000 秒"),
    ],
)
def test_lengths(us: int, text: str) -> None:
    assert words.length(us) == text


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert words.share(99_999_999, 100_000_000) == "99.99 %"
    assert words.share(5, 5) == "100 %"
    assert words.share(0, 0) == "—"


def test_times_in_other_zones_and_out_of_range() -> None:
    assert words.Clock(-210).full(START_US) == "2026-01-04 22:00:05.120"
    assert words.Clock(-210).zone == "UTC-3:30"
    assert words.Clock(480).full(10**18) == f"{10**18} µs"
    assert words.Clock(480).range(START_US, None).endswith("至导出时未结束")


# -------------------------------------------------------------------------------- the drawing

SVG = "{http://www.w3.org/2000/svg}"


def rects(given_facts: ReportFacts, colour: str) -> list[tuple[float, float]]:
    """Left edge and width of the bars of a colour (the legend's left out)."""
    root = ElementTree.fromstring(timeline(given_facts))
    return [
        (float(each.get("x", 0)), float(each.get("width", 0)))
        for each in root.iter(f"{SVG}rect")
        if each.get("fill") == colour and each.get("height") == "34"
    ]


def test_each_colour_has_a_pattern_and_a_letter() -> None:
    drawn = timeline(facts())
    assert {"p-backfilled", "p-explained", "p-interrupted"} <= set(re.findall(r'id="([^"]+)"', drawn))
    legend = [each.text for each in ElementTree.fromstring(drawn).iter(f"{SVG}text")]
    for name in ("recorded", "backfilled", "explained", "interrupted"):
        assert words.PAINTS[name].letter in legend
        assert words.PAINTS[name].word in legend
    assert words.PAINTS["nothing"].word not in legend


def test_an_interruption_of_milliseconds_can_be_seen() -> None:
    short = interruption(1, "loss", START_US + 10 * MINUTE, 2_000)
    (bar,) = rects(facts(interruptions=(short,)), words.PAINTS["interrupted"].colour)
    assert bar[1] >= 2


def test_bars_lie_where_their_times_are() -> None:
    span = 100 * S
    given_facts = facts(
        given_from_us=START_US, given_to_us=START_US + span, interruptions=(), marks=(),
        stretches=(Stretch(StretchKind.OFF_DUTY, START_US + 25 * S, START_US + 50 * S),),
    )  # fmt: skip
    assert rects(given_facts, words.PAINTS["off_duty"].colour) == [(6 + 588 / 4, 588 / 4)]
    assert words.PAINTS["nothing"].word in timeline(given_facts)


def test_what_was_withdrawn_or_lost_nothing_is_not_a_bar() -> None:
    gone = interruption(1, "stall", START_US, 60 * S, closing=Closing.WITHDRAWN)
    step = interruption(2, "step", START_US, 60 * S)
    assert rects(facts(interruptions=(gone, step)), words.PAINTS["interrupted"].colour) == []
    unknown = interruption(3, "who_knows", START_US, 60 * S)
    assert len(rects(facts(interruptions=(unknown,)), words.PAINTS["interrupted"].colour)) == 1


times = st.integers(-(2**45), 2**52)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(times, times),
    st.lists(st.tuples(st.sampled_from(StretchKind), times, times), max_size=8),
    st.lists(st.tuples(st.sampled_from(Closing), times, st.none() | times), max_size=8),
)
def test_any_times_give_a_drawing(
    given_range: tuple[int, int],
    stretches: list[tuple[StretchKind, int, int]],
    breaks: list[tuple[Closing, int, int | None]],
) -> None:
    given_facts = facts(
        given_from_us=given_range[0],
        given_to_us=given_range[1],
        stretches=tuple(Stretch(kind, start, end) for kind, start, end in stretches),
        interruptions=tuple(
            InterruptionFact("x", "stall", "closed", start, end, closing=closing) for closing, start, end in breaks
        ),
    )
    root = ElementTree.fromstring(timeline(given_facts))
    for each in root.iter(f"{SVG}rect"):
        assert 0 <= float(each.get("x", 0)) <= 600
        assert 0 <= float(each.get("width", 0)) <= 600
    assert page(given_facts)


def test_overlaps_are_counted_once() -> None:
    assert covered_us([(0, 10), (5, 15), (20, 30)], 2, 25) == 13 + 5
    assert covered_us([(30, 20)], 0, 100) == 0


# ---------------------------------------------------------------------------------- the label


def test_the_label_names_digest_and_head() -> None:
    text = label_text(facts())
    assert "sha256 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae" in text
    assert "root pmsDJCm0mBgFtDtKZkZW7Y/nTAFKyQvPxVvVPZxFqYw=" in text
    assert "size 184223" in text
    assert "part 1/2" in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_label_fits_into_a_code(text: str) -> None:
    ElementTree.fromstring(qr_svg(label_text(all_texts(text))))
