"""Pages set by typst with the fonts of a package, so that no machine's own fonts matter.

PDF/A-2a and PDF/UA-1: for archives, and for readers that read aloud. Nothing is downloaded; what a page says reaches
typst as JSON, where it is text and never markup.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pylopdf_fonts_zh_cn

from hub.errors import Unavailable

if TYPE_CHECKING:
    import typst

_STANDARDS: tuple[typst.PDFStandard, ...] = ("a-2a", "ua-1")
_LATEST_S = 253_402_300_799
"""The last second that a PDF's date can name (9999-12-31)."""
_LONG_WORD = re.compile(r"[!-~]{24,}")
_ZERO_WIDTH_SPACE = "\u200b"

log = logging.getLogger(__name__)


def typeset(template: Traversable, view: Any, files: Mapping[str, bytes], *, at_us: int, what: str) -> bytes:
    """The page as PDF; the same bytes for the same input. The template reads ``view.json`` and the ``files`` beside it.

    ``at_us`` is the time that stands in the PDF, ``what`` names it in the log. Raises Unavailable when the fonts are
    not there. A PDF that cannot keep the archive's standard is set without it: a plain one is better than none.
    """
    import typst  # only where a page is set: a start does without

    with tempfile.TemporaryDirectory(prefix="hub-page-") as folder:
        root = Path(folder)
        (root / "page.typ").write_bytes(template.read_bytes())
        (root / "view.json").write_text(json.dumps(printable(view), ensure_ascii=False), encoding="utf-8")
        for name, data in files.items():
            (root / name).write_bytes(data)
        created_s = min(max(at_us // 1_000_000, 0), _LATEST_S)
        try:
            return _set(root, created_s, _STANDARDS)
        except typst.TypstError as error:
            log.warning("%s is no PDF/A: %s", what, error.message)
        try:
            return _set(root, created_s, ())
        except typst.TypstError as error:
            raise Unavailable(f"expected the page to be set as PDF, found: {error.message}") from error


def _set(root: Path, created_s: int, standards: tuple[typst.PDFStandard, ...]) -> bytes:
    import typst

    compiler = typst.Compiler(root / "page.typ", root=root, font_paths=typeset_fonts(), ignore_system_fonts=True)
    made = compiler.compile(format="pdf", pdf_standards=list(standards), timestamp=created_s)
    assert isinstance(made, bytes)
    return made


@cache
def typeset_fonts() -> typst.Fonts:
    """Noto Serif SC and Noto Sans SC of the package; DejaVu Sans Mono is inside typst."""
    import typst

    folder = pylopdf_fonts_zh_cn.serif_path().parent
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[folder])
    missing = {"Noto Serif SC", "Noto Sans SC", "DejaVu Sans Mono"} - set(fonts.families())
    if missing:
        raise Unavailable(
            f"expected the fonts of pylopdf-fonts-zh-cn, found no {', '.join(sorted(missing))}: reinstall"
        )
    return fonts


@cache
def _drawable() -> frozenset[int]:
    """Code points that both fonts have a picture of."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    found: list[set[int]] = []
    for path in (pylopdf_fonts_zh_cn.serif_path(), pylopdf_fonts_zh_cn.sans_path()):
        with TTFont(path, lazy=True) as font:
            found.append(set(font.getBestCmap()))
    return frozenset(found[0] & found[1])


def printable(value: Any) -> Any:
    """Every text of a view with what the fonts cannot draw shown by its number, and long words made breakable."""
    if isinstance(value, str):
        drawn = "".join(each if ord(each) in _drawable() else f"⟨U+{ord(each):04X}⟩" for each in value)
        return _LONG_WORD.sub(_breakable, drawn)
    if isinstance(value, Mapping):
        return {name: printable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [printable(each) for each in value]
    return value


def _breakable(word: re.Match[str]) -> str:
    text = word.group()
    return _ZERO_WIDTH_SPACE.join(text[at : at + 8] for at in range(0, len(text), 8))
