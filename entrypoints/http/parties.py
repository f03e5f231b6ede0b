"""Resources to name the parties to a case, and to dispute a claim as a party."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask import Response

from application.use_cases.cases.enrich import Enrich
from domain.cases.party import DisputeParty, PartyDetails
from domain.ids import CaseId, PartyId
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import (
    BEARER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    MADE_HEADERS,
    WRITE_HEADERS,
    problems,
)
from entrypoints.http.problems import refuse
from entrypoints.http.requests import Requests, written
from entrypoints.http.schemas import Text, fields_of, length_of, schema, uuid_text, uuid_texts

PartyBody = schema(
    "PartyToName",
    {
        **fields_of(PartyDetails),
        "evidence": uuid_texts(length_of(PartyDetails, "evidence")),
        "party_id": uuid_text(),
    },
)
PartyReply = schema("PartyNamed", {"party_id": ma.fields.UUID(required=True)})
DisputeBody = schema(
    "DisputeToStand",
    {
        "token": Text(required=True),
        **fields_of(DisputeParty, "statement"),
    },
)
CASE_MATCH = {**IF_MATCH, "description": "Refuse with 412 unless the case still has this ETag."}
InvitationReply = schema(
    "Invitation",
    {
        "case_id": ma.fields.UUID(required=True),
        "party_id": ma.fields.UUID(required=True),
        "dispute_id": ma.fields.UUID(required=True),
    },
)
LinkReply = schema("DisputeLink", {"url": ma.fields.Url(required=True, require_tld=False)})


def parties_blueprint(enrich: Enrich, requests: Requests, public_url: str) -> Blueprint:
    """Return the commands on parties. Parties are shown with their case."""
    blp = Blueprint("parties", __name__, url_prefix="/v1", description="Parties to a case")

    @blp.post("/cases/<uuid:case_id>/parties")
    @blp.arguments(PartyBody)
    @blp.response(201, PartyReply, headers=MADE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, CASE_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def name_party(body: dict[str, Any], case_id: object) -> Response:
        """Name a person or an organisation involved, with the evidence for it"""
        actor = requests.actor()
        context = requests.context(actor.member_id, new=True, own_id=body.get("party_id"))
        party_id = PartyId(body.pop("party_id", None) or requests.id_for("party", context))
        details = PartyDetails(**{**body, "evidence": tuple(body.get("evidence", ()))})
        case = CaseId(str(case_id))
        receipt = enrich.name_party(party_id, case, details, actor, context)
        return written(receipt, {"party_id": party_id}, status=201, location=f"/v1/cases/{case}")

    @blp.delete("/cases/<uuid:case_id>/parties/<uuid:party_id>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def retract_party(case_id: object, party_id: object) -> Response:
        """Retract a party (who named it, or the author); a moderator decides on it instead"""
        actor = requests.actor()
        context = requests.context(actor.member_id)
        receipt = enrich.retract_party(PartyId(str(party_id)), CaseId(str(case_id)), actor, context)
        return written(receipt)

    @blp.post("/cases/<uuid:case_id>/parties/<uuid:party_id>/dispute-link")
    @blp.response(201, LinkReply)
    @blp.doc(parameters=[IDEMPOTENCY_KEY], security=BEARER)
    @problems(blp, 401, 403, 404, 409)
    def invite(case_id: object, party_id: object) -> tuple[Mapping[str, str], int]:
        """Create a link for one statement of the party, without an account (moderators)"""
        actor = requests.actor()
        # A repeated request gets a link to the same statement, so it can be used once in all.
        dispute_id = requests.id_for("dispute", requests.context(actor.member_id))
        party, case = PartyId(str(party_id)), CaseId(str(case_id))
        token = enrich.invite_to_dispute(party, case, actor, dispute_id)
        return {"url": f"{public_url}/dispute/{token}"}, 201

    @blp.get("/disputes/<token>")
    @blp.response(200, InvitationReply)
    @problems(blp, 403)
    def invitation(token: str) -> Mapping[str, str]:
        """Which claim a dispute link answers; ``dispute_id`` is the id of the statement to come"""
        found = enrich.invitation(token)
        return {
            "case_id": found.case_id,
            "party_id": found.party_id,
            "dispute_id": found.dispute_id,
        }

    @blp.delete("/cases/<uuid:case_id>/parties/<uuid:party_id>/disputes/<uuid:dispute_id>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412)
    def erase_statement(case_id: object, party_id: object, dispute_id: object) -> Response:
        """Erase a statement for good, such as one that names the reporter (moderators)"""
        actor = requests.actor()
        party, case = PartyId(str(party_id)), CaseId(str(case_id))
        context = requests.context(actor.member_id)
        return written(enrich.erase_statement(party, case, str(dispute_id), actor, context))

    @blp.post("/cases/<uuid:case_id>/parties/<uuid:party_id>/dispute")
    @blp.arguments(DisputeBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH])
    @problems(blp, 403, 404, 409, 410, 412, 415, 422)
    def dispute(body: Mapping[str, str], case_id: object, party_id: object) -> Response:
        """State the party's view, shown beside the claim; needs the token of a dispute link"""
        invitation = enrich.invitation(body["token"])
        if (invitation.case_id, invitation.party_id) != (str(case_id), str(party_id)):
            refuse("bad-link")
        context = requests.context(invitation.dispute_id)
        return written(enrich.dispute(body["token"], body["statement"], context))

    return blp
