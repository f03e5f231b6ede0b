"""Resources to support, follow and share a case."""

from typing import Any

import marshmallow as ma
from flask import Response

from application.use_cases.cases.engage import Engage
from domain.cases.engagement import ShareNetwork
from domain.ids import CaseId
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import (
    BEARER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    WRITE_HEADERS,
    problems,
)
from entrypoints.http.requests import Requests, written
from entrypoints.http.schemas import schema

ShareBody = schema("Share", {"network": ma.fields.Enum(ShareNetwork, by_value=True, required=True)})


def engagement_blueprint(engage: Engage, requests: Requests) -> Blueprint:
    """Return the commands of members on the cases of others."""
    blp = Blueprint("engagement", __name__, url_prefix="/v1", description="Supporting cases")
    blp.before_request(requests.members_only)

    @blp.put("/cases/<uuid:case_id>/support")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def support(case_id: object) -> Response:
        """Support a case; once per member, and not one's own case"""
        return engaged(engage.support, case_id)

    @blp.delete("/cases/<uuid:case_id>/support")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 412)
    def withdraw_support(case_id: object) -> Response:
        """Withdraw one's support"""
        return engaged(engage.withdraw_support, case_id)

    @blp.put("/cases/<uuid:case_id>/follow")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 410, 412)
    def follow(case_id: object) -> Response:
        """Follow a case"""
        return engaged(engage.follow, case_id)

    @blp.delete("/cases/<uuid:case_id>/follow")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 412)
    def unfollow(case_id: object) -> Response:
        """Stop following a case"""
        return engaged(engage.unfollow, case_id)

    @blp.post("/cases/<uuid:case_id>/shares")
    @blp.arguments(ShareBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def share(body: dict[str, Any], case_id: object) -> Response:
        """Record that one shared a case; counted once per member and network"""
        actor, network = requests.actor(), body["network"]
        context = requests.context(actor.member_id)
        return written(engage.share(CaseId(str(case_id)), network, actor, context))

    def engaged(action: Any, case_id: object) -> Response:
        actor = requests.actor()
        return written(action(CaseId(str(case_id)), actor, requests.context(actor.member_id)))

    return blp
