"""Let the owner of evidence prove which original it was made from."""

import marshmallow as ma
from flask import Response, jsonify

from application.executors import EvidenceExecutor
from application.security import OpeningsRead, SecurityLog
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import BEARER, problems
from entrypoints.http.problems import refuse
from entrypoints.http.requests import Requests
from entrypoints.http.schemas import schema

Opening = schema(
    "Opening",
    {
        "commitment": ma.fields.String(required=True),
        "salt": ma.fields.String(required=True),
        "original_sha256": ma.fields.String(required=True),
    },
)


def openings_blueprint(
    evidence: EvidenceExecutor, requests: Requests, security: SecurityLog
) -> Blueprint:
    """Return the openings from the log. No read model holds them."""
    blp = Blueprint("openings", __name__, url_prefix="/v1", description="Proof of originals")

    @blp.get("/evidence/<uuid:evidence_id>/opening", endpoint="read")
    @blp.response(200, Opening)
    @blp.doc(security=BEARER)
    @problems(blp, 401, 404)
    def opening(evidence_id: object) -> Response:
        """What opens the commitment to the original (its owner alone)

        `commitment` is the SHA-256 of the text `<salt><original_sha256>`. Whoever gets the salt can
        prove to others that your file is the original, and you cannot take that back. Keep the
        file: the server never returns it.
        """
        requests.oneself()
        item = evidence.load(str(evidence_id)).state
        if not requests.viewer().is_member(item.owner):
            refuse("not-found", "You have no such evidence.")
        security.count(OpeningsRead)
        return jsonify(
            commitment=item.commitment, salt=item.salt, original_sha256=item.original_sha256
        )

    return blp
