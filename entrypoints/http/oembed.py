"""Describe the page of a case by oEmbed."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

import marshmallow as ma
from flask import Response, jsonify, request
from PIL import Image

from application.engine.answers import Answers
from application.engine.query_service import Viewer
from application.ports.media_store import MediaLost, MediaStore
from application.queries.case_document import CaseDocument, CaseEvidence
from application.use_cases.evidence.media import poster_key
from domain.ids import MediaKind
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import READ_TOKEN, problems
from entrypoints.http.links import Links
from entrypoints.http.problems import refuse
from entrypoints.http.requests import read_token
from entrypoints.http.schemas import schema

SECONDS_TO_KEEP = 300
HEAD_OF_PICTURE = 1 << 16
EVERYBODY = Viewer()
OembedReply = schema(
    "Oembed",
    {
        "version": ma.fields.String(required=True),
        "type": ma.fields.String(required=True),
        "title": ma.fields.String(required=True),
        "provider_name": ma.fields.String(required=True),
        "provider_url": ma.fields.String(required=True),
        "cache_age": ma.fields.Integer(required=True),
        "author_name": ma.fields.String(),
        "thumbnail_url": ma.fields.String(),
        "thumbnail_width": ma.fields.Integer(),
        "thumbnail_height": ma.fields.Integer(),
    },
)
HAS_POSTER = (MediaKind.PHOTO, MediaKind.VIDEO, MediaKind.DOCUMENT)


def _parameter(name: str, about: str, *, required: bool = False) -> dict[str, Any]:
    text = {"type": "string"}
    return {"in": "query", "name": name, "description": about, "required": required, "schema": text}


PARAMETERS = [
    _parameter("url", "The address of the page of a case.", required=True),
    _parameter("format", "json, which is the only one."),
    _parameter("maxwidth", "Pixels of the thumbnail. What is no number is ignored."),
    _parameter("maxheight", "Pixels of the thumbnail. What is no number is ignored."),
]


def oembed_blueprint(answers: Answers[Any], media: MediaStore, public_url: str) -> Blueprint:
    """Serve ``GET /oembed`` for public cases."""
    blp = Blueprint("oembed", __name__, description="Previews of links")
    links = Links(public_url)

    @blp.get("/oembed", endpoint="read")
    @blp.response(200, OembedReply)
    @blp.doc(parameters=[*PARAMETERS, READ_TOKEN])
    @problems(blp, 404, 410, 501)
    def oembed() -> Response:
        """The preview of a link to a public case (oEmbed 1.0)"""
        if request.args.get("format", "json") != "json":
            refuse("not-implemented", "oEmbed is available as JSON only; leave format out.")
        case = public(links.case_id(request.args.get("url", "")))
        if case is None:
            refuse("not-found", "url is not the address of a public case.")
        if answers.service.is_erased(case):
            refuse("erased")
        return jsonify(_oembed(case, links, media))

    def public(case_id: str) -> CaseDocument | None:
        try:
            key = str(UUID(case_id))
        except ValueError:
            return None
        case: CaseDocument | None = answers.one(key, EVERYBODY, read_token())
        return case

    return blp


def _oembed(case: CaseDocument, links: Links, media: MediaStore) -> Mapping[str, Any]:
    """Return oEmbed 1.0 of type link, with a thumbnail if it fits maxwidth and maxheight."""
    about: dict[str, Any] = {
        "version": "1.0",
        "type": "link",
        "title": case.title,
        "provider_name": "Klarity",
        "provider_url": links.public_url,
        "cache_age": SECONDS_TO_KEEP,
    }
    if case.author:
        about["author_name"] = case.author.pseudonym
    return {**about, **_thumbnail(case, links, media)}


def _thumbnail(case: CaseDocument, links: Links, media: MediaStore) -> dict[str, Any]:
    pictured = _pictured(case)
    size = _size(media, pictured) if pictured else None
    if not (pictured and size):
        return {}
    width, height = size
    if width > _most("maxwidth", width) or height > _most("maxheight", height):
        return {}
    return {
        "thumbnail_url": links.picture(pictured),
        "thumbnail_width": width,
        "thumbnail_height": height,
    }


def _most(name: str, otherwise: int) -> int:
    return request.args.get(name, otherwise, type=int)


def _size(media: MediaStore, evidence: CaseEvidence) -> tuple[int, int] | None:
    """Return width and height of the poster from the beginning of its file, or None."""
    try:
        head = b"".join(media.open(poster_key(evidence.evidence_id)).read(0, HEAD_OF_PICTURE))
        with Image.open(BytesIO(head), formats=["JPEG"]) as picture:
            return picture.size
    except (MediaLost, OSError):
        return None


def _pictured(case: CaseDocument) -> CaseEvidence | None:
    return next((item for item in case.evidence if item.kind in HAS_POSTER), None)
