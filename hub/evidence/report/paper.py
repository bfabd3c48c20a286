"""The report as PDF (hub/typesetting.py)."""

from __future__ import annotations

from importlib import resources

from hub.evidence.facts import ReportFacts
from hub.evidence.report.drawing import timeline
from hub.evidence.report.label import label_text, qr_svg
from hub.evidence.report.view import View
from hub.typesetting import typeset


def pdf(facts: ReportFacts, view: View) -> bytes:
    """The same bytes for the same facts: the time inside is that of the export.

    Raises Unavailable when the fonts are not there. A PDF that cannot keep the archive's standard is set without it:
    a plain one is better than none.
    """
    files = {"timeline.svg": timeline(facts).encode(), "qr.svg": qr_svg(label_text(facts)).encode()}
    if facts.still.jpeg is not None:
        files["still.jpg"] = facts.still.jpeg
    template = resources.files("hub.evidence.report") / "templates" / "report.typ"
    return typeset(template, view, files, at_us=facts.created_us, what=f"the report {facts.export_id}")
