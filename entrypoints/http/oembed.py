"""Describe the page of a case by oEmbed."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request
from PIL import Image

from application.engine.answers import Answers
from application.engine.query_service import Viewer
from application.ports.media_store import MediaLost, MediaStore
from application.queries.case_document import CaseDocument, CaseEvidence
from application.use_cases.evidence.media import poster_key
from domain.ids import MediaKind
from entrypoints.http.links import Links
from entrypoints.http.problems import refuse
from entrypoints.http.requests import read_token

SECONDS_TO_KEEP = 300
HEAD_OF_PICTURE = 1 << 16
EVERYBODY = Viewer()
HAS_POSTER = (MediaKind.PHOTO, MediaKind.VIDEO, MediaKind.DOCUMENT)


def oembed_blueprint(answers: Answers[Any], media: MediaStore, public_url: str) -> Blueprint:
    """Serve ``GET /oembed`` for public cases."""
    blp = Blueprint("oembed", __name__)
    links = Links(public_url)

    @blp.get("/oembed")
    def oembed() -> Response:
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
