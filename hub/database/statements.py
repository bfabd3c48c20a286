"""Statements that SQLite and PostgreSQL spell differently, each said once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Engine,
    Index,
    String,
    Table,
    literal_column,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def is_postgresql(on: Engine | Connection) -> bool:
    """For the few places that must do one thing here and another there."""
    return on.dialect.name == "postgresql"


def begin_writing(connection: Connection) -> None:
    """Ask for the right to write before anything is read: in SQLite another writer could make it fail later. PostgreSQL
    locks the rows that are written."""
    if not is_postgresql(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def upsert(table: Table) -> postgresql.Insert:
    """``INSERT`` with ``on_conflict_do_update`` and ``on_conflict_do_nothing``. SQLite has taken over PostgreSQL's
    words for it, and SQLAlchemy writes the one's statement for the other (tests run both). ``rowcount`` is known."""
    return postgresql.insert(table).execution_options(preserve_rowcount=True)


def partial_index(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    """An index over the rows for which ``where`` holds."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


# --------------------------------------------------------------------------- JSON kept as text


class _Json(FunctionElement[Any]):
    """A value out of JSON text: the text, and a key of an object or a place in an array."""

    inherit_cache = True

    def __init__(self, value: Any, at: str | int) -> None:
        quoted = f"'{at}'" if isinstance(at, str) else str(at)
        assert str(at).isidentifier() or isinstance(at, int), at
        super().__init__(value, literal_column(quoted))


class json_text(_Json):  # noqa: N801  spelled as SQLAlchemy's functions are
    """``json_text(column, "key")``: what is there, as text; NULL where it is missing."""

    name = "json_text"
    type = String()
    inherit_cache = True


class json_number(_Json):  # noqa: N801
    """What is there, a whole number."""

    name = "json_number"
    type = BigInteger()
    inherit_cache = True


class json_is_true(_Json):  # noqa: N801
    """Whether ``true`` is there."""

    name = "json_is_true"
    type = Boolean()
    inherit_cache = True


class hex_of(FunctionElement[str]):  # noqa: N801
    """Bytes as lower-case hex."""

    name = "hex_of"
    type = String()
    inherit_cache = True


class holds_text(FunctionElement[bool]):  # noqa: N801
    """``holds_text(column, wanted)``: whether this text stands in it, to the letter."""

    name = "holds_text"
    type = Boolean()
    inherit_cache = True


def _parts(element: FunctionElement[Any], compiler: SQLCompiler, **options: Any) -> tuple[str, str]:
    first, second = element.clauses
    return compiler.process(first, **options), compiler.process(second, **options)


def _path(at: str) -> str:
    return f"'$.{at[1:-1]}'" if at.startswith("'") else f"'$[{at}]'"


@compiles(json_text)
@compiles(json_number)
def _extracted(element: _Json, compiler: SQLCompiler, **options: Any) -> str:
    value, at = _parts(element, compiler, **options)
    return f"json_extract({value}, {_path(at)})"


@compiles(json_is_true)
def _extracted_truth(element: _Json, compiler: SQLCompiler, **options: Any) -> str:
    return f"({_extracted(element, compiler, **options)} = 1)"


@compiles(json_text, "postgresql")
def _picked(element: _Json, compiler: SQLCompiler, **options: Any) -> str:
    value, at = _parts(element, compiler, **options)
    # PostgreSQL's text knows no NUL, and refuses the whole of a JSON text for one of them.
    return f"(CAST(replace({value}, '\\u0000', '\\ufffd') AS json) ->> {at})"


@compiles(json_number, "postgresql")
def _picked_number(element: _Json, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({_picked(element, compiler, **options)} AS BIGINT)"


@compiles(json_is_true, "postgresql")
def _picked_truth(element: _Json, compiler: SQLCompiler, **options: Any) -> str:
    return f"({_picked(element, compiler, **options)} = 'true')"


@compiles(hex_of)
def _hex(element: hex_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower(hex({compiler.process(element.clauses, **options)}))"


@compiles(hex_of, "postgresql")
def _encoded(element: hex_of, compiler: SQLCompiler, **options: Any) -> str:
    return f"encode({compiler.process(element.clauses, **options)}, 'hex')"


@compiles(holds_text)
def _instr(element: holds_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"(instr({', '.join(_parts(element, compiler, **options))}) > 0)"


@compiles(holds_text, "postgresql")
def _strpos(element: holds_text, compiler: SQLCompiler, **options: Any) -> str:
    return f"(strpos({', '.join(_parts(element, compiler, **options))}) > 0)"


# ------------------------------------------------------------------------- lists as one parameter


class _Each(FunctionElement[str]):
    name = "json_each"
    type = String()
    inherit_cache = True


@compiles(_Each)
def _each(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(_Each, "postgresql")
def _elements(element: _Each, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text(CAST({compiler.process(element.clauses, **options)} AS json))"


def listed(values: Iterable[str | Sequence[str | int]]) -> ColumnElement[str]:
    """A column of these values, one a row, which are one parameter however many there are: ``select(listed(many))``
    for ``IN``, or joined by itself. A value that is a list is JSON text again."""
    column: ColumnElement[str] = _Each(json.dumps(list(values))).table_valued("value").c.value
    return column
