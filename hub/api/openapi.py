"""GET /api/openapi.json, made from the route table (OpenAPI 3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub import __version__
from hub.api.routes import JSON, Access, Route
from hub.api.schema import ErrorOut

_REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})*)?\}")  # a pattern may count: {leaf:[0-9a-f]{64}}
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.PUBLIC: [],
    Access.USER: [{"session": []}, {"token": []}],
    Access.DEVICE: [{"token": []}],
    Access.EITHER: [{"session": []}, {"token": []}],
}


def openapi(routes: Iterable[Route]) -> dict[str, Any]:
    """The document. Every declared route is in it; a WebSocket stands as the GET that opens it."""
    routes = tuple(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(_PARAMETER.sub(r"{\1}", route.path), {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Recorder hub (执法记录中枢)",
            "version": __version__,
            "description": "Times are RFC 3339, UTC, with microseconds. Errors are {error: {code, message}}.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(routes),
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "hub_session"},
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _schemas(routes: Iterable[Route]) -> dict[str, Any]:
    models: dict[type[BaseModel], None] = {ErrorOut: None}
    for route in routes:
        for model in (route.body, route.answer):
            if isinstance(model, type):
                models[model] = None
    _, document = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    schemas: dict[str, Any] = document["$defs"]
    return schemas


def _operation(route: Route) -> dict[str, Any]:
    refusals = set(route.refusals)
    if route.access is not Access.PUBLIC:
        refusals |= {401}
    if isinstance(route.body, type) or route.query is not None:
        refusals |= {400}
    if route.body is not None:
        refusals |= {408, 413, 415}
    status = 101 if route.socket else route.status
    responses = {str(status): {"description": HTTPStatus(status).phrase} | _content(route.answer, route.many)}
    for refusal in sorted(refusals):
        responses[str(refusal)] = {"description": HTTPStatus(refusal).phrase} | _content(ErrorOut, False)
    operation: dict[str, Any] = {
        "summary": route.summary,
        "security": _SECURITY[route.access],
        "responses": responses,
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        parameters += _query_parameters(route.query)
    if parameters:
        operation["parameters"] = parameters
    if route.access in (Access.USER, Access.EITHER):
        operation["x-right"] = route.right.value if route.right is not None else "admin"
        operation["x-scope"] = route.scope.name.lower()
    if route.body is not None:
        operation["requestBody"] = {"required": True} | _content(route.body, False)
    return operation


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(ref_template=_REF)
    inlined = schema.get("$defs", {})
    required = schema.get("required", [])
    parameters = []
    for name, field in schema["properties"].items():
        field = dict(field)
        description = field.pop("description", None)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": _inline(field, inlined)}
        parameters.append(parameter if description is None else parameter | {"description": description})
    return parameters


def _inline(value: Any, definitions: dict[str, Any]) -> Any:
    """A parameter's schema without references: enumerations are short enough to stand where they are used."""
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            return definitions[reference.rpartition("/")[2]]
        return {key: _inline(item, definitions) for key, item in value.items()}
    if isinstance(value, list):
        return [_inline(item, definitions) for item in value]
    return value


def _content(model: type[BaseModel] | str | None, many: bool) -> dict[str, Any]:
    if model is None:
        return {}
    if isinstance(model, str):
        return {"content": {model: {}}}
    schema: dict[str, Any] = {"$ref": _REF.format(model=model.__name__)}
    return {"content": {JSON: {"schema": {"type": "array", "items": schema} if many else schema}}}
