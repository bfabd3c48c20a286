"""Taking a table's good rows into the register, one by one: what was taken stays when a later one is refused."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from hub.devices.lines import Draft, Line, Problem
from hub.errors import Conflict, InvalidRequest
from hub.model import Stream
from hub.registry import Registry, RtspDraft


async def take(registry: Registry, lines: Iterable[Line]) -> list[Line]:
    """Registers what is new and changes what differs; a line that the register refuses meanwhile comes back wrong.
    The tokens of recorders are not kept: each is made anew at its own page, where it is shown."""
    return [await _take(registry, line) for line in lines]


async def _take(registry: Registry, line: Line) -> Line:
    draft = line.draft
    if draft is None or line.action not in ("new", "change"):
        return line
    try:
        if line.action == "new":
            await _add(registry, draft)
        else:
            await _change(registry, draft, registry.get(draft.id))
    except (Conflict, InvalidRequest) as error:
        return replace(line, action="wrong", problems=(Problem("id", error.code),), draft=None)
    return line


async def _add(registry: Registry, draft: Draft) -> None:
    assert draft.kind is not None
    await registry.add(
        draft.id,
        draft.name or "",
        draft.kind,
        "whip" if draft.pushed else RtspDraft(draft.url),
        unit=draft.unit or "",
        device_number=draft.device_number or "",
        custodian=draft.custodian or "",
        capabilities=draft.capabilities or frozenset(),
        preview=RtspDraft(draft.sub) if draft.sub else None,
    )


async def _change(registry: Registry, draft: Draft, before: Stream) -> None:
    preview: RtspDraft | Literal["none"] | None = None
    if draft.sub is not None:
        preview = RtspDraft(draft.sub) if draft.sub else "none" if before.preview is not None else None
    await registry.patch(
        draft.id,
        name=draft.name,
        kind=draft.kind,
        source=None if draft.url is None else RtspDraft(draft.url),
        unit=draft.unit,
        device_number=draft.device_number,
        custodian=draft.custodian,
        capabilities=draft.capabilities,
        preview=preview,
    )
