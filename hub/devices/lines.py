"""What the rows of a table of devices ask for: drafts, or what is wrong with them, row by row. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote, urlsplit

from hub.devices.sheet import Row
from hub.devices.templates import DEFAULT_PORT, Camera, addresses, encoded, find_template
from hub.errors import InvalidRequest
from hub.model import Capability, RtspSource, Stream, StreamKind, WhipSource
from hub.people.tree import ROOT
from hub.registry import check_device_number, check_id, check_name, check_url, shown_url

Action = Literal["new", "change", "same", "wrong"]
KINDS = {
    "服务窗口": StreamKind.WINDOW, "窗口": StreamKind.WINDOW,
    "办案场所": StreamKind.ROOM, "询问室": StreamKind.ROOM, "听证室": StreamKind.ROOM,
    "车载": StreamKind.VEHICLE, "执法车": StreamKind.VEHICLE,
    "执法记录仪": StreamKind.RECORDER, "记录仪": StreamKind.RECORDER,
} | {kind.value: kind for kind in StreamKind}  # fmt: skip
TAGS = {
    "防爆": Capability.EXPLOSION_PROOF, "夜视": Capability.NIGHT_VISION, "定位": Capability.POSITIONING,
} | {tag.value: tag for tag in Capability}  # fmt: skip
PUSHED = frozenset({"推流", "whip", "记录仪推流"})
OWN = frozenset({"", "自定义", "其他", "rtsp", "custom"})
YES = frozenset({"是", "有", "启用", "1", "yes", "true", "y"})
NO = frozenset({"否", "无", "不启用", "0", "no", "false", "n"})
_SPLIT = re.compile(r"[、,，;；/\s]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """``column`` is the key of the cell it is about, ``code`` what is wrong, ``found`` what was there: never a
    password, nor an address that holds one."""

    column: str
    code: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a row says; None: nothing of it. ``sub`` empty: no sub-stream."""

    id: str
    name: str | None = None
    kind: StreamKind | None = None
    unit: str | None = None
    url: str | None = None
    pushed: bool = False
    sub: str | None = None
    custodian: str | None = None
    device_number: str | None = None
    capabilities: frozenset[Capability] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    row: int
    id: str
    name: str
    action: Action
    changes: tuple[str, ...] = ()
    """Keys of the columns that differ from what is registered."""
    problems: tuple[Problem, ...] = ()
    draft: Draft | None = None


@dataclass(frozen=True, slots=True)
class Around:
    """What there is already. ``units`` and ``people`` are those that the caller may name: id or username → name."""

    own_unit: str
    units: Mapping[str, str]
    people: Mapping[str, str]
    find: Callable[[str], Stream | None]
    streams: Sequence[Stream]
    manages: Callable[[Stream], bool]


def judge(rows: Sequence[Row], around: Around) -> list[Line]:
    """A line for each row, in their order. Rows that clash with one another are both wrong."""
    lines = [_line(row, around) for row in rows]
    lines = _twice(lines, "id", lambda draft: draft.id)
    lines = _twice(lines, "device_number", lambda draft: draft.device_number or "")
    lines = _twice(lines, "host", lambda draft: "" if draft.url is None else _place(draft.url))
    return [_against(line, around) for line in lines]


def _line(row: Row, around: Around) -> Line:
    problems = [Problem(key, cell.problem) for key, cell in row.cells.items() if cell.problem]
    ident, name = row.text("id").lower(), row.text("name")
    before = around.find(ident)
    if before is not None and not around.manages(before):  # of what is another's, no more is said
        return Line(row.number, ident[:63], name[:100], "wrong", problems=(Problem("id", "id_taken", ident),))
    seen: dict[str, object] = {}
    for key, read in _READERS.items():
        if key in row.cells and not row.cells[key].problem:
            try:
                seen[key] = read(row.text(key), around)
            except _Wrong as wrong:
                problems.append(Problem(key, wrong.code, wrong.found))
    broken = any(one.column in _OF_SOURCE for one in problems)
    url, pushed, sub = None, False, None
    if not broken:
        try:
            url, pushed, sub = _source(row, before)
        except _Wrong as wrong:
            problems.append(Problem(wrong.column, wrong.code, wrong.found))
    if "id" not in row.cells:
        problems.append(Problem("id", "missing"))
    if before is None:
        problems += [Problem(key, "missing") for key in ("name", "kind") if key not in row.cells]
    elif before.retired:
        problems.append(Problem("id", "id_retired", ident))
    draft = Draft(ident, url=url, pushed=pushed, sub=sub)
    draft = replace(draft, **{key: value for key, value in seen.items() if key != "id"})  # type: ignore[arg-type]
    kind = draft.kind if before is None else draft.kind or before.kind
    custodian = draft.custodian or ("" if before is None else before.custodian)
    if kind is StreamKind.RECORDER and not custodian and not any(one.column == "custodian" for one in problems):
        problems.append(Problem("custodian", "missing_custodian"))  # R21
    if before is None and draft.unit is None:
        draft = replace(draft, unit=around.own_unit)
    action: Action = "wrong" if problems else "new"
    return Line(row.number, ident[:63], name[:100], action, problems=tuple(problems), draft=draft)


class _Wrong(Exception):
    def __init__(self, code: str, found: str = "", column: str = "") -> None:
        super().__init__(code)
        self.code, self.found, self.column = code, found[:60], column


def _checked(check: Callable[[str], str], code: str) -> Callable[[str, Around], str]:
    def read(text: str, _: Around) -> str:
        try:
            return check(text)
        except InvalidRequest:
            raise _Wrong(code, text) from None

    return read


def _kind(text: str, _: Around) -> StreamKind:
    found = KINDS.get(text.casefold())
    if found is None:
        raise _Wrong("unknown_kind", text)
    return found


def _tags(text: str, _: Around) -> frozenset[Capability]:
    if text.casefold() in NO:
        return frozenset()
    found = set()
    for word in filter(None, _SPLIT.split(text.casefold())):
        if word not in TAGS:
            raise _Wrong("unknown_tag", word)
        found.add(TAGS[word])
    return frozenset(found)


def _named(which: str) -> Callable[[str, Around], str]:
    """By id or username, else by a name that only one has."""

    def read(text: str, around: Around) -> str:
        known = around.units if which == "unit" else around.people
        wanted = text.strip()
        if wanted in known:
            return wanted
        found = [ident for ident, name in known.items() if name == wanted]
        if len(found) != 1:
            raise _Wrong(f"unknown_{which}" if not found else f"ambiguous_{which}", text)
        return found[0]

    return read


_READERS: Mapping[str, Callable[[str, Around], object]] = {
    "id": _checked(lambda text: check_id(text.lower()), "bad_id"),
    "name": _checked(check_name, "bad_name"),
    "kind": _kind,
    "unit": _named("unit"),
    "custodian": _named("person"),
    "device_number": _checked(check_device_number, "bad_device_number"),
    "capabilities": _tags,
}
_OF_SOURCE = frozenset({"brand", "host", "port", "channel", "user", "password", "sub"})


# ---------------------------------------------------------------------------------------- sources


def _source(row: Row, before: Stream | None) -> tuple[str | None, bool, str | None]:
    """URL, whether it is pushed, and the sub-stream's URL. Raises _Wrong."""
    brand, host = row.text("brand").casefold(), row.text("host")
    if brand in PUSHED:
        if before is not None and not isinstance(before.source, WhipSource):
            raise _Wrong("not_changed_by_table", row.text("brand"), "brand")
        if host or row.text("sub").casefold() not in NO | {""}:
            raise _Wrong("pushed_has_no_address", column="host" if host else "sub")
        return None, True, None
    template = find_template(brand)
    if template is None and brand not in OWN:
        raise _Wrong("unknown_brand", row.text("brand"), "brand")
    if not host:
        if before is None or any(row.text(key) for key in ("brand", "port", "channel", "user", "password", "sub")):
            raise _Wrong("missing", column="host")
        return None, False, None
    if before is not None and not isinstance(before.source, RtspSource):
        raise _Wrong("not_changed_by_table", column="host")
    if before is not None and before.managed_by_others:
        raise _Wrong("managed_by_others", column="host")
    stored = before.source.url if before is not None and isinstance(before.source, RtspSource) else None
    if template is None:
        main = _own_url(row, host, "host", stored)
        return main, False, _sub(row, "", main)
    if "://" in host or "@" in host:  # it may hold a password: it is not repeated
        raise _Wrong("host_is_url", column="host")
    camera = _camera(row, host, stored)
    try:
        found = addresses(template, camera)
        check_url(found.main)
    except InvalidRequest as error:
        raise _Wrong(error.code, host if error.code == "bad_host" else "", _COLUMN_OF.get(error.code, "host")) from None
    return found.main, False, _sub(row, found.sub, found.main)


_COLUMN_OF = {"bad_port": "port", "bad_channel": "channel"}


def _camera(row: Row, host: str, stored: str | None) -> Camera:
    user, password = row.text("user"), row.text("password")
    if password and not user:
        raise _Wrong("missing", column="user")
    port = _number(row, "port", DEFAULT_PORT)
    camera = Camera(host, port, _number(row, "channel", 1), user, password)
    if stored is not None and user and not password:
        camera = replace(camera, password=_kept(stored, user, host, port))
    return camera


def _kept(stored: str, user: str, host: str, port: int) -> str:
    """The stored password, if it is of the same user, host and port: elsewhere it would be handed to a stranger."""
    parts = urlsplit(stored)
    same = unquote(parts.username or "") == user and (parts.port or DEFAULT_PORT) == port
    return unquote(parts.password or "") if same and parts.hostname == host.strip("[]").lower() else ""


def _number(row: Row, key: str, default: int) -> int:
    text = row.text(key)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise _Wrong(f"bad_{key}", text, key)
    return int(text)


def _own_url(row: Row, url: str, column: str, stored: str | None = None) -> str:
    """A whole URL; user and password of their own columns are put into one that has none."""
    try:
        parts = check_url(url)
    except InvalidRequest:
        raise _Wrong("bad_url", column=column) from None
    user, password = row.text("user"), row.text("password")
    if parts.username is not None or not user:
        return url
    if not password and stored is not None:
        password = _kept(stored, user, parts.hostname or "", parts.port or DEFAULT_PORT)
    userinfo = encoded(user) + (f":{encoded(password)}" if password else "")
    return parts._replace(netloc=f"{userinfo}@{parts.netloc}").geturl()


def _sub(row: Row, of_template: str, main: str) -> str | None:
    text = row.text("sub")
    if not text:
        return None
    if text.casefold() in NO:
        return ""
    if text.casefold() in YES:
        if not of_template:
            raise _Wrong("sub_needs_url", column="sub")
        return of_template
    made = _own_url(row, text, "sub")
    if made == main:
        raise _Wrong("sub_is_main", column="sub")
    return made


# ------------------------------------------------------------------------------ among one another


def _place(url: str) -> str:
    """The URL without user and password: where two streams would be the same picture."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2].lower()).geturl()


def _twice(lines: list[Line], column: str, of: Callable[[Draft], str]) -> list[Line]:
    counts: dict[str, int] = {}
    for line in lines:
        if line.draft is not None and (key := of(line.draft)):
            counts[key] = counts.get(key, 0) + 1
    return [
        _wrong(line, Problem(column, "twice", "" if column == "host" else of(line.draft)))
        if line.draft is not None and counts.get(of(line.draft), 0) > 1
        else line
        for line in lines
    ]


def _wrong(line: Line, problem: Problem) -> Line:
    return replace(line, action="wrong", problems=(*line.problems, problem), draft=line.draft)


def _against(line: Line, around: Around) -> Line:
    """The line beside what is registered: what it changes, and what it would take from another."""
    draft = line.draft
    if draft is None or line.action == "wrong":
        return replace(line, draft=None)
    for one in around.streams:
        if one.id == draft.id:
            continue
        manages = around.manages(one)
        if draft.device_number and one.device_number == draft.device_number:
            found = one.id if manages else ""
            return replace(_wrong(line, Problem("device_number", "number_taken", found)), draft=None)
        if not manages:
            continue
        if draft.url is not None and isinstance(one.source, RtspSource) and _place(one.source.url) == _place(draft.url):
            return replace(_wrong(line, Problem("host", "address_taken", one.id)), draft=None)
    before = around.find(draft.id)
    if before is None:
        return line
    changes = tuple(_changes(draft, before))
    return replace(line, name=line.name or before.name, action="change" if changes else "same", changes=changes)


def _changes(draft: Draft, before: Stream) -> list[str]:
    source = before.source
    url = source.url if isinstance(source, RtspSource) else ""
    sub = "" if before.preview is None else before.preview.url
    pairs: tuple[tuple[str, object, object], ...] = (
        ("name", draft.name, before.name),
        ("kind", draft.kind, before.kind),
        ("unit", draft.unit, before.unit or ROOT),
        ("custodian", draft.custodian, before.custodian),
        ("device_number", draft.device_number, before.device_number),
        ("capabilities", draft.capabilities, before.capabilities),
        ("sub", draft.sub, sub),
    )
    changes = [key for key, wanted, there in pairs if wanted is not None and wanted != there]
    if draft.url is not None and draft.url != url:
        changes.append("host" if shown_url(draft.url) != shown_url(url) else "password")
    return changes
