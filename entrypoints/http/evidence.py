"""Serve the sanitised rendition of evidence, and its poster."""

from typing import Any

from flask import Response

from application.engine.answers import Answers
from application.ports.media_store import MediaStore
from application.use_cases.evidence.media import poster_key, rendition_key
from domain.evidence.evidence import EvidenceStatus
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import BEARER, IF_NONE_MATCH, READ_TOKEN, problems
from entrypoints.http.media import media_response
from entrypoints.http.problems import refuse
from entrypoints.http.requests import Requests, read_token

RANGE = {
    "in": "header",
    "name": "Range",
    "schema": {"type": "string"},
    "description": "One range of bytes.",
}
CONTENT = {
    "ETag": {"schema": {"type": "string"}, "description": "Of the bytes."},
    "Accept-Ranges": {"schema": {"type": "string", "const": "bytes"}},
}
BINARY = {"type": "string", "format": "binary"}


def evidence_blueprint(answers: Answers[Any], media: MediaStore, requests: Requests) -> Blueprint:
    """Return content and posters of the evidence that the query service shows to the viewer."""
    blp = Blueprint("evidence", __name__, url_prefix="/v1", description="Sanitised evidence")

    @blp.get("/evidence/<uuid:evidence_id>/content")
    @blp.response(200, BINARY, headers=CONTENT, content_type="application/octet-stream")
    @blp.alt_response(304, headers=CONTENT)
    @blp.alt_response(206, headers=CONTENT, schema=BINARY, content_type="application/octet-stream")
    @blp.doc(parameters=[RANGE, READ_TOKEN, IF_NONE_MATCH], security=[{}, *BEARER])
    @problems(blp, 401, 404, 410, 416)
    def content(evidence_id: object) -> Response:
        """The sanitised rendition; the original is never served"""
        item = available(str(evidence_id))
        key = rendition_key(item.evidence_id)
        return media_response(media, key, item.media_type, item.sha256)

    @blp.get("/evidence/<uuid:evidence_id>/poster")
    @blp.response(200, BINARY, headers=CONTENT, content_type="image/jpeg")
    @blp.alt_response(304, headers=CONTENT)
    @blp.alt_response(206, headers=CONTENT, schema=BINARY, content_type="image/jpeg")
    @blp.doc(parameters=[RANGE, READ_TOKEN, IF_NONE_MATCH], security=[{}, *BEARER])
    @problems(blp, 401, 404, 410, 416)
    def poster(evidence_id: object) -> Response:
        """A still picture of the rendition"""
        item = available(str(evidence_id))
        if not item.has_poster:
            refuse("not-found", "This evidence has no poster.")
        etag = f"poster-{item.sha256}"
        return media_response(media, poster_key(item.evidence_id), "image/jpeg", etag)

    def available(evidence_id: str) -> Any:
        item = answers.one(evidence_id, requests.viewer(), read_token())
        if item is not None and answers.service.is_erased(item):
            refuse("erased")
        if item is None or item.status is not EvidenceStatus.AVAILABLE:
            refuse("not-found", "There is no such evidence, or it is not available yet.")
        return item

    return blp
