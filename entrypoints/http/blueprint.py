"""A Blueprint of flask-smorest that parses JSON once and strictly, and documents all parameters."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar

import flask_smorest
import marshmallow as ma
from flask import Request, g, request
from webargs.flaskparser import FlaskParser

from entrypoints.http.bodies import loaded_quickly
from entrypoints.http.problems import ProblemApi, refuse

QUERY = "query-"
"""What the names of the blueprints of query services begin with."""

V = TypeVar("V", bound=Callable[..., Any])


class StrictParser(FlaskParser):
    """Parses a body with the application's own JSON, and requires one where a schema is given."""

    def parse(
        self, argmap: Any, req: Request | None = None, *, location: Any = None, **options: Any
    ) -> Any:
        """Return the arguments: from msgspec if it accepts them, or else from marshmallow."""
        found = _parsed_quickly(argmap, location)
        if found is None:
            found = super().parse(argmap, req, location=location, **options)
        if location == "json":
            # A copy: the fingerprint of the request covers also what a view takes out.
            g.body = dict(found)
        return found

    def _raw_load_json(self, req: Request) -> Any:
        if not req.get_data(cache=True):
            refuse("malformed", "The body is missing; send JSON.")
        return req.get_json()


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]  # flask-smorest comes without types
    """The Blueprint of all resources under ``/v1``."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._prepare_doc_cbks.append(_document_all_parameters)
        self._undocumented: list[Callable[[], None]] = []

    @property
    def subject(self) -> str:
        """What the resources are about. Commands and queries about the same share it."""
        return str(self.name).removeprefix(QUERY)

    def _store_endpoint_docs(self, *args: Any, **options: Any) -> None:
        """Postpone the documentation: it costs more than all other work of a blueprint."""
        self._undocumented.append(partial(self._document, *args, **options))

    def _document(
        self, endpoint: str, view: object, parameters: object, _: object, **options: Any
    ) -> None:
        """Document an endpoint. Its operation is called by the subject and the endpoint."""
        super()._store_endpoint_docs(endpoint, view, parameters, [self.subject], **options)
        name = f"{self.subject}_{endpoint}".replace("-", "_")
        for method, found in self._docs[endpoint].items():
            if method != "parameters":
                found.setdefault("manual_doc", {})["operationId"] = name

    def register_views_in_doc(self, api: ProblemApi, *args: Any, **options: Any) -> None:
        """Document the views once somebody asks for the document, which few processes are."""
        register = partial(super().register_views_in_doc, api, *args, **options)
        api.undocumented += [*self._undocumented, register]

    def response(self, *args: Any, **kwargs: Any) -> Callable[[V], V]:
        return _only_documenting(super().response(*args, **kwargs))

    def alt_response(self, *args: Any, **kwargs: Any) -> Callable[[V], V]:
        return _only_documenting(super().alt_response(*args, **kwargs))

    @staticmethod
    def doc(**kwargs: Any) -> Callable[[V], V]:
        return _only_documenting(flask_smorest.Blueprint.doc(**kwargs))


def _only_documenting(decorator: Callable[..., Any]) -> Callable[[V], V]:
    """Return a decorator that copies the documentation of another one, without its wrapper.

    Views return responses themselves. The other decorator is applied to an empty function, because
    it makes a deep copy of all documentation that it finds.
    """

    def document(view: V) -> V:
        _add(decorator(_nothing).__dict__["_apidoc"], view.__dict__.setdefault("_apidoc", {}))
        return view

    return document


def _nothing() -> None: ...


def _add(added: Mapping[str, Any], known: dict[str, Any]) -> None:
    for name, value in added.items():
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
    """Return what the schema loads from an empty query, or None if a parameter is required."""
    try:
        loaded: dict[str, Any] = schema.load({})
    except ma.ValidationError:
        return None
    return loaded


def _document_all_parameters(
    doc: dict[str, Any], doc_info: dict[str, Any], **_: Any
) -> dict[str, Any]:
    """Add the parameters that ``doc`` names to those of ``arguments`` instead of replacing them."""
    named = doc_info.get("manual_doc", {}).pop("parameters", [])
    return {**doc, "parameters": [*doc.get("parameters", []), *named]}
