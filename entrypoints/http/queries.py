"""Serve every query service from its declaration: resources, schemas, filters and paging."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from inspect import cleandoc
from typing import Any, get_type_hints
from urllib.parse import urlencode

import marshmallow as ma
import msgspec
from flask import Response, request

from application.engine.answers import Answers, Page
from application.engine.query_service import Audience, QueryService, Viewer
from application.engine.time_travel import Change, PastHidden, ProofStep, TimeTravel
from application.ports.read_models import Cursor
from entrypoints.http.blueprint import QUERY, Blueprint
from entrypoints.http.documentation import BEARER, IF_NONE_MATCH, READ_TOKEN, problems
from entrypoints.http.documents import document_schema, page_schema, served, served_as_it_stood
from entrypoints.http.problems import problem, refuse
from entrypoints.http.requests import Requests, read_token
from entrypoints.http.schemas import Moment, filter_schema, schema, suggestion_schema
from entrypoints.http.searches import SUGGESTIONS, searched_page, searched_schema, suggested

OPTIONAL_BEARER: list[dict[str, list[str]]] = [{}, *BEARER]
AsOfQuery = schema("AsOf", {"as_of": Moment("iso", load_default=None)})
LINK = {"Link": {"schema": {"type": "string"}, "description": 'The next page: rel="next".'}}
ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The version shown."}}


def query_blueprint(answers: Answers[Any], travel: TimeTravel, requests: Requests) -> Blueprint:
    """Return the list, the single document and the past of one query service."""
    service = answers.service
    about = (service.__doc__ or "").strip().splitlines()[0]
    blp = Blueprint(f"{QUERY}{service.name}", __name__, url_prefix="/v1", description=about)
    if service.lists():
        _add_list(blp, answers, requests)
    if service.summarises():
        _add_summary(blp, answers, requests)
    if service.suggests():
        _add_suggestions(blp, answers, requests)
    if service.single:
        _add_single(blp, answers, travel, requests)
    if service.streams:
        _add_past(blp, answers, travel, requests)
    return blp


def _add_list(blp: Blueprint, answers: Answers[Any], requests: Requests) -> None:
    service, composed = answers.service, answers.service.composes()
    paging, headers = (("limit",), {}) if composed else (("limit", "cursor"), LINK)

    @blp.get(service.list_path(), endpoint="list")
    @blp.arguments(filter_schema(service, paging=paging), location="query", unknown=ma.RAISE)
    @blp.response(200, list_schema(service), headers=headers)
    @blp.doc(
        **_told(service.ask.__doc__ or ""),
        parameters=[READ_TOKEN],
        security=_security(service),
    )
    @problems(blp, 401, 403, *([404] if service.path_parameters() else []), 422)
    def list_(query: dict[str, Any], **path_ids: object) -> Response:
        limit, cursor = query.pop("limit"), query.pop("cursor", None)
        page = answers.page(
            _admitted(service, requests),
            {**query, **{name: str(value) for name, value in path_ids.items()}},
            limit=limit,
            after=read_cursor(cursor, requests),
            token=read_token(),
        )
        reply = _json(list_body(service, page))
        if page.next:
            reply.headers["Link"] = f'<{next_url(page.next, requests)}>; rel="next"'
        return reply


def _add_summary(blp: Blueprint, answers: Answers[Any], requests: Requests) -> None:
    service = answers.service

    @blp.get(service.list_path(), endpoint="summary")
    @blp.response(200, document_schema(get_type_hints(service.summary)["return"]), headers=ETAG)
    @blp.alt_response(304, headers=ETAG)
    @blp.doc(
        **_told(service.summary.__doc__ or ""),
        parameters=[READ_TOKEN, IF_NONE_MATCH],
        security=_security(service),
    )
    @problems(blp, 401, 403)
    def summary() -> Response:
        _admitted(service, requests)
        return _conditional(answers.summary(read_token()))


def _add_suggestions(blp: Blueprint, answers: Answers[Any], requests: Requests) -> None:
    service = answers.service

    @blp.get(f"{service.list_path()}/suggest", endpoint="suggest")
    @blp.arguments(suggestion_schema(service), location="query", unknown=ma.RAISE)
    @blp.response(200, SUGGESTIONS)
    @blp.doc(**_told(service.suggest.__doc__ or ""), security=_security(service))
    @problems(blp, 401, 403, 422)
    def suggest(query: dict[str, Any]) -> Response:
        _admitted(service, requests)
        limit = query.pop("limit")
        return _json(suggested(answers, query, limit))


def _add_single(
    blp: Blueprint, answers: Answers[Any], travel: TimeTravel, requests: Requests
) -> None:
    service = answers.service
    path = f"{service.single_path()}/<uuid:{service.key}>"

    def single(as_of: datetime | None, path_ids: Mapping[str, object]) -> Response:
        key = str(path_ids[service.key])
        document = _seen(answers, key, requests)
        if as_of is not None:
            return _json(_as_it_stood(service, travel, document, as_of, requests.viewer()))
        return _conditional(document)

    if service.streams:

        @blp.get(path, endpoint="single")
        @blp.arguments(AsOfQuery, location="query", unknown=ma.RAISE)
        @blp.response(200, document_schema(service.document), headers=ETAG)
        @blp.alt_response(304, headers=ETAG)
        @blp.doc(
            summary="One document, as it is now or as it was at a time",
            parameters=[READ_TOKEN, IF_NONE_MATCH],
            security=_security(service),
        )
        @problems(blp, 401, 403, 404, 410, 422)
        def now_or_then(query: dict[str, Any], **path_ids: object) -> Response:
            return single(query["as_of"], path_ids)

    else:

        @blp.get(path, endpoint="single")
        @blp.response(200, document_schema(service.document), headers=ETAG)
        @blp.alt_response(304, headers=ETAG)
        @blp.doc(
            summary="One document",
            parameters=[READ_TOKEN, IF_NONE_MATCH],
            security=_security(service),
        )
        @problems(blp, 401, 403, 404, 410)
        def now(**path_ids: object) -> Response:
            return single(None, path_ids)


def _add_past(
    blp: Blueprint, answers: Answers[Any], travel: TimeTravel, requests: Requests
) -> None:
    service = answers.service
    path = f"{service.single_path()}/<uuid:{service.key}>"

    @blp.get(f"{path}/history", endpoint="history")
    @blp.response(200, page_schema(Change))
    @blp.doc(
        summary="The changes, each with its time and the role of the actor",
        parameters=[READ_TOKEN],
        security=_security(service),
    )
    @problems(blp, 401, 403, 404, 410)
    def history(**path_ids: object) -> Response:
        key = str(path_ids[service.key])
        _seen(answers, key, requests)
        return _json({"items": travel.history(service, key)})

    @blp.get(f"{path}/proof", endpoint="proof")
    @blp.response(200, page_schema(ProofStep))
    @blp.doc(
        summary="The chain of hashes, to be verified offline",
        description=(
            "Each hash is the SHA-256 of the hash before it and of the bytes of `body`. The first "
            "one starts with the SHA-256 of the stream's name, which each body contains."
        ),
        parameters=[READ_TOKEN],
        security=_security(service),
    )
    @problems(blp, 401, 403, 404, 410)
    def proof(**path_ids: object) -> Response:
        key = str(path_ids[service.key])
        _seen(answers, key, requests)
        return _json({"items": travel.proof(service, key)})


def list_schema(service: QueryService[Any]) -> ma.Schema:
    """Return the OpenAPI schema of a page of the list."""
    if service.is_searched():
        return searched_schema(service)
    return page_schema(service.document, noted=service.composes())


def list_body(service: QueryService[Any], page: Page[Any]) -> dict[str, Any]:
    """Return a page of the list as clients get it."""
    if service.is_searched():
        return searched_page(page)
    items = [served(document) for document in page.documents]
    return {"items": items, "note": page.note} if service.composes() else {"items": items}


def _told(docstring: str) -> dict[str, str]:
    """Return what a docstring says as the summary and the description of an operation."""
    summary, _, description = cleandoc(docstring).partition("\n\n")
    return {"summary": summary, **({"description": description} if description else {})}


def _security(service: QueryService[Any]) -> list[dict[str, list[str]]]:
    return OPTIONAL_BEARER if service.audience is Audience.EVERYBODY else BEARER


def _admitted(service: QueryService[Any], requests: Requests) -> Viewer:
    """Return the viewer. Refuses one that the service's audience does not include."""
    viewer = requests.viewer()
    if service.audience is not Audience.EVERYBODY and viewer.actor is None:
        raise problem("not-signed-in", **{"WWW-Authenticate": "Bearer"})
    if service.audience is Audience.MODERATORS and not viewer.moderates:
        refuse("forbidden")
    if service.audience is Audience.OPERATORS and not viewer.operates:
        refuse("forbidden")
    return viewer


def _seen(answers: Answers[Any], key: str, requests: Requests) -> Any:
    """Return the document as it is now. Refuses if it is erased or the viewer may not see it."""
    document = answers.one(key, _admitted(answers.service, requests), read_token())
    if document is None:
        refuse("not-found")
    if answers.service.is_erased(document):
        refuse("erased")
    return document


def _as_it_stood(
    service: QueryService[Any], travel: TimeTravel, now: Any, as_of: datetime, viewer: Viewer
) -> dict[str, Any]:
    """Return the document as it was then. Refuses if the viewer may not see it as it was."""
    try:
        then = travel.as_of(service, now, as_of, viewer)
    except PastHidden:
        refuse("not-found", "Moderators hid parts of its past; only they can see it.")
    if then is None:
        refuse("not-found", "It did not exist then, or you may not see it as it was.")
    return served_as_it_stood(then)


def _conditional(document: Any) -> Response:
    """Return the document with an ETag: the version, which If-Match takes, and a content digest.

    The digest changes with the fields that come from other streams.
    """
    reply = _json(served(document))
    digest = blake2b(reply.data, digest_size=8).hexdigest()
    reply.set_etag(f"{getattr(document, 'version', 0)}-{digest}")
    if "If-None-Match" in request.headers:
        reply.make_conditional(request)
    return reply


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), content_type="application/json")


def read_cursor(text: str | None, requests: Requests) -> Cursor | None:
    """Return the cursor in the query, or None for the first page."""
    if text is None:
        return None
    try:
        return Cursor(*msgspec.msgpack.decode(requests.read_cursor(text)))
    except ValueError:
        raise problem("malformed", "The cursor is invalid; use the one in Link.") from None


def next_url(cursor: Cursor, requests: Requests) -> str:
    """Return the path and query of the page after the current one."""
    place = requests.write_cursor(msgspec.msgpack.encode((cursor.value, cursor.key)))
    return f"{request.path}?{urlencode({**request.args.to_dict(), 'cursor': place})}"
