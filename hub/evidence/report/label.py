"""The disc's label: what its QR code says, and the code as SVG."""

from __future__ import annotations

import io

import segno

from hub.evidence.facts import ReportFacts
from hub.evidence.report.words import plain


def label_text(facts: ReportFacts) -> str:
    """What the QR code holds: lines of ``name value``, to be read by a person with any scanner.

    ``sha256`` is the package's digest (of the file named by ``of``), ``log``, ``size`` and ``root`` the head of the log
    that it is proven against, ``key`` the SHA-256 of the public key.
    """
    head = facts.checkpoint
    lines = (
        ("recorder-hub", "evidence 1"),
        ("export", facts.export_id),
        ("part", f"{facts.part.number}/{facts.part.of}"),
        ("of", facts.digest_of),
        ("sha256", facts.digest),
        ("log", head.origin),
        ("size", str(head.size)),
        ("root", head.root),
        ("key", facts.key_fingerprint),
    )
    return "\n".join(f"{name} {plain(value, limit=100)}" for name, value in lines)


def qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004), error correction M, as ``<svg>`` that takes the size of its place."""
    out = io.BytesIO()
    code = segno.make(text, error="m", micro=False, boost_error=False)
    code.save(out, kind="svg", xmldecl=False, nl=False, border=4, omitsize=True, svgclass=None, lineclass=None)
    return out.getvalue().decode("utf-8")
