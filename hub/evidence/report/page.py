"""The report as one HTML file: opens offline, runs nothing, prints on A4."""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hub.evidence.facts import ReportFacts
from hub.evidence.report.drawing import timeline
from hub.evidence.report.label import label_text, qr_svg
from hub.evidence.report.view import View


def html(facts: ReportFacts, view: View) -> bytes:
    """UTF-8. The drawings are our own SVG; everything else is escaped by the template engine."""
    jpeg = facts.still.jpeg
    text = (
        _templates()
        .get_template("report.html")
        .render(
            v=view,
            still_uri=f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else "",
            timeline=Markup(timeline(facts)),  # noqa: S704  # numbers and our own words alone
            qr=Markup(qr_svg(label_text(facts))),  # noqa: S704  # a path and a viewBox
        )
    )
    return text.encode("utf-8")


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("hub.evidence.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
