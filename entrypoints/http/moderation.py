"""Resources of moderation: rules, flags, decisions and appeals."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import marshmallow as ma
from flask import Response, jsonify

from application.engine.derived_ids import derived_id
from application.engine.executor import CommandContext
from application.use_cases.moderation.moderate import Moderate
from domain.actors import Actor
from domain.decider import DomainError
from domain.moderation.decision import AppealDecision, DecideSubject, ResolveAppeal
from domain.moderation.flag import RaiseFlag
from domain.moderation.rules import RULES, Rule
from domain.moderation.subject import AnswerFlags, SubjectKind
from entrypoints.http.attempts import LARGEST_NETWORK
from entrypoints.http.blueprint import Blueprint
from entrypoints.http.documentation import (
    BEARER,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    WRITE_HEADERS,
    problems,
)
from entrypoints.http.documents import page_schema
from entrypoints.http.limits import where_from
from entrypoints.http.problems import refuse
from entrypoints.http.requests import Requests, written
from entrypoints.http.schemas import fields_of, schema, uuid_text

MOST_AT_ONCE = 100
SUBJECT = {
    "subject_kind": ma.fields.Enum(SubjectKind, by_value=True, required=True),
    "subject_id": uuid_text(required=True),
}
RULE = ma.fields.String(required=True, validate=ma.validate.OneOf([rule.rule_id for rule in RULES]))


def _decision_fields() -> dict[str, Any]:
    """Return the fields of a decision. The API calls the verdict ``decision``."""
    made = fields_of(DecideSubject, "verdict", "rule", "reason")
    return {"decision": made.pop("verdict"), **made, "rule": RULE}


FlagBody = schema(
    "Flag",
    {
        **SUBJECT,
        **fields_of(RaiseFlag, "rule", "note"),
        "rule": RULE,
    },
)
FlagReply = schema("FlagRaised", {"flag_id": ma.fields.UUID(required=True)})
DecisionBody = schema("Decision", {**_decision_fields(), "decision_id": uuid_text()})
DecisionReply = schema("DecisionMade", {"decision_id": ma.fields.UUID(required=True)})
SubjectBody = schema("Subject", SUBJECT)
BulkBody = schema(
    "Decisions",
    {
        **_decision_fields(),
        "subjects": ma.fields.List(
            ma.fields.Nested(SubjectBody),
            required=True,
            validate=ma.validate.Length(1, MOST_AT_ONCE),
        ),
    },
)
BulkItem = schema(
    "DecisionOfMany",
    {
        **SUBJECT,
        "decision_id": ma.fields.UUID(required=True, allow_none=True),
        "problem": ma.fields.String(required=True, allow_none=True),
    },
)
BulkReply = schema(
    "DecisionsMade", {"items": ma.fields.List(ma.fields.Nested(BulkItem), required=True)}
)
AppealBody = schema("AppealToMake", fields_of(AppealDecision, "statement"))
AppealReply = schema("AppealMade", {"appeal_id": ma.fields.UUID(required=True)})
AnswerBody = schema("AnswerToFlags", fields_of(AnswerFlags, "statement"))
ResolutionBody = schema("Resolution", fields_of(ResolveAppeal, "outcome", "reason"))
KINDS = ", ".join(SubjectKind)


def moderation_blueprint(moderate: Moderate, requests: Requests) -> Blueprint:
    """Return the commands of moderation. Query services serve the queue and the decisions."""
    blp = Blueprint("moderation", __name__, url_prefix="/v1", description="Moderation")

    @blp.get("/rules")
    @blp.response(200, page_schema(Rule))
    @problems(blp)
    def rules() -> Response:
        """The terms of service as a list of rules"""
        return jsonify({"items": RULES})

    @blp.post("/flags")
    @blp.arguments(FlagBody)
    @blp.response(201, FlagReply, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def flag(body: dict[str, Any]) -> Response:
        """Flag a subject that breaks a rule; once per member and subject

        Every flag waits for moderators. It weighs something, and so can help to hide the subject
        before they decide, once moderators have upheld flags of the member on three days. By a rule
        that moderators found not broken here, it weighs nothing. Of the flags from one network on
        one day, one has weight.
        """
        actor = requests.actor()
        context = requests.context(actor.member_id)
        kind, subject_id = body["subject_kind"], body["subject_id"]
        receipt = moderate.flag(
            kind,
            subject_id,
            actor,
            context,
            network=where_from(LARGEST_NETWORK),
            rule=body["rule"],
            note=body["note"],
        )
        return written(receipt, {"flag_id": receipt.state.flag_id}, status=201)

    @blp.post(f"/moderation/<any({KINDS}):subject_kind>/<uuid:subject_id>/answer")
    @blp.arguments(AnswerBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412, 415, 422)
    def answer(body: Mapping[str, str], subject_kind: str, subject_id: object) -> Response:
        """Answer the flags that hide one's own content; moderators read it before they decide

        A suspended member may answer too.
        """
        actor = requests.oneself()
        context = requests.context(actor.member_id)
        kind = SubjectKind(subject_kind)
        receipt = moderate.answer(kind, str(subject_id), body["statement"], actor, context)
        return written(receipt)

    @blp.post(f"/moderation/<any({KINDS}):subject_kind>/<uuid:subject_id>/decisions")
    @blp.arguments(DecisionBody)
    @blp.response(201, DecisionReply, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412, 415, 422)
    def decide(body: dict[str, Any], subject_kind: str, subject_id: object) -> Response:
        """Hide or restore a subject, or dismiss its flags (moderators)"""
        actor = requests.actor()
        context = requests.context(actor.member_id, own_id=body.get("decision_id"))
        decision_id = body.get("decision_id") or requests.id_for("decision", context)
        subject = (SubjectKind(subject_kind), str(subject_id))
        receipt = _decided(moderate, subject, body, actor, context, decision_id=decision_id)
        return written(receipt, {"decision_id": decision_id}, status=201)

    @blp.post("/moderation/decisions")
    @blp.arguments(BulkBody)
    @blp.response(200, BulkReply)
    @blp.doc(parameters=[IDEMPOTENCY_KEY], security=BEARER)
    @problems(blp, 401, 403, 415, 422)
    def decide_many(body: dict[str, Any]) -> Response:
        """Decide on many subjects alike; each gets its own decision (moderators)"""
        actor = requests.actor()
        if not actor.moderates:
            refuse("forbidden")
        context = requests.context(actor.member_id)
        items = [
            _decided_one(moderate, subject, body, actor, context) for subject in body["subjects"]
        ]
        return jsonify({"items": items})

    @blp.post("/moderation/decisions/<uuid:decision_id>/appeals")
    @blp.arguments(AppealBody)
    @blp.response(201, AppealReply, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412, 415, 422)
    def appeal(body: Mapping[str, str], decision_id: object) -> Response:
        """Appeal against a decision on one's own content; another moderator resolves it

        It waits until another moderator than the one who decided resolves it; the ledger lists it
        with `waits` until then. A suspended member may appeal too.
        """
        actor = requests.oneself()
        key = str(decision_id)
        receipt = moderate.appeal(key, body["statement"], actor, requests.context(actor.member_id))
        return written(receipt, {"appeal_id": key}, status=201)

    @blp.post("/moderation/appeals/<uuid:appeal_id>/resolution")
    @blp.arguments(ResolutionBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 412, 415, 422)
    def resolve(body: dict[str, Any], appeal_id: object) -> Response:
        """Resolve an appeal: uphold or overturn the decision (a moderator who did not make it)"""
        actor = requests.actor()
        context = requests.context(actor.member_id)
        outcome, reason = body["outcome"], body["reason"]
        return written(moderate.resolve(str(appeal_id), outcome, reason, actor, context))

    @blp.delete("/moderation/<any(decisions, appeals):reasoned>/<uuid:decision_id>/reason")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 412)
    def redact(reasoned: str, decision_id: object) -> Response:
        """Remove the reason for a decision or an outcome for good, as it names a person
        (moderators)"""
        actor, of_outcome = requests.actor(), reasoned == "appeals"
        context = requests.context(actor.member_id)
        return written(moderate.redact(str(decision_id), actor, context, of_outcome=of_outcome))

    return blp


def _decided(
    moderate: Moderate,
    subject: tuple[SubjectKind, str],
    body: Mapping[str, Any],
    actor: Actor,
    context: CommandContext,
    *,
    decision_id: str,
) -> Any:
    return moderate.decide(
        *subject,
        actor,
        context,
        decision_id=decision_id,
        verdict=body["decision"],
        rule=body["rule"],
        reason=body["reason"],
    )


def _decided_one(
    moderate: Moderate,
    subject: Mapping[str, Any],
    body: Mapping[str, Any],
    actor: Actor,
    context: CommandContext,
) -> dict[str, Any]:
    kind, subject_id = subject["subject_kind"], subject["subject_id"]
    decision_id = derived_id(context.command_id, kind, subject_id)
    own = replace(context, command_id=decision_id)
    problem = None
    try:
        _decided(moderate, (kind, subject_id), body, actor, own, decision_id=decision_id)
    except DomainError as refused:
        problem = refused.code
    return {
        "subject_kind": kind,
        "subject_id": subject_id,
        "decision_id": None if problem else decision_id,
        "problem": problem,
    }
