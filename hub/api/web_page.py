"""The command centre's page: index.html, its hashed assets, and the headers that keep a browser honest.

The built page lies in ``hub/api/page``. Anybody may load it: it is the login page, and holds no data.
"""

from __future__ import annotations

import re
from pathlib import Path

from aiohttp import hdrs, web

from hub.api.auth import allowed_origin
from hub.api.routes import Access, Route
from hub.api.whip import cors_headers
from hub.errors import NotFound

PAGE = Path(__file__).with_name("page")
PAGE_DIR: web.AppKey[Path] = web.AppKey("page_dir", Path)

# Nothing inline, nothing from elsewhere; blob: is what Media Source and hls.js's worker need.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(self)",
}
_SAME_ORIGIN_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# what a file of the page may be called: no way to write "..", "/" or a hidden file
_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
# Vite puts a digest into these names: the same name is the same bytes for ever
_YEAR_S = 365 * 86400

NOT_BUILT = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>执法记录中枢</title>
<h1>页面尚未构建 · The page is not built yet</h1>
<p>The hub itself is running. Build the page with <code>make page</code>, or by hand
<code>cd web &amp;&amp; npm ci &amp;&amp; npm run build</code>, and reload.</p>
<p>中枢已在运行。请执行 <code>make page</code>，然后刷新本页。</p>
</html>
"""


async def index(request: web.Request) -> web.StreamResponse:
    """GET /: always asked for anew, so that a page of an older hub does not linger."""
    return _page(request, "index.html")


async def recorder(request: web.Request) -> web.StreamResponse:
    """GET /recorder: a phone as a recorder. A page of its own: it lives without sign-in, and without the hub."""
    return _page(request, "recorder.html")


def _page(request: web.Request, name: str) -> web.StreamResponse:
    page = request.app[PAGE_DIR] / name
    if not page.is_file():
        return web.Response(text=NOT_BUILT, content_type="text/html", headers={hdrs.CACHE_CONTROL: "no-store"})
    return web.FileResponse(page, headers={hdrs.CACHE_CONTROL: "no-cache"})


async def asset(request: web.Request) -> web.StreamResponse:
    """GET /assets/{file}: named for its content."""
    return _file(request, "assets", f"private, max-age={_YEAR_S}, immutable")


async def root_file(request: web.Request) -> web.StreamResponse:
    """GET /{file}: the few files beside index.html, as favicon.svg."""
    return _file(request, "", "no-cache")


def _file(request: web.Request, folder: str, cache_control: str) -> web.StreamResponse:
    name = request.match_info["file"]
    path = request.app[PAGE_DIR] / folder / name
    if _FILE.fullmatch(name) is None or not path.is_file():
        raise NotFound(f"no file {name[:80]!r} belongs to the page")
    return web.FileResponse(path, headers={hdrs.CACHE_CONTROL: cache_control})


async def prepare_headers(request: web.Request, response: web.StreamResponse) -> None:
    """on_response_prepare: on every answer, refusals too."""
    guard_headers(request, response, allowed_origin(request))


def guard_headers(request: web.Request, response: web.StreamResponse, origin: str | None) -> None:
    """``origin``: another one whose pages may read the answer."""
    headers = response.headers
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    if request.path.startswith("/whip/"):
        headers.update(cors_headers())
    else:
        headers.update(_SAME_ORIGIN_HEADERS)
        if origin is not None:
            headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
        headers[hdrs.VARY] = hdrs.ORIGIN
    # footage and answers do not stay in the cache of a shared PC after the sign-out
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    headers.popall(hdrs.SERVER, None)


ROUTES = (
    Route("GET", "/", index, Access.PUBLIC, "The command centre's page.", answer="text/html"),
    Route("GET", "/recorder", recorder, Access.PUBLIC, "A phone as a recorder.", answer="text/html"),
    Route("GET", "/assets/{file}", asset, Access.PUBLIC, "A file of the page.", answer="*/*", refusals=(404,)),
    Route("GET", "/{file}", root_file, Access.PUBLIC, "A file of the page.", answer="*/*", refusals=(404,)),
)
