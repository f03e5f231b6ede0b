"""The page behind a dispute link, for a party without an account or a client."""

from flask import Blueprint, Response, request

from application.use_cases.cases.enrich import Enrich
from domain.cases.party import DisputeParty
from domain.decider import DomainError
from entrypoints.http.pages import TEMPLATES, page
from entrypoints.http.problems import MEANINGS
from entrypoints.http.requests import Requests
from entrypoints.http.schemas import length_of

LONGEST = length_of(DisputeParty, "statement").most


def dispute_pages(enrich: Enrich, requests: Requests) -> Blueprint:
    """Serve ``GET`` and ``POST /dispute/<token>``. The token in the address authorises both."""
    blp = Blueprint("dispute", __name__, template_folder=str(TEMPLATES))

    @blp.get("/dispute/<token>")
    def form(token: str) -> Response:
        enrich.invitation(token)
        return _form()

    @blp.post("/dispute/<token>")
    def state(token: str) -> Response:
        invitation = enrich.invitation(token)
        statement = request.form.get("statement", "").replace("\r\n", "\n").strip()
        if not 0 < len(statement) <= LONGEST or "\0" in statement:
            return _form(statement, f"Write 1 to {LONGEST} characters.", 422)
        enrich.dispute(token, statement, requests.context(invitation.dispute_id))
        return page("dispute/done.html", case_id=invitation.case_id)

    @blp.errorhandler(DomainError)
    def refused(error: DomainError) -> Response:
        return page("dispute/refused.html", MEANINGS[error.code][0], fault=error.message)

    return blp


def _form(statement: str = "", fault: str = "", status: int = 200) -> Response:
    return page(
        "dispute/form.html",
        status,
        forms="'self'",
        statement=statement,
        fault=fault,
        longest=LONGEST,
    )
