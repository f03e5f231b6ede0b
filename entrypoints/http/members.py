"""Resources to register, and to manage one's own account."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask import Response, jsonify
from marshmallow import validate

from application.executors import MemberExecutor
from application.use_cases.members.accounts import PASSPHRASE_LENGTH, Accounts
from domain.members.member import (
    AppealSuspension,
    Area,
    ChooseInterests,
    RegisterMember,
    SwitchRecommendations,
)
from entrypoints.http.attempts import Attempts, counts_as
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import (
    BEARER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    MADE_HEADERS,
    WRITE_HEADERS,
    problems,
)
from entrypoints.http.documents import document_schema
from entrypoints.http.requests import Requests, written
from entrypoints.http.schemas import Text, fields_of, schema

PASSPHRASE = Text(
    required=True,
    validate=validate.Length(PASSPHRASE_LENGTH.least, PASSPHRASE_LENGTH.most),
    metadata={"description": "It cannot be recovered."},
)
OWN_PASSPHRASE = Text(required=True, validate=validate.Length(1, PASSPHRASE_LENGTH.most))
_REGISTER = fields_of(RegisterMember, "pseudonym", "interests")
RegistrationBody = schema("Registration", {**_REGISTER, "passphrase": PASSPHRASE})
PassphraseBody = schema(
    "PassphraseChange",
    {
        "current": OWN_PASSPHRASE,
        "new": PASSPHRASE,
    },
)
InterestsBody = schema("Interests", fields_of(ChooseInterests, "interests", "areas"))
RecommendationsBody = schema("Recommendations", fields_of(SwitchRecommendations, "on"))
SuspensionAppealBody = schema("SuspensionAppeal", fields_of(AppealSuspension, "statement"))
RegisteredReply = schema(
    "Registered",
    {
        "member_id": ma.fields.UUID(required=True),
        "pseudonym": ma.fields.String(required=True),
    },
)
MeReply = schema(
    "Me",
    {
        "member_id": ma.fields.UUID(required=True),
        "pseudonym": ma.fields.String(required=True),
        "roles": ma.fields.List(ma.fields.String(), required=True),
        "interests": ma.fields.List(ma.fields.String(), required=True),
        "areas": ma.fields.List(ma.fields.Nested(document_schema(Area)), required=True),
        "suspended": ma.fields.Boolean(required=True),
        "appeal_waits": ma.fields.Boolean(
            required=True,
            metadata={
                "description": "An appeal against the suspension waits for another moderator."
            },
        ),
        "registered_at": ma.fields.AwareDateTime("iso", required=True),
    },
)


def members_blueprint(accounts: Accounts, members: MemberExecutor, requests: Requests) -> Blueprint:
    """Return registration and the member's own account."""
    blp = Blueprint("members", __name__, url_prefix="/v1", description="Members")

    @blp.post("/members")
    @counts_as(Attempts.registering)
    @blp.arguments(RegistrationBody)
    @blp.response(201, RegisteredReply, headers=MADE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH])
    @problems(blp, 409, 412, 415, 422)
    def register(body: dict[str, Any]) -> Response:
        """Register under a pseudonym"""
        context = requests.context("", new=True)
        member_id = requests.id_for("member", context)
        receipt = accounts.register(
            member_id,
            body["pseudonym"],
            body["passphrase"],
            tuple(body.get("interests", ())),
            context,
        )
        reply = {"member_id": member_id, "pseudonym": receipt.state.pseudonym}
        return written(receipt, reply, status=201, location=f"/v1/members/{member_id}")

    @blp.get("/me")
    @blp.response(200, MeReply)
    @blp.doc(security=BEARER)
    @problems(blp, 401)
    def me() -> Response:
        """One's own account"""
        return jsonify(own_account())

    @blp.put("/me/passphrase")
    @counts_as(Attempts.proving)
    @blp.arguments(PassphraseBody)
    @blp.response(204)
    @blp.doc(security=BEARER)
    @problems(blp, 401, 403, 409, 415, 422)
    def change_passphrase(body: Mapping[str, str]) -> Response:
        """Change the passphrase; all other sessions end"""
        actor, current = requests.oneself(), requests.session_id()
        accounts.change_passphrase(actor.member_id, current, body["current"], body["new"])
        return Response(status=204)

    @blp.put("/me/interests")
    @blp.arguments(InterestsBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 412, 415, 422)
    def choose_interests(body: Mapping[str, Any]) -> Response:
        """Choose the tags and areas to follow"""
        actor = requests.actor()
        command = ChooseInterests(
            interests=tuple(body["interests"]),
            areas=tuple(body.get("areas", ())),
            by=actor,
            at=requests.now,
        )
        context = requests.context(actor.member_id)
        return written(members.execute(actor.member_id, command, context))

    @blp.get("/me/recommendations")
    @blp.response(200, RecommendationsBody)
    @blp.doc(security=BEARER)
    @problems(blp, 401)
    def recommendations() -> Response:
        """Whether cases are recommended to oneself"""
        actor = requests.viewer().actor or requests.actor()
        return jsonify({"on": members.load(actor.member_id).state.recommendations})

    @blp.put("/me/recommendations")
    @blp.arguments(RecommendationsBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 412, 415, 422)
    def switch_recommendations(body: Mapping[str, bool]) -> Response:
        """Turn recommendations on or off

        While they are off, what the member does is not used for the recommendations of others.
        """
        actor = requests.actor()
        command = SwitchRecommendations(on=body["on"], by=actor, at=requests.now)
        context = requests.context(actor.member_id)
        return written(members.execute(actor.member_id, command, context))

    @blp.post("/me/suspension/appeal")
    @blp.arguments(SuspensionAppealBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 409, 410, 412, 415, 422)
    def appeal_suspension(body: Mapping[str, str]) -> Response:
        """Appeal against one's own suspension, once; another moderator resolves it

        It waits until another moderator than the one who suspended the member resolves it: here as
        `appeal_waits`, in the queue of moderators, and in the ledger.
        """
        actor = requests.oneself()
        command = AppealSuspension(statement=body["statement"], by=actor, at=requests.now)
        context = requests.context(actor.member_id)
        return written(members.execute(actor.member_id, command, context))

    def own_account() -> dict[str, Any]:
        viewer = requests.viewer()
        actor = viewer.actor or requests.actor()
        state = members.load(actor.member_id).state
        return {
            "member_id": state.member_id,
            "pseudonym": state.pseudonym,
            "roles": sorted(state.roles),
            "interests": state.interests,
            "areas": state.areas,
            "suspended": state.suspended,
            "appeal_waits": state.appeal_waits,
            "registered_at": state.registered_at,
        }

    return blp
