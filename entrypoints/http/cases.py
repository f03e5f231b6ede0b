"""Resources to report a case and to change it."""

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import marshmallow as ma
from flask import Response

from application.executors import CaseExecutor
from application.use_cases.authorship import Authorship
from application.use_cases.cases.report import Report
from domain.actors import Actor
from domain.cases.case_commands import (
    AcceptContribution,
    AmendCase,
    AttachEvidence,
    CaseCommand,
    DeclineContribution,
    LocateCase,
    ReportCase,
    RetractEvidence,
    RetractLocation,
    TagCase,
    UntagCase,
    WithdrawCase,
)
from domain.cases.case_details import CaseDetails
from domain.cases.place import Location
from domain.ids import CaseId, EvidenceId
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
from entrypoints.http.schemas import ONE_LINE, fields_of, length_of, schema, uuid_text, uuid_texts

_DETAILS = {field.name for field in fields(CaseDetails)}
LONGEST_TAG = length_of(TagCase, "tag").most

TAG = {
    "in": "path",
    "name": "tag",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG, "pattern": ONE_LINE},
}
ReportBody = schema(
    "Report",
    {
        **fields_of(CaseDetails),
        **fields_of(ReportCase, "location", "tags", "anonymous", "publish_within"),
        "case_id": uuid_text(),
        "evidence": uuid_texts(length_of(ReportCase, "evidence")),
    },
)
AmendBody = schema("Amendment", fields_of(CaseDetails, partial=True))
AttachBody = schema(
    "Attachment",
    {"evidence": uuid_texts(length_of(AttachEvidence, "evidence"), least=1, required=True)},
)
LocateBody = schema("Place", fields_of(Location))
TagBody = schema("Tag", fields_of(TagCase, "tag"))
TagQuery = schema("TagQuery", fields_of(UntagCase, "tag"))
ReportReply = schema(
    "Reported",
    {
        "case_id": ma.fields.UUID(required=True),
        "status": ma.fields.String(required=True),
    },
)


def cases_blueprint(
    cases: CaseExecutor, reporting: Report, authorship: Authorship, requests: Requests
) -> Blueprint:
    """Return the commands on cases. Query services serve the cases themselves."""
    blp = Blueprint("cases", __name__, url_prefix="/v1", description="Reporting cases")
    blp.before_request(requests.members_only)

    @blp.post("/cases")
    @blp.arguments(ReportBody)
    @blp.response(201, ReportReply, headers=MADE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 409, 412, 415, 422)
    def report(body: dict[str, Any]) -> Response:
        """Report a case; it is public as soon as one piece of its evidence is available

        With `publish_within`, an anonymous case is published later: at a time that is drawn by
        chance from so many hours after its evidence is available. Until then its status is
        `awaiting_publication`, and nobody but its author and moderators can see it. Its times
        before publication are null for everybody.

        Evidence of an anonymous case cannot support another case, nor the other way round. Two
        uploads of a file have nothing in common in public but what can be seen and heard in them.
        """
        actor = requests.actor()
        context = requests.context(actor.member_id, new=True, own_id=body.get("case_id"))
        case_id = CaseId(body.get("case_id") or requests.id_for("case", context))
        command = ReportCase(
            case_id=case_id,
            details=CaseDetails(**{name: body[name] for name in body if name in _DETAILS}),
            location=body.get("location"),
            tags=tuple(body.get("tags", ())),
            evidence=tuple(body.get("evidence", ())),
            anonymous=body.get("anonymous", False),
            publish_within=body.get("publish_within"),
            by=actor,
            at=requests.now,
        )
        receipt = reporting.report(command, context)
        reply = {"case_id": case_id, "status": receipt.state.status}
        return written(receipt, reply, status=201, location=f"/v1/cases/{case_id}")

    @blp.patch("/cases/<uuid:case_id>")
    @blp.arguments(AmendBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def amend(body: dict[str, Any], case_id: object) -> Response:
        """Amend details (the author)"""
        return execute(case_id, AmendCase(changes=body, by=acting(case_id), at=requests.now))

    @blp.delete("/cases/<uuid:case_id>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def withdraw(case_id: object) -> Response:
        """Withdraw a case (the author)"""
        return execute(case_id, WithdrawCase(by=acting(case_id), at=requests.now))

    @blp.post("/cases/<uuid:case_id>/evidence")
    @blp.arguments(AttachBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def attach(body: dict[str, Any], case_id: object) -> Response:
        """Attach more evidence

        Evidence of an anonymous case cannot support another case, nor the other way round. Two
        uploads of a file have nothing in common in public but what can be seen and heard in them.
        """
        command = AttachEvidence(
            evidence=tuple(body["evidence"]), by=requests.actor(), at=requests.now
        )
        context = requests.context(command.by.member_id)
        return written(reporting.attach(CaseId(str(case_id)), command, context))

    @blp.delete("/cases/<uuid:case_id>/evidence/<uuid:evidence_id>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def retract_evidence(case_id: object, evidence_id: object) -> Response:
        """Retract evidence (who attached it, or the author); a moderator decides on it instead"""
        command = RetractEvidence(
            evidence_id=EvidenceId(str(evidence_id)), by=acting(case_id), at=requests.now
        )
        return execute(case_id, command)

    @blp.put("/cases/<uuid:case_id>/location")
    @blp.arguments(LocateBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def locate(body: dict[str, Any], case_id: object) -> Response:
        """Locate a case, as precisely as the member chooses; rounded before it is recorded

        From others than the author and moderators this is a proposal.
        """
        command = LocateCase(location=Location(**body), by=acting(case_id), at=requests.now)
        return execute(case_id, command)

    @blp.delete("/cases/<uuid:case_id>/location")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def retract_location(case_id: object) -> Response:
        """Retract your newest location of the case; the location before it applies again"""
        return execute(case_id, RetractLocation(by=acting(case_id), at=requests.now))

    @blp.post("/cases/<uuid:case_id>/proposals/<int:number>/acceptance")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def accept(case_id: object, number: int) -> Response:
        """Accept a proposal: the case has its tag or location from now on (author, moderators)"""
        command = AcceptContribution(number=number, by=acting(case_id), at=requests.now)
        return execute(case_id, command)

    @blp.delete("/cases/<uuid:case_id>/proposals/<int:number>")
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412)
    def decline(case_id: object, number: int) -> Response:
        """Decline a proposal (author, moderators), or take it back (its contributor)"""
        command = DeclineContribution(number=number, by=acting(case_id), at=requests.now)
        return execute(case_id, command)

    def acting(case_id: object) -> Actor:
        return authorship.in_case(requests.actor(), CaseId(str(case_id)))

    def execute(case_id: object, command: CaseCommand) -> Response:
        context = requests.context(requests.actor().member_id)
        return written(cases.execute(str(case_id), command, context))

    _add_tags(blp, acting, execute, requests)
    return blp


def _add_tags(
    blp: Blueprint,
    acting: Callable[[object], Actor],
    execute: Callable[[object, CaseCommand], Response],
    requests: Requests,
) -> None:
    """Add the commands on tags. A tag with a slash is none for a path."""

    @blp.post("/cases/<uuid:case_id>/tags")
    @blp.arguments(TagBody)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 415, 422)
    def add_tag(body: dict[str, Any], case_id: object) -> Response:
        """Add a tag

        From others than the author and moderators this is a proposal.
        """
        return execute(case_id, TagCase(**body, by=acting(case_id), at=requests.now))

    @blp.delete("/cases/<uuid:case_id>/tags")
    @blp.arguments(TagQuery, location="query", unknown=ma.RAISE)
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 422)
    def remove_tag(query: dict[str, Any], case_id: object) -> Response:
        """Remove a tag"""
        return execute(case_id, UntagCase(**query, by=acting(case_id), at=requests.now))

    @blp.post("/cases/<uuid:case_id>/tags/<tag>", parameters=[TAG])
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IDEMPOTENCY_KEY, IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 422)
    def tag_case(case_id: object, tag: str) -> Response:
        """Add a tag without a slash

        From others than the author and moderators this is a proposal.
        """
        command = TagCase(tag=good_tag(tag), by=acting(case_id), at=requests.now)
        return execute(case_id, command)

    @blp.delete("/cases/<uuid:case_id>/tags/<tag>", parameters=[TAG])
    @blp.response(204, headers=WRITE_HEADERS)
    @blp.doc(parameters=[IF_MATCH], security=BEARER)
    @problems(blp, 401, 403, 404, 409, 410, 412, 422)
    def untag_case(case_id: object, tag: str) -> Response:
        """Remove a tag without a slash"""
        command = UntagCase(tag=good_tag(tag), by=acting(case_id), at=requests.now)
        return execute(case_id, command)


def good_tag(tag: str) -> str:
    """Return the tag. Refuses one that a case cannot have."""
    if len(tag) > LONGEST_TAG or not re.fullmatch(ONE_LINE, tag):
        refuse("invalid", f"A tag is one line of at most {LONGEST_TAG} characters; shorten it.")
    return tag
