"""A statement as text, and as a page to print and sign by hand. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import segno
from jinja2 import Environment

from hub.followup.statements import Statement
from hub.model import Interruption, Stream
from hub.words import KINDS

CHINA = timezone(timedelta(hours=8))


def local(at_us: int | None) -> str:
    """Beijing time, to the second."""
    if at_us is None:
        return "未恢复"
    return datetime.fromtimestamp(at_us // 1_000_000, CHINA).strftime("%Y-%m-%d %H:%M:%S（北京时间）")


def text_of(ident: str, fault: Interruption, stream: Stream, unit: str, writer: str, words: str, at_us: int) -> bytes:
    """The statement as it is kept: what its digest binds is the interruption and the words, together."""
    lines = (
        "记录中断书面说明",
        f"编号：{ident}",
        f"单位：{unit}",
        f"设备：{stream.name}（{stream.id}）",
        f"中断编号：{fault.id}",
        f"中断类型：{KINDS[fault.kind]}",
        f"中断开始：{local(fault.started_us)}",
        f"恢复时间：{local(fault.ended_us)}",
        f"起草人：{writer}",
        f"起草时间：{local(at_us)}",
        "",
        words.strip(),
        "",
    )
    return "\n".join(lines).encode()


def code_of(statement: Statement) -> str:
    """What the QR code says: enough to find the statement again and to know its words for the same."""
    return f"hub-statement:{statement.id}:{statement.sha256}"


_PAGE = Environment(autoescape=True).from_string("""<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>记录中断书面说明 {{ id }}</title>
<style>
@page { size: A4; margin: 20mm } body { font: 12pt/1.7 "Noto Serif SC", "Songti SC", SimSun, serif; max-width: 170mm;
margin: 0 auto } pre { font: inherit; white-space: pre-wrap; overflow-wrap: anywhere }
.code { float: right; width: 34mm }
.code svg { width: 100%; height: auto } .digest { font: 8pt/1.4 monospace; overflow-wrap: anywhere }
.sign td { border-bottom: 1px solid #000; height: 16mm; width: 50% }
</style></head><body>
<div class="code">{{ code | safe }}</div>
<pre>{{ text }}</pre>
<p class="digest">SHA-256 {{ sha256 }}</p>
<table class="sign" width="100%">
{% for number in range(hands) %}<tr><td>{{ role }}签字：</td><td>执法证号：　　　　日期：</td></tr>
{% endfor %}</table>
</body></html>
""")


def page_of(statement: Statement, text: str, *, hands: int, window: bool) -> str:
    """HTML to print. ``hands``: how many sign. The text is made harmless; the code is our own SVG."""
    code = segno.make(code_of(statement), error="m").svg_inline(scale=4, border=2)
    role = "大厅管理员" if window else "执法人员"
    return _PAGE.render(id=statement.id, code=code, text=text, sha256=statement.sha256, hands=hands, role=role)
