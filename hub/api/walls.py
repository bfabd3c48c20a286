"""/api/walls, /api/layouts: what the screens of a room show, and named arrangements (docs/design/walls.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from aiohttp import web
from pydantic import BaseModel, Field

from hub.api.access_entries import write_access
from hub.api.auth import IDENTITY, check_unit, may_see
from hub.api.labelled import reaches
from hub.api.routes import Access, Route, Scope
from hub.api.schema import Input, TimeText, read_json
from hub.api.services import SERVICES
from hub.clock import rfc3339
from hub.errors import NotFound, Unavailable
from hub.people.rights import Right
from hub.people.tree import ROOT
from hub.walls.model import EMPTY, MAX_STEPS, Arrangement, Cycle, Layout, Scene, Wall, filled
from hub.walls.walls import Walls

StreamPlace = Annotated[str, Field(max_length=63)] | None


class ArrangementIn(Input):
    split: int = Field(description="1, 4, 9 or 16.")
    places: tuple[StreamPlace, ...] = Field(
        max_length=16, description='Stream ids; "": empty; null: what is there stays (a stream that you may not see).'
    )


class CycleIn(Input):
    every_s: int = Field(description="5 to 300.")
    unit: str = Field("", max_length=63, description="Its streams and those below it …")
    steps: tuple[ArrangementIn, ...] = Field(
        (), max_length=MAX_STEPS, description="… or one arrangement after another."
    )
    paused: bool = False


class SceneIn(Input):
    arrangement: ArrangementIn
    cycle: CycleIn | None = None


class WallIn(Input):
    name: str
    unit: str = ROOT
    scene: SceneIn
    revision: int | None = Field(None, ge=0, description="The one that was seen; 409 if it is another by now.")


class LayoutIn(Input):
    name: str
    unit: str = Field("", max_length=63, description="Shared with who may see live pictures there; empty: one's own.")
    arrangement: ArrangementIn


class ArrangementOut(BaseModel):
    split: int
    places: list[str | None] = Field(description='null: a stream that the caller may not see; "": empty.')


class CycleOut(BaseModel):
    every_s: int
    unit: str
    steps: list[ArrangementOut]
    paused: bool


class SceneOut(BaseModel):
    arrangement: ArrangementOut
    cycle: CycleOut | None


class WallOut(BaseModel):
    id: str
    name: str
    unit: str
    scene: SceneOut
    revision: int
    changed_by: str
    changed_at: TimeText


class LayoutOut(BaseModel):
    id: str
    name: str
    owner: str
    unit: str
    arrangement: ArrangementOut
    changed_by: str
    changed_at: TimeText


# --------------------------------------------------------------------------- what the caller sees

See = Callable[[str], str | None]
"""A place as the caller sees it."""


def _see(request: web.Request) -> See:
    services, standing = request.app[SERVICES], request[IDENTITY].standing

    def see(stream_id: str) -> str | None:
        stream = services.registry.find(stream_id) if stream_id else None
        if stream is None or stream.retired:
            return EMPTY
        return stream_id if reaches(services, standing, Right.LIVE_VIEW, stream) else None

    return see


def _arrangement_out(arrangement: Arrangement, see: See) -> ArrangementOut:
    return ArrangementOut(split=arrangement.split, places=[see(one) for one in arrangement.places])


def _wall_out(wall: Wall, see: See) -> dict[str, Any]:
    cycle = wall.scene.cycle
    shown = None
    if cycle is not None:
        steps = [_arrangement_out(one, see) for one in cycle.steps]
        shown = CycleOut(every_s=cycle.every_s, unit=cycle.unit, steps=steps, paused=cycle.paused)
    return WallOut(
        id=wall.id,
        name=wall.name,
        unit=wall.unit,
        scene=SceneOut(arrangement=_arrangement_out(wall.scene.arrangement, see), cycle=shown),
        revision=wall.revision,
        changed_by=wall.changed_by,
        changed_at=rfc3339(wall.changed_us),
    ).model_dump(mode="json")


def _layout_out(layout: Layout, see: See) -> dict[str, Any]:
    return LayoutOut(
        id=layout.id,
        name=layout.name,
        owner=layout.owner,
        unit=layout.unit,
        arrangement=_arrangement_out(layout.arrangement, see),
        changed_by=layout.changed_by,
        changed_at=rfc3339(layout.changed_us),
    ).model_dump(mode="json")


# ------------------------------------------------------------------------- what the caller may say


def _walls(request: web.Request) -> Walls:
    found = request.app[SERVICES].walls
    if found is None:
        raise Unavailable("there are no walls here")
    return found


def _arrangement(request: web.Request, draft: ArrangementIn, before: Arrangement | None) -> Arrangement:
    """Raises NotFound for a stream that the caller may not see, as for one that is not there."""
    services, standing = request.app[SERVICES], request[IDENTITY].standing
    for one in draft.places:
        stream = services.registry.find(one) if one else None
        known = stream is not None and not stream.retired
        if one and not (known and may_see(services, standing, Right.LIVE_VIEW, one)):
            raise NotFound(f"no stream {one[:63]!r} is registered")
    return Arrangement(draft.split, filled(draft.places, before))


def _scene(request: web.Request, draft: SceneIn, before: Scene | None) -> Scene:
    arrangement = _arrangement(request, draft.arrangement, None if before is None else before.arrangement)
    if draft.cycle is None:
        return Scene(arrangement)
    if draft.cycle.unit:
        check_unit(request, draft.cycle.unit, Right.LIVE_VIEW)
        request.app[SERVICES].units.get(draft.cycle.unit)
    present = () if before is None or before.cycle is None else before.cycle.steps
    kept = (*present, *(None for _ in draft.cycle.steps))
    steps = tuple(_arrangement(request, one, kept[i]) for i, one in enumerate(draft.cycle.steps))
    return Scene(arrangement, Cycle(draft.cycle.every_s, draft.cycle.unit, steps, draft.cycle.paused))


def _wall(request: web.Request) -> Wall:
    """The one that the path names, if the caller sees live pictures in its unit. Raises NotFound as if it were not."""
    ident = request.match_info["id"]
    wall = _walls(request).find_wall(ident)
    if wall is None or not request[IDENTITY].standing.may(Right.LIVE_VIEW, wall.unit):
        raise NotFound(f"no wall {ident[:63]!r} is known", code="unknown_wall")
    return wall


def _note(request: web.Request, what: str) -> Callable[[Wall], None]:
    """What a room is shown is a look at live pictures: it stands in the ledger before it is shown."""
    by, write = request[IDENTITY].name, request.app[SERVICES].write_access

    def note(wall: Wall) -> None:
        cycle = wall.scene.cycle
        over = "" if cycle is None else cycle.unit
        write_access(write, by, what, wall=wall.id, unit=wall.unit, streams=sorted(wall.scene.streams), cycle=over)

    return note


# -------------------------------------------------------------------------------------- handlers


async def index(request: web.Request) -> web.Response:
    """GET /api/walls"""
    standing, see = request[IDENTITY].standing, _see(request)
    shown = [one for one in _walls(request).walls() if standing.may(Right.LIVE_VIEW, one.unit)]
    return web.json_response([_wall_out(one, see) for one in shown])


async def show(request: web.Request) -> web.Response:
    """GET /api/walls/{id}"""
    return web.json_response(_wall_out(_wall(request), _see(request)))


async def put(request: web.Request) -> web.Response:
    """PUT /api/walls/{id}"""
    draft = await read_json(request, WallIn)
    walls, ident = _walls(request), request.match_info["id"]
    before = walls.find_wall(ident)
    if before is not None:
        before = _wall(request)
    check_unit(request, draft.unit, Right.LIVE_VIEW)
    if before is None or before.unit != draft.unit:
        request.app[SERVICES].units.open_unit(draft.unit)
    scene = _scene(request, draft.scene, None if before is None else before.scene)
    # what null kept was read from this one: no other may come between
    seen = draft.revision if draft.revision is not None else 0 if before is None else before.revision
    wall = await walls.show(
        ident, name=draft.name, unit=draft.unit, scene=scene, by=request[IDENTITY].name,
        note=_note(request, "wall.show"), revision=seen,
    )  # fmt: skip
    return web.json_response(_wall_out(wall, _see(request)), status=201 if before is None else 200)


async def remove(request: web.Request) -> web.Response:
    """DELETE /api/walls/{id}"""
    await _walls(request).remove_wall(_wall(request).id, note=_note(request, "wall.remove"))
    return web.Response(status=204)


def _may_use(request: web.Request, layout: Layout) -> bool:
    identity = request[IDENTITY]
    return identity.standing.may(Right.LIVE_VIEW, layout.unit) if layout.unit else layout.owner == identity.name


def _layout(request: web.Request) -> Layout:
    ident = request.match_info["id"]
    layout = _walls(request).find_layout(ident)
    if layout is None or not _may_use(request, layout):
        raise NotFound(f"no layout {ident[:63]!r} is known", code="unknown_layout")
    return layout


def _check_share(request: web.Request, unit: str) -> None:
    if unit:
        check_unit(request, unit, Right.LIVE_VIEW)
        request.app[SERVICES].units.get(unit)


async def layouts(request: web.Request) -> web.Response:
    """GET /api/layouts"""
    see = _see(request)
    return web.json_response([_layout_out(one, see) for one in _walls(request).layouts() if _may_use(request, one)])


async def add_layout(request: web.Request) -> web.Response:
    """POST /api/layouts"""
    draft = await read_json(request, LayoutIn)
    _check_share(request, draft.unit)
    arrangement = _arrangement(request, draft.arrangement, None)
    layout = await _walls(request).add_layout(
        name=draft.name, unit=draft.unit, arrangement=arrangement, by=request[IDENTITY].name
    )
    return web.json_response(_layout_out(layout, _see(request)), status=201)


async def put_layout(request: web.Request) -> web.Response:
    """PUT /api/layouts/{id}"""
    draft = await read_json(request, LayoutIn)
    before = _layout(request)
    _check_share(request, draft.unit)
    layout = await _walls(request).change_layout(
        before.id, name=draft.name, unit=draft.unit,
        arrangement=_arrangement(request, draft.arrangement, before.arrangement), by=request[IDENTITY].name,
    )  # fmt: skip
    return web.json_response(_layout_out(layout, _see(request)))


async def remove_layout(request: web.Request) -> web.Response:
    """DELETE /api/layouts/{id}"""
    await _walls(request).remove_layout(_layout(request).id)
    return web.Response(status=204)


def _route(method: str, path: str, handler: Any, summary: str, **more: Any) -> Route:
    return Route(method, path, handler, Access.USER, summary, right=Right.LIVE_VIEW, scope=Scope.OWN, **more)


ROUTES = (
    _route("GET", "/api/walls", index, "Walls of the caller's unit and below.", answer=WallOut, many=True),
    _route("GET", "/api/walls/{id}", show, "What one wall shows.", answer=WallOut, refusals=(404,)),
    _route(
        "PUT", "/api/walls/{id}", put, "Make a wall, or send to it (上墙).",
        body=WallIn, answer=WallOut, refusals=(403, 404, 409),
    ),
    _route("DELETE", "/api/walls/{id}", remove, "Remove a wall.", status=204, refusals=(404,)),
    _route("GET", "/api/layouts", layouts, "One's own layouts, and those shared.", answer=LayoutOut, many=True),
    _route(
        "POST", "/api/layouts", add_layout, "Keep an arrangement under a name.",
        body=LayoutIn, answer=LayoutOut, status=201, refusals=(403, 404, 409),
    ),
    _route(
        "PUT", "/api/layouts/{id}", put_layout, "Change it.", body=LayoutIn, answer=LayoutOut, refusals=(403, 404, 409)
    ),
    _route("DELETE", "/api/layouts/{id}", remove_layout, "Remove it.", status=204, refusals=(404,)),
)  # fmt: skip
