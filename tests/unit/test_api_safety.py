"""What no address may carry and no page may hold, read off the route table and the page itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from hub.api.routes import Access, Route
from hub.api.server import ROUTES

WEB = Path(__file__).parents[2] / "web"
SECRET = re.compile(r"token|password|secret|cookie|credential|authorization", re.IGNORECASE)


def names_in_the_address(route: Route) -> set[str]:
    query = set() if route.query is None else {field.alias or name for name, field in route.query.model_fields.items()}
    return query | set(re.findall(r"\{(\w+)", route.path))


def test_no_address_carries_a_secret() -> None:
    """Addresses are in histories, in logs of proxies and in referrers. A username in a path is none."""
    for route in ROUTES:
        assert not [name for name in names_in_the_address(route) if SECRET.search(name)], route.path


def test_what_changes_something_is_never_a_get() -> None:
    """The cookie goes along with any GET that a foreign page makes; only other methods are asked for their Origin."""
    for route in ROUTES:
        if route.access is not Access.PUBLIC and route.body is not None:
            assert route.method in ("POST", "PUT", "PATCH", "DELETE"), route.path
        assert route.method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"), route.path


class Inline(HTMLParser):
    """Scripts and styles that stand in the page itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in given):
            self.found.append(tag)
        self.found += [name for name in given if name == "style" or name.startswith("on")]


def test_the_page_has_no_inline_script_or_style() -> None:
    """The policy forbids them: they would not run, and nobody may be tempted to weaken it."""
    parser = Inline()
    parser.feed((WEB / "index.html").read_text(encoding="utf-8"))
    assert parser.found == []
    parser.feed("<p onclick='x' style='y'><script>z</script><style></style>")
    assert parser.found == ["onclick", "style", "script", "style"]


def test_no_component_makes_html_out_of_text() -> None:
    """What a device or a person wrote is text, also where it looks like HTML."""
    for path in [*WEB.glob("src/**/*.vue"), *WEB.glob("src/**/*.ts")]:
        assert not re.search(r"v-html|\.innerHTML\s*=|insertAdjacentHTML|document\.write", path.read_text("utf-8")), (
            path
        )
