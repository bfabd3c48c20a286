"""Logs: one line an event, as JSON or as text for people, and never a secret in it.

Everything that logs (structlog here, the standard library's ``logging`` in aiohttp and aiortc) goes through
the same processors, the last of which before rendering is :func:`redact_event`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from hub.clock import US_PER_S, Clock
from hub.settings import Settings

MASK = "***"

_SECRET_KEY = re.compile(r"password|passwd|token|secret|authorization|cookie", re.IGNORECASE)
# scheme://user:password@ up to the last @ of the word; a port right after the colon is no password
_URL_PASSWORD = re.compile(
    r"""([a-z][a-z0-9+.-]*://[^\s/?#:@"'<>]*:)(?!\d{1,5}(?:[/?#\s"']|$))[^\s"'<>]*@""", re.IGNORECASE
)
# to the end of the line: Digest writes quotes and commas
_AUTHORIZATION = re.compile(r"""(authorization["']?\s*[:=]\s*)[^\r\n]+""", re.IGNORECASE)
_BEARER = re.compile(r"(bearer\s+)[a-z0-9._~+/=-]{8,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""((?:password|passwd|pwd|token|secret)["']?\s*[=:]\s*["']?)[^\s"'&,;})\]]+""",
    re.IGNORECASE,
)
_MAX_DEPTH = 4

# aiortc and aioice tell every packet and candidate pair at these levels
_NOISY = {"aioice": logging.WARNING, "aiortc": logging.WARNING, "asyncio": logging.WARNING, "libav": logging.ERROR}


def redact(text: str) -> str:
    """``text`` without passwords in URLs, bearer tokens, Authorization values and ``password=…`` pairs."""
    if "://" in text:
        text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    text = _AUTHORIZATION.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    return _ASSIGNED.sub(rf"\1{MASK}", text)


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """structlog processor: masks values of keys named for a secret and secrets inside other values."""
    return {key: _redacted(key, value, 0) for key, value in event.items()}


def _redacted(key: object, value: Any, depth: int) -> Any:
    if isinstance(key, str) and _SECRET_KEY.search(key) and not isinstance(value, bool | None):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            return {inner: _redacted(inner, item, depth + 1) for inner, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [_redacted(None, item, depth + 1) for item in value]
    return redact(str(value))


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up structlog and the standard library's root logger. May be called again (tests do)."""
    out = sys.stderr if stream is None else stream
    level = getattr(logging, settings.log_level.upper())
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact_event,
                _renderer(as_json, out),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name, least in _NOISY.items():
        logging.getLogger(name).setLevel(max(level, least))


def _renderer(as_json: bool, out: TextIO) -> Processor:
    if as_json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    # plain tracebacks: the exception is text by now, already without secrets
    return structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)


class Repetition:
    """Says when a complaint that repeats may be logged again: at most once per key and period.

    Holds at most ``keys`` keys; the one unheard of for longest is forgotten first.
    """

    def __init__(self, clock: Clock, *, every_s: float = 10.0, keys: int = 1000) -> None:
        self._clock = clock
        self._every_us = round(every_s * US_PER_S)
        self._keys = keys
        self._seen: OrderedDict[Hashable, tuple[int, int]] = OrderedDict()

    def due(self, key: Hashable) -> int | None:
        """None: keep quiet. Else: log it, and say that so many like it were kept quiet since the last."""
        now_us = self._clock.now().mono_us
        last = self._seen.get(key)
        if last is not None and now_us - last[0] < self._every_us:
            self._seen[key] = (last[0], last[1] + 1)
            return None
        self._seen[key] = (now_us, 0)
        self._seen.move_to_end(key)
        while len(self._seen) > self._keys:
            self._seen.popitem(last=False)
        return last[1] if last is not None else 0
