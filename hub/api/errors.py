"""How a refusal leaves the hub: one table of statuses, one form, ``{"error": {"code", "message"}}``."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from hub.errors import (
    Conflict,
    HubError,
    InvalidRequest,
    LedgerError,
    NotFound,
    Refused,
    SourceError,
    StorageError,
    Unavailable,
)
from hub.metrics import HTTP_CALLS

log = structlog.get_logger(__name__)


class Unauthorized(HubError):
    """No credentials, or none that are known here."""

    code = "unauthorized"


class Forbidden(HubError):
    """Who asks is known, and may not."""

    code = "forbidden"


class TooManyAttempts(HubError):
    """Sign-ins failed too often; ``retry_after_s`` says when to try again."""

    code = "too_many_attempts"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnsupportedMediaType(HubError):
    code = "unsupported_media_type"


class PreconditionFailed(HubError):
    """The entity tag is not the current one (RFC 9110 §13.1.1)."""

    code = "precondition_failed"


class BodyTooLarge(HubError):
    code = "body_too_large"


class SlowBody(HubError):
    """The caller did not send the body that it announced (RFC 9110 §15.5.9)."""

    code = "slow_body"


# The most special class comes first; the first that fits decides.
STATUS_OF_ERROR: tuple[tuple[type[HubError], int], ...] = (
    (Unauthorized, 401),
    (Forbidden, 403),
    (Refused, 403),
    (NotFound, 404),
    (Conflict, 409),
    (SlowBody, 408),
    (PreconditionFailed, 412),
    (BodyTooLarge, 413),
    (UnsupportedMediaType, 415),
    (TooManyAttempts, 429),
    (InvalidRequest, 400),
    (SourceError, 400),  # an SDP or a candidate that a recorder posted
    (Unavailable, 503),
    (StorageError, 503),
    (LedgerError, 503),
    (HubError, 500),
)

# What the code says more exactly than the class (RFC 9725 §4.3.3 wants 422 for a refused ICE restart, C2SP
# tlog-witness for a proof that does not hold).
STATUS_OF_CODE = {"ice_restart": 422, "bad_proof": 422}

_CODE_OF_STATUS = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    417: "expectation_failed",
}


def status_of(error: HubError) -> int:
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    return next(status for kind, status in STATUS_OF_ERROR if isinstance(error, kind))


def error_response(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


@web.middleware
async def errors_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: whatever is raised below becomes the one form, and every answer is counted."""
    response = await _answer(request, handler)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else "none"  # outsiders choose no label
    HTTP_CALLS.labels(request.method if resource is not None else "any", route, response.status).inc()
    return response


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Internals are logged, never sent."""
    try:
        return await handler(request)
    except HubError as error:
        return _refused(request, error)
    except web.HTTPRequestEntityTooLarge:
        return _refused(request, BodyTooLarge("the body is larger than this hub accepts (setting max_body_kb)"))
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _http_error(request, error)
    except (ConnectionError, TimeoutError):
        raise  # the caller is gone; there is nobody to answer
    except Exception:
        log.exception("unexpected error", method=request.method, path=request.path)
        return error_response(500, "internal", "an unexpected error; the hub's log says more")


def _refused(request: web.Request, error: HubError) -> web.Response:
    status = status_of(error)
    if status >= 500:
        log.error("call failed", method=request.method, path=request.path, code=error.code, message=str(error))
    response = error_response(status, error.code, str(error))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in (408, 413):
        response.force_close()  # the rest of the body is not worth reading
    if isinstance(error, TooManyAttempts):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    code = _CODE_OF_STATUS.get(error.status, HTTPStatus(error.status).phrase.lower().replace(" ", "_"))
    message = f"{request.method} {request.path}: {HTTPStatus(error.status).phrase}"
    if isinstance(error, web.HTTPMethodNotAllowed):
        message += f"; allowed: {', '.join(sorted(error.allowed_methods))}"
    response = error_response(error.status, code, message)
    for name in ("Allow", "Content-Range"):
        if name in error.headers:
            response.headers[name] = error.headers[name]
    return response
