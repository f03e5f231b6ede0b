"""Public cases in the formats of other programs: Atom feed, GeoJSON and CSV."""

from collections.abc import Iterator
from os import urandom
from struct import Struct
from typing import Any
from urllib.parse import urlencode

import marshmallow as ma
from flask import Response, request

from application.engine.answers import Answers
from application.exports import CaseExports, ExportPart, ExportQuestion, Positions
from application.ports.opaque_texts import NotWrittenHere
from application.queries.case_changes import LOGS
from application.security import CasesExported, ExportFormat, SecurityLog
from entrypoints.http.atom import atom_feed
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import IF_NONE_MATCH, READ_TOKEN, problems
from entrypoints.http.exports import as_csv, as_geojson
from entrypoints.http.links import Links
from entrypoints.http.problems import problem
from entrypoints.http.queries import ETAG, OPTIONAL_BEARER, next_url, read_cursor
from entrypoints.http.requests import Requests, read_token
from entrypoints.http.schemas import filter_schema

ENTRIES = 50
ATOM = "application/atom+xml"
GEOJSON = "application/geo+json"
CSV = "text/csv"
TEXT = {"type": "string"}
FEATURE = {
    "type": "object",
    "required": ["type", "id", "geometry", "properties"],
    "properties": {
        "type": {"const": "Feature"},
        "id": {"type": "string", "format": "uuid"},
        "geometry": {
            "type": ["object", "null"],
            "required": ["type", "coordinates"],
            "properties": {
                "type": {"const": "Point"},
                "coordinates": {
                    "type": "array",
                    "items": {"type": "number"},
                    "minItems": 2,
                    "maxItems": 2,
                    "description": "Longitude and latitude, as rounded as their reporter chose.",
                },
            },
        },
        "properties": {"type": "object"},
    },
}
FEATURES = {
    "type": "object",
    "required": ["type", "features"],
    "properties": {
        "type": {"const": "FeatureCollection"},
        "features": {"type": "array", "items": FEATURE},
    },
}
ATTACHED = {
    "Content-Disposition": {"schema": {"type": "string"}, "description": "A name for the file."}
}
SINCE_HEADER = "Klarity-Since"
SINCE = {
    SINCE_HEADER: {
        "schema": {"type": "string"},
        "description": "Send it as `since` once this export has arrived completely.",
    }
}
ABOUT_CHANGES = (
    "With `since`, only what changed: cases that are new or changed, and those that are no longer "
    "public or do not match the filters any more. Of these, only the id and `gone` are told; pass "
    "over one that you do not have. A change can be sent twice. Use the same path and filters as "
    "before. An export that breaks off ends without the end of its last chunk: ask for it again."
)
BOOKMARK = Struct(f">8s{len(LOGS)}Q")
"""All bookmarks are different and have one length, so that they do not tell of the positions."""


def feeds_blueprint(
    answers: Answers[Any],
    exports: CaseExports,
    requests: Requests,
    public_url: str,
    security: SecurityLog,
) -> Blueprint:
    """Return the exports of the public cases. They take the filters of the list of cases."""
    blp = Blueprint("feeds", __name__, url_prefix="/v1", description="Cases for other programs")
    all_of_them = filter_schema(answers.service, paging=("since",))
    links = Links(public_url)

    @blp.get("/feeds/cases.atom")
    @blp.arguments(
        filter_schema(answers.service, paging=("cursor",)), location="query", unknown=ma.RAISE
    )
    @blp.response(200, TEXT, headers=ETAG, content_type=ATOM)
    @blp.alt_response(304, headers=ETAG)
    @blp.doc(parameters=[READ_TOKEN, IF_NONE_MATCH], security=OPTIONAL_BEARER)
    @problems(blp, 401, 422)
    def feed(query: dict[str, Any]) -> Response:
        """The newest public cases as an Atom feed (RFC 4287)"""
        after = read_cursor(query.pop("cursor"), requests)
        page = answers.page(
            requests.viewer(), query, limit=ENTRIES, after=after, token=read_token()
        )
        content = atom_feed(
            page.documents,
            links,
            identity=public_url + asked_for(leave_out="cursor"),
            address=public_url + asked_for(),
            further=public_url + next_url(page.next, requests) if page.next else "",
        )
        reply = Response(content, content_type=f"{ATOM}; charset=utf-8")
        reply.add_etag()
        reply.make_conditional(request)
        return reply

    @blp.get("/cases.geojson")
    @blp.arguments(all_of_them, location="query", unknown=ma.RAISE)
    @blp.response(200, FEATURES, headers=SINCE, content_type=GEOJSON)
    @blp.doc(description=ABOUT_CHANGES, parameters=[READ_TOKEN], security=OPTIONAL_BEARER)
    @problems(blp, 401, 422)
    def geojson(query: dict[str, Any]) -> Response:
        """All public cases with a location, as GeoJSON (RFC 7946)"""
        found, headers = parts(query)
        security.record(CasesExported(format=ExportFormat.GEOJSON))
        return Response(as_geojson(found, links), headers=headers, content_type=GEOJSON)

    @blp.get("/cases.csv")
    @blp.arguments(all_of_them, location="query", unknown=ma.RAISE)
    @blp.response(200, TEXT, headers={**ATTACHED, **SINCE}, content_type=CSV)
    @blp.doc(description=ABOUT_CHANGES, parameters=[READ_TOKEN], security=OPTIONAL_BEARER)
    @problems(blp, 401, 422)
    def csv(query: dict[str, Any]) -> Response:
        """All public cases as a table (RFC 4180) without formulas, safe to open in a spreadsheet"""
        found, headers = parts(query)
        security.record(CasesExported(format=ExportFormat.CSV))
        content_type = f"{CSV}; charset=utf-8; header=present"
        reply = Response(as_csv(found, links), headers=headers, content_type=content_type)
        reply.headers["Content-Disposition"] = 'attachment; filename="cases.csv"'
        return reply

    def parts(query: dict[str, Any]) -> tuple[Iterator[ExportPart], dict[str, str]]:
        """Return the parts of an export, and the header that lets the next one go on from here."""
        since = read_bookmark(query.pop("since"), requests)
        asked = ExportQuestion(viewer=requests.viewer(), filters=query)
        began = exports.reached(read_token())
        found = exports.whole(asked) if since is None else exports.changed(asked, since)
        return found, {SINCE_HEADER: write_bookmark(began, requests)}

    return blp


def write_bookmark(positions: Positions, requests: Requests) -> str:
    """Return the positions as an opaque text for the current path."""
    return requests.write_cursor(BOOKMARK.pack(urandom(8), *(positions[log] for log in LOGS)))


def read_bookmark(text: str | None, requests: Requests) -> Positions | None:
    """Return the positions in the query, or None for a whole export."""
    if text is None:
        return None
    try:
        _, *positions = BOOKMARK.unpack(requests.read_cursor(text))
    except NotWrittenHere:
        raise problem("malformed", f"`since` is invalid; use what {SINCE_HEADER} says.") from None
    return dict(zip(LOGS, positions, strict=True))


def asked_for(*, leave_out: str = "") -> str:
    """Return the path and query of the current request."""
    asked = {name: value for name, value in request.args.items() if name != leave_out}
    return f"{request.path}?{urlencode(asked)}" if asked else request.path
