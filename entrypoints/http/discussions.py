"""Resources to comment on a case and to lock its discussion."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask import Response

from application.use_cases.discussions.discuss import Discuss
from domain.discussions.comment import EditComment
from domain.ids import CaseId, CommentId
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import (
    BEARER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    MADE_HEADERS,
    WRITE_HEADERS,
    problems,
)
from entrypoints.http.requests import Requests, written
from entrypoints.http.schemas import fields_of, schema, uuid_text

TEXT = fields_of(EditComment, "text")
CommentBody = schema(
    "CommentToWrite", {**TEXT, "comment_id": uuid_text(), "parent_id": uuid_text()}
)
EditBody = schema("CommentToEdit", TEXT)
CommentReply = schema("CommentWritten", {"comment_id": ma.fields.UUID(required=True)})


def discussions_blueprint(discuss: Discuss, requests: Requests) -> Blueprint:
    """Return the commands on discussions. A query service serves the comments."""
    blp = Blueprint("discussions", __name__, url_prefix="/v1", description="Discussing cases")
    blp.before_request(requests.members_only)

    @blp.post("/cases/<uuid:case_id>/comments")
    @blp.arguments(CommentBody)
    @blp.response(201, CommentReply, headers=MADE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412, 415, 422)
    def write(body: Mapping[str, str], case_id: object) -> Response:
        """Comment on a public case, or reply to a comment on it"""
        actor = requests.actor()
        context = requests.context(actor.member_id, new=True, own_id=body.get("comment_id"))
        comment_id = CommentId(body.get("comment_id") or requests.id_for("comment", context))
        receipt = discuss.write(
            comment_id,
            CaseId(str(case_id)),
            actor,
            context,
            text=body["text"],
            parent_id=CommentId(body.get("parent_id", "")),
        )
        location = f"/v1/comments/{comment_id}"
        return written(receipt, {"comment_id": comment_id}, status=201, location=location)

    @blp.patch("/comments/<uuid:comment_id>")
    @blp.arguments(EditBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def edit(body: Mapping[str, str], comment_id: object) -> Response:
        """Edit a comment (its author); its history keeps the text before"""
        actor = requests.actor()
        context = requests.context(actor.member_id)
        return written(discuss.edit(CommentId(str(comment_id)), body["text"], actor, context))

    @blp.delete("/comments/<uuid:comment_id>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 410, 412)
    def remove(comment_id: object) -> Response:
        """Remove a comment (its author); moderators hide comments by a decision instead"""
        return done(discuss.remove, CommentId(str(comment_id)))

    @blp.put("/cases/<uuid:case_id>/discussion/lock")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412)
    def lock(case_id: object) -> Response:
        """Lock the discussion of a case (moderators, not on their own case)"""
        return done(discuss.lock, CaseId(str(case_id)))

    @blp.delete("/cases/<uuid:case_id>/discussion/lock")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412)
    def unlock(case_id: object) -> Response:
        """Unlock the discussion of a case (moderators, not on their own case)"""
        return done(discuss.unlock, CaseId(str(case_id)))

    def done(action: Any, subject_id: str) -> Response:
        actor = requests.actor()
        return written(action(subject_id, actor, requests.context(actor.member_id)))

    return blp
