"""The report of an evidence package, in Chinese, as HTML and PDF (docs/design/report.md)."""

from __future__ import annotations

from hub.evidence.facts import ReportFacts
from hub.evidence.report.page import html
from hub.evidence.report.paper import pdf
from hub.evidence.report.view import view


def report(facts: ReportFacts) -> tuple[bytes, bytes]:
    """HTML and PDF, the same bytes for the same facts. Blocks for some tenths of a second: run it in a thread.

    Raises HubError when the PDF cannot be set (the package of fonts is missing), never for what a text contains.
    """
    seen = view(facts)
    return html(facts, seen), pdf(facts, seen)
