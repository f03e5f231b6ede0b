"""Tell the author of an anonymous case until when its publication is delayed."""

from datetime import datetime

import marshmallow as ma
from flask import Response, jsonify

from application.executors import CaseExecutor
from domain.times import HOUR, rounded_down
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import BEARER, problems
from entrypoints.http.problems import refuse
from entrypoints.http.requests import Requests
from entrypoints.http.schemas import schema

Delay = schema(
    "Delay",
    {
        "publish_within": ma.fields.Integer(required=True, metadata={"description": "Hours"}),
        "public_by": ma.fields.AwareDateTime(required=True, allow_none=True),
    },
)


def delays_blueprint(cases: CaseExecutor, requests: Requests) -> Blueprint:
    """Return the delays from the log. No read model holds them."""
    blp = Blueprint("delays", __name__, url_prefix="/v1", description="Delayed publication")

    @blp.get("/cases/<uuid:case_id>/delay", endpoint="read")
    @blp.response(200, Delay)
    @blp.doc(security=BEARER)
    @problems(blp, 401, 404)
    def delay(case_id: object) -> Response:
        """The delay that you chose for your anonymous case (its author alone)

        While the case awaits publication, `public_by` is when it is public at the latest.
        Otherwise it is null: before the evidence is available, and once the case was published.
        """
        requests.oneself()
        case = cases.load(str(case_id)).state
        if not (case.delayed and requests.viewer().is_member(case.author)):
            refuse("not-found", "You have no such case whose publication is delayed.")
        public_by = case.due_by and _next_hour(case.due_by).isoformat()
        return jsonify(publish_within=case.publish_within // HOUR, public_by=public_by)

    return blp


def _next_hour(moment: datetime) -> datetime:
    return rounded_down(moment, HOUR) + HOUR
