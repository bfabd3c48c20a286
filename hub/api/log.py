"""The open log: heads, keys, proofs and tiles of hashes for people without an account; cosignatures come back.

What is public names nobody: hashes, of entries that each hold 16 random bytes. The entries themselves are not.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from io import BytesIO
from typing import TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, Field

from hub.api.errors import Forbidden
from hub.api.routes import Access, Route
from hub.api.schema import Input, read_body, read_query
from hub.api.services import SERVICES, Services
from hub.audit.open_log import MAX_COSIGNED_BYTES, Accepted, OpenLog
from hub.audit.witness import Contradiction, NotTrusted, OtherSize, Witness
from hub.errors import Conflict, InvalidRequest, NotFound, Unavailable
from hub.ledger.notes import BadNote, VerifierKey, parse_checkpoint, parse_note
from hub.ledger.proofs import MAX_SIZE, MAX_TEXT_BYTES, BadProof, parse_addition
from hub.ledger.tiles import tile_of
from hub.people.rights import Right

TEXT = "text/plain"
SIZE_TYPE = "text/x.tlog.size"
AT_ONCE = 2
"""Calls that work on the log at once; further ones wait, so that strangers cannot take all threads."""
MAX_QR_BYTES = 1200
FOR_EVER = "public, max-age=31536000, immutable"
WORK: web.AppKey[asyncio.Semaphore] = web.AppKey("log_work", asyncio.Semaphore)
_Result = TypeVar("_Result")


# ------------------------------------------------------------------------- what goes in and out


class HeadQuery(Input):
    cosigned: bool = Field(False, description="The newest head that a witness has cosigned, instead of the newest.")


class FromQuery(Input):
    from_: int = Field(0, ge=0, lt=MAX_SIZE, alias="from", description="The size that the reader knows.")


class ConsistencyQuery(Input):
    from_: int = Field(ge=0, lt=MAX_SIZE, alias="from", description="The older size.")
    to: int | None = Field(None, ge=0, lt=MAX_SIZE, description="The newer size; the newest signed one if absent.")


class InclusionQuery(Input):
    index: int = Field(ge=0, lt=MAX_SIZE, description="The entry's place in the log, from 0.")
    size: int | None = Field(None, ge=1, lt=MAX_SIZE, description="The newest signed size if absent.")


class ConsistencyOut(BaseModel):
    from_: int = Field(alias="from")
    to: int
    hashes: list[str] = Field(description="Base64, in the order of RFC 6962 §2.1.2.")


class InclusionOut(BaseModel):
    index: int
    size: int
    leaf: str = Field(description="The leaf hash, lower-case hex.")
    root: str = Field(description="The root at this size, base64 as in a checkpoint.")
    hashes: list[str] = Field(description="Base64, in the order of RFC 6962 §2.1.1.")


class AcceptedOut(BaseModel):
    witness: str
    size: int
    new: bool = Field(description="False: it was known already.")


class CosignaturesOut(BaseModel):
    accepted: list[AcceptedOut]


# -------------------------------------------------------------------------------------- the helpers


async def _work(request: web.Request, call: Callable[..., _Result], *args: object) -> _Result:
    """In a thread: it reads files and hashes."""
    async with request.app[WORK]:
        return await asyncio.to_thread(call, *args)


def _log(request: web.Request) -> OpenLog:
    log = request.app[SERVICES].open_log
    if log is None:
        raise Unavailable("the log is not open to readers here")
    return log


def _coded(hashes: tuple[bytes, ...]) -> list[str]:
    return [base64.b64encode(one).decode() for one in hashes]


def _text(text: str, name: str = "") -> web.Response:
    headers = {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'} if name else {}
    return web.Response(text=text, content_type=TEXT, charset="utf-8", headers=headers)


async def _body(request: web.Request, most: int) -> bytes:
    """Of any media type: C2SP names none."""
    body = await read_body(request, request.content_type)
    if len(body) > most:
        raise InvalidRequest(f"expected at most {most} bytes, found {len(body)}")
    return body


# ------------------------------------------------------------------------------------ heads and keys


async def checkpoint(request: web.Request) -> web.Response:
    """GET /api/log/checkpoint: C2SP tlog-checkpoint, with the cosignatures that belong to it."""
    query = read_query(request, HeadQuery)
    services = request.app[SERVICES]
    if services.open_log is None:
        return _text(services.log.checkpoint())
    if not query.cosigned:
        return _text(await _work(request, services.open_log.with_cosignatures))
    note = await _work(request, services.open_log.cosigned)
    if not note:
        raise NotFound("no witness has cosigned a head of this log yet", code="not_cosigned")
    return _text(note)


async def vkey(request: web.Request) -> web.Response:
    """GET /api/log/vkey"""
    return _text(request.app[SERVICES].log.vkey().strip() + "\n")


async def keys(request: web.Request) -> web.Response:
    """GET /api/log/keys"""
    return _text(_log(request).statements())


async def head(request: web.Request) -> web.Response:
    """GET /api/log/head: the file that `hub audit FILE` reads."""
    query = read_query(request, FromQuery)
    bundle = await _work(request, _log(request).bundle, (query.from_,) if query.from_ else ())
    return _text(bundle.text(), "log-head.txt")


async def head_qr(request: web.Request) -> web.Response:
    """GET /api/log/head.svg: the note as a QR code, for the hand-over sheet."""
    note = request.app[SERVICES].log.checkpoint()
    if not note:
        raise NotFound("nothing of this log is signed yet")
    return web.Response(body=await asyncio.to_thread(qr_svg, note), content_type="image/svg+xml")


def qr_svg(note: str) -> bytes:
    """The note's text, byte for byte, in one QR code. Raises InvalidRequest where it does not fit."""
    if len(note.encode()) > MAX_QR_BYTES:
        raise InvalidRequest(f"the head has more than {MAX_QR_BYTES} bytes and fits in no QR code that a phone reads")
    out = BytesIO()
    import segno

    code = segno.make(note, micro=False, error="m", encoding="utf-8")
    code.save(out, kind="svg", scale=4, border=4, xmldecl=False, title="log head")
    return out.getvalue()


# -------------------------------------------------------------------------------------------- proofs


async def consistency(request: web.Request) -> web.Response:
    """GET /api/log/proof/consistency?from=&to="""
    query = read_query(request, ConsistencyQuery)
    log = _log(request)
    to = query.to
    if to is None:
        to = parse_checkpoint(parse_note(log.note()).text).size
    hashes = await _work(request, log.consistency, query.from_, to)
    return web.json_response({"from": query.from_, "to": to, "hashes": _coded(hashes)})


async def inclusion(request: web.Request) -> web.Response:
    """GET /api/log/proof/inclusion?index=&size="""
    query = read_query(request, InclusionQuery)
    found = await _work(request, _log(request).inclusion, query.index, query.size)
    return web.json_response(
        {
            "index": found.index,
            "size": found.size,
            "leaf": found.leaf.hex(),
            "root": base64.b64encode(found.root).decode(),
            "hashes": _coded(found.hashes),
        }
    )


async def tlog_proof(request: web.Request) -> web.Response:
    """GET /api/log/proof/{index}.tlog-proof"""
    text = request.match_info["index"]
    if len(text) > 18:
        raise InvalidRequest("expected the index of an entry of the log, found a larger number")
    index = int(text)
    return _text(await _work(request, _log(request).tlog_proof, index), f"{index}.tlog-proof")


async def entry_proof(request: web.Request) -> web.Response:
    """GET /api/log/entries/{leaf}.tlog-proof: looks through the log, so it is not for strangers."""
    log = _log(request)
    index = await _work(request, log.index_of, bytes.fromhex(request.match_info["leaf"]))
    return _text(await _work(request, log.tlog_proof, index), f"{index}.tlog-proof")


async def tile(request: web.Request) -> web.Response:
    """GET /api/log/tile/{L}/{N}[.p/{W}]: C2SP tlog-tiles, hashes alone."""
    level, index, width = tile_of(request.match_info["tile"])
    data = await _work(request, _log(request).tile, level, index, width)
    return web.Response(body=data, content_type="application/octet-stream", headers={hdrs.CACHE_CONTROL: FOR_EVER})


# ---------------------------------------------------------------------------------------- witnessing


async def cosignatures(request: web.Request) -> web.Response:
    """POST /api/log/cosignatures: a cosigned head, from a configured witness. The signature is the credential."""
    services = request.app[SERVICES]
    body = await _body(request, MAX_COSIGNED_BYTES)
    try:
        accepted: list[Accepted] = await _work(request, _log(request).accept, body)
    except BadNote as error:
        raise InvalidRequest(str(error)) from error
    except NotTrusted as error:
        raise Forbidden(str(error), code=error.code) from error
    await _pass_on(services, accepted)
    told = [{"witness": one.witness, "size": one.size, "new": one.new} for one in accepted]
    return web.json_response({"accepted": told})


async def _pass_on(services: Services, accepted: list[Accepted]) -> None:
    for one in accepted:
        if one.new and services.cosigned is not None:
            await services.cosigned(one)


async def witness_key(request: web.Request) -> web.Response:
    """GET /api/witness/vkey"""
    witness, _ = _witness(request)
    return _text(f"{witness.key}\n")


async def add_checkpoint(request: web.Request) -> web.Response:
    """POST /api/witness/add-checkpoint: C2SP tlog-witness, for the logs in the setting ``witness_for``."""
    witness, trusted = _witness(request)
    body = await _body(request, MAX_TEXT_BYTES)
    try:
        addition = parse_addition(body)
        origin = parse_checkpoint(parse_note(addition.note).text).origin
    except (BadProof, BadNote) as error:
        raise InvalidRequest(str(error)) from error
    keys = [key for key in trusted if key.name == origin]
    if not keys:
        raise NotFound("this witness does not follow that log: its key is not in the setting `witness_for`")
    now_us = request.app[SERVICES].clock.now().utc_us
    try:
        line = await _work(request, witness.add, addition, keys, now_us)
    except NotTrusted as error:
        raise Forbidden(str(error), code=error.code) from error
    except OtherSize as error:
        return web.Response(status=409, body=b"%d\n" % error.size, content_type=SIZE_TYPE)
    except Contradiction as error:
        raise Conflict("the log signed two roots of this size; both heads are kept", code=error.code) from error
    return _text(line)


def _witness(request: web.Request) -> tuple[Witness, tuple[VerifierKey, ...]]:
    services = request.app[SERVICES]
    if services.witness is None:
        raise NotFound("this hub is no witness: the setting `witness_for` is empty")
    return services.witness, services.witness_for


PUBLIC = Access.PUBLIC
ROUTES = (
    Route(
        "GET",
        "/api/log/checkpoint",
        checkpoint,
        PUBLIC,
        "The newest signed checkpoint (C2SP tlog-checkpoint) with the cosignatures that belong to it.",
        query=HeadQuery,
        answer=TEXT,
        refusals=(404,),
    ),
    Route("GET", "/api/log/vkey", vkey, PUBLIC, "The log's verifier key (C2SP signed-note).", answer=TEXT),
    Route(
        "GET",
        "/api/log/keys",
        keys,
        PUBLIC,
        "Signed statements by which the log's keys follow and revoke each other, oldest first.",
        answer=TEXT,
    ),
    Route(
        "GET",
        "/api/log/head",
        head,
        PUBLIC,
        "The newest checkpoint with consistency proofs, as one file for `hub audit FILE`.",
        query=FromQuery,
        answer=TEXT,
        refusals=(404,),
    ),
    Route(
        "GET",
        "/api/log/head.svg",
        head_qr,
        Access.USER,
        "The head as a QR code.",
        answer="image/svg+xml",
        right=Right.LOG_STATUS,
        refusals=(404,),
    ),
    Route(
        "GET",
        "/api/log/proof/consistency",
        consistency,
        PUBLIC,
        "The log of one size is the beginning of that of another (RFC 6962 §2.1.2).",
        query=ConsistencyQuery,
        answer=ConsistencyOut,
        refusals=(404,),
    ),
    Route(
        "GET",
        "/api/log/proof/inclusion",
        inclusion,
        PUBLIC,
        "An entry is in the log (RFC 6962 §2.1.1).",
        query=InclusionQuery,
        answer=InclusionOut,
        refusals=(404,),
    ),
    Route(
        "GET",
        r"/api/log/proof/{index:\d+}.tlog-proof",
        tlog_proof,
        PUBLIC,
        "The same as a text file with its checkpoint (C2SP tlog-proof).",
        answer=TEXT,
        refusals=(400, 404),
    ),
    Route(
        "GET",
        "/api/log/entries/{leaf:[0-9a-f]{64}}.tlog-proof",
        entry_proof,
        Access.USER,
        "The same, for the entry with this leaf hash.",
        right=Right.LOG_STATUS,
        answer=TEXT,
        refusals=(404,),
    ),
    Route(
        "GET",
        "/api/log/tile/{tile:.+}",
        tile,
        PUBLIC,
        "A tile of hashes, <L>/<N>[.p/<W>] (C2SP tlog-tiles); entries are not public.",
        answer="application/octet-stream",
        refusals=(404,),
    ),
    Route(
        "POST",
        "/api/log/cosignatures",
        cosignatures,
        PUBLIC,
        "A checkpoint of this log with the cosignature of a configured witness.",
        body=TEXT,
        answer=CosignaturesOut,
        refusals=(400, 403, 404),
    ),
    Route(
        "GET", "/api/witness/vkey", witness_key, PUBLIC, "This hub's key as a witness.", answer=TEXT, refusals=(404,)
    ),
    Route(
        "POST",
        "/api/witness/add-checkpoint",
        add_checkpoint,
        PUBLIC,
        "Cosign another log's checkpoint (C2SP tlog-witness).",
        body=TEXT,
        answer=TEXT,
        refusals=(400, 403, 404, 409, 422),
    ),
)
