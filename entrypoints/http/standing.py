"""Resources to suspend members and to grant roles."""

from collections.abc import Mapping

import marshmallow as ma
from flask import Response
from marshmallow import validate

from application.executors import MemberExecutor
from domain.actors import Role
from domain.members.member import (
    GrantRole,
    MemberCommand,
    RedactSuspension,
    ReinstateMember,
    RevokeRole,
    SuspendMember,
    UpholdSuspension,
)
from domain.moderation.decision import Outcome
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import (
    BEARER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    WRITE_HEADERS,
    problems,
)
from entrypoints.http.requests import Requests, written
from entrypoints.http.schemas import Text, schema

SuspensionBody = schema(
    "Suspension", {"reason": Text(required=True, validate=validate.Length(1, 1000))}
)
SuspensionOutcomeBody = schema(
    "SuspensionOutcome", {"outcome": ma.fields.Enum(Outcome, by_value=True, required=True)}
)


def standing_blueprint(members: MemberExecutor, requests: Requests) -> Blueprint:
    """Return the commands of moderators and admins on members."""
    blp = Blueprint("standing", __name__, url_prefix="/v1", description="Suspensions and roles")
    blp.before_request(requests.members_only)

    @blp.put("/members/<uuid:member_id>/suspension")
    @blp.arguments(SuspensionBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def suspend(body: Mapping[str, str], member_id: object) -> Response:
        """Suspend a member; only the member and moderators see the reason (moderators)"""
        actor = requests.actor()
        command = SuspendMember(reason=body["reason"], by=actor, at=requests.now)
        return execute(str(member_id), command)

    @blp.delete("/members/<uuid:member_id>/suspension")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 410, 412)
    def reinstate(member_id: object) -> Response:
        """Lift a suspension (moderators)"""
        command = ReinstateMember(by=requests.actor(), at=requests.now)
        return execute(str(member_id), command)

    @blp.delete("/members/<uuid:member_id>/suspension/reason")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def redact_suspension(member_id: object) -> Response:
        """Remove the reasons for a member's suspensions for good (moderators)"""
        command = RedactSuspension(by=requests.actor(), at=requests.now)
        return execute(str(member_id), command)

    @blp.post("/members/<uuid:member_id>/suspension/resolution")
    @blp.arguments(SuspensionOutcomeBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def resolve_appeal(body: Mapping[str, Outcome], member_id: object) -> Response:
        """Resolve an appeal against a suspension (a moderator who did not suspend the member)

        To overturn the suspension lifts it.
        """
        actor, at = requests.actor(), requests.now
        upholds = body["outcome"] is Outcome.UPHOLD
        command = UpholdSuspension(by=actor, at=at) if upholds else ReinstateMember(by=actor, at=at)
        return execute(str(member_id), command)

    @blp.put("/members/<uuid:member_id>/roles/<any(moderator, admin):role>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 410, 412)
    def grant_role(member_id: object, role: str) -> Response:
        """Grant a role (admins)"""
        command = GrantRole(role=Role(role), by=requests.actor(), at=requests.now)
        return execute(str(member_id), command)

    @blp.delete("/members/<uuid:member_id>/roles/<any(moderator, admin):role>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 410, 412)
    def revoke_role(member_id: object, role: str) -> Response:
        """Revoke a role (admins)"""
        command = RevokeRole(role=Role(role), by=requests.actor(), at=requests.now)
        return execute(str(member_id), command)

    def execute(member_id: str, command: MemberCommand) -> Response:
        context = requests.context(command.by.member_id)
        return written(members.execute(member_id, command, context))

    return blp
