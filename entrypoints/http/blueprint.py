"""flask-smorest's Blueprint, reading JSON once and strictly, and documenting all parameters."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import flask_smorest
import marshmallow as ma
from flask import Request, request
from webargs.flaskparser import FlaskParser

from entrypoints.http.bodies import loaded_quickly
from entrypoints.http.problems import refuse

V = TypeVar("V", bound=Callable[..., Any])


class StrictParser(FlaskParser):
    """Reads bodies with the application's own JSON, and where one is due, insists on it."""

    def parse(
        self, argmap: Any, req: Request | None = None, *, location: Any = None, **options: Any
    ) -> Any:
        """What was asked, by the short way where it is valid and plain."""
        quickly = _parsed_quickly(argmap, location)
        if quickly is not None:
            return quickly
        return super().parse(argmap, req, location=location, **options)

    def _raw_load_json(self, req: Request) -> Any:
        if not req.get_data(cache=True):
            refuse("malformed", "A body of JSON is missing.")
        return req.get_json()


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest comes without types
    """What our own resources are made with."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_document_all_parameters)

    def response(self, *args: Any, **kwargs: Any) -> Callable[[V], V]:
        return _only_documenting(super().response(*args, **kwargs))

    def alt_response(self, *args: Any, **kwargs: Any) -> Callable[[V], V]:
        return _only_documenting(super().alt_response(*args, **kwargs))

    @staticmethod
    def doc(**kwargs: Any) -> Callable[[V], V]:
        return _only_documenting(flask_smorest.Blueprint.doc(**kwargs))


def _only_documenting(decorator: Callable[..., Any]) -> Callable[[V], V]:
    """Our views reply by themselves, so a decorator need only say what they do, not wrap them.

    It says so of nothing, for it copies, deeply, all that was said before.
    """

    def document(view: V) -> V:
        _add(decorator(_nothing).__dict__["_apidoc"], view.__dict__.setdefault("_apidoc", {}))
        return view

    return document


def _nothing() -> None: ...


def _add(told: Mapping[str, Any], known: dict[str, Any]) -> None:
    for name, value in told.items():
        if isinstance(value, dict):
            _add(value, known.setdefault(name, {}))
        elif isinstance(value, list):
            known[name] = [*known.get(name, []), *value]
        else:
            known[name] = value


def _parsed_quickly(schema: ma.Schema, location: str | None) -> dict[str, Any] | None:
    if location == "json":
        return loaded_quickly(schema, request.get_data(cache=True))
    if location == "query" and not request.query_string:
        defaults = _defaults(schema)
        return None if defaults is None else dict(defaults)
    return None


@cache
def _defaults(schema: ma.Schema) -> dict[str, Any] | None:
    """What a query that asks for nothing in particular comes to."""
    try:
        loaded: dict[str, Any] = schema.load({})
    except ma.ValidationError:
        return None
    return loaded


def _document_all_parameters(
    doc: dict[str, Any], doc_info: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """Let parameters that ``doc`` names stand beside those of ``arguments``, not replace them."""
    named = doc_info.get("manual_doc", {}).pop("parameters", [])
    return {**doc, "parameters": [*doc.get("parameters", []), *named]}
