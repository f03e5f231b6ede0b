"""The limits and choices of this instance, and the page of each problem."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import marshmallow as ma
from flask import Blueprint as PlainBlueprint
from flask import Response, jsonify

from application.ports.uploads import Quota
from domain.cases.case_details import (
    LEAST_PUBLISH_WITHIN,
    MOST_EVIDENCE,
    MOST_PUBLISH_WITHIN,
    MOST_TAGS,
    CaseCategory,
)
from domain.cases.place import Precision
from domain.ids import MediaKind
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import problems
from entrypoints.http.problems import MEANINGS, refuse
from entrypoints.http.schemas import schema

LimitsReply = schema(
    "Limits",
    {
        "largest_upload": ma.fields.Integer(required=True, metadata={"description": "Bytes"}),
        "uploads_a_day": ma.fields.Integer(
            required=True, metadata={"description": "Files that a member may upload in a day (UTC)"}
        ),
        "upload_bytes_a_day": ma.fields.Integer(
            required=True, metadata={"description": "Bytes that a member may upload in a day (UTC)"}
        ),
        "most_evidence": ma.fields.Integer(required=True),
        "most_tags": ma.fields.Integer(required=True),
        "least_publish_within": ma.fields.Integer(
            required=True, metadata={"description": "Hours, of an anonymous report"}
        ),
        "most_publish_within": ma.fields.Integer(
            required=True, metadata={"description": "Hours, of an anonymous report"}
        ),
    },
)
InstanceReply = schema(
    "Instance",
    {
        "limits": ma.fields.Nested(LimitsReply, required=True),
        "media_kinds": ma.fields.List(ma.fields.String(), required=True),
        "media_types": ma.fields.Dict(
            keys=ma.fields.String(),
            values=ma.fields.List(ma.fields.String()),
            required=True,
            metadata={"description": "Media types that may be uploaded, by kind"},
        ),
        "categories": ma.fields.List(ma.fields.String(), required=True),
        "precisions": ma.fields.List(ma.fields.String(), required=True),
    },
)


def instance_blueprint(
    largest_upload: int, quota: Quota, media_types: Mapping[MediaKind, Sequence[str]]
) -> Blueprint:
    """Serve ``GET /v1/instance``."""
    blp = Blueprint("instance", __name__, url_prefix="/v1", description="Limits and choices")

    @blp.get("/instance", endpoint="read")
    @blp.response(200, InstanceReply)
    @problems(blp)
    def instance() -> Response:
        """The limits, media types, categories and precisions of this instance"""
        body: Mapping[str, Any] = {
            "limits": {
                "largest_upload": largest_upload,
                "uploads_a_day": quota.pieces,
                "upload_bytes_a_day": quota.size,
                "most_evidence": MOST_EVIDENCE,
                "most_tags": MOST_TAGS,
                "least_publish_within": LEAST_PUBLISH_WITHIN,
                "most_publish_within": MOST_PUBLISH_WITHIN,
            },
            "media_kinds": list(MediaKind),
            "media_types": media_types,
            "categories": list(CaseCategory),
            "precisions": list(Precision),
        }
        return jsonify(body)

    return blp


def problem_pages() -> PlainBlueprint:
    """Serve ``GET /problems/<code>``, the page that the type of a problem names."""
    blp = PlainBlueprint("problems", __name__, url_prefix="/problems")

    @blp.get("/<code>")
    def page(code: str) -> Response:
        if code not in MEANINGS:
            refuse("not-found")
        status, meaning = MEANINGS[code]
        title = escape(code.replace("-", " "))
        return Response(
            f"<!doctype html><html lang=en><title>{title}</title>"
            f"<h1>{title}</h1><p>{escape(meaning)}</p><p>HTTP status {status}.</p></html>",
            content_type="text/html; charset=utf-8",
        )

    return blp
