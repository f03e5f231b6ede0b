"""The page behind a dispute link, for a person who was named and has no account."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request

from entrypoints.site.pages import page
from entrypoints.site.visit import Refused, visit


def dispute_pages() -> Blueprint:
    """Serve ``GET`` and ``POST /dispute/<token>``. The token in the address authorises both."""
    blp = Blueprint("dispute", __name__)

    @blp.get("/dispute/<token>")
    def form(token: str) -> Response:
        return _form(_claim(token))

    @blp.post("/dispute/<token>")
    def state(token: str) -> Response:
        claim = _claim(token)
        statement = request.form.get("statement", "").replace("\r\n", "\n").strip()
        path = f"/cases/{claim['case_id']}/parties/{claim['party_id']}/dispute"
        try:
            visit.send("POST", path, {"token": token, "statement": statement})
        except Refused as refused:
            return _form(claim, statement, refused)
        return page("dispute/done.html", case_id=claim["case_id"])

    @blp.errorhandler(Refused)
    def no_link(refused: Refused) -> Response:
        return page("dispute/no_link.html", refused.status, refused=refused)

    return blp


def _claim(token: str) -> Any:
    return visit.get(f"/disputes/{quote(token, safe='')}")


def _form(claim: Any, statement: str = "", refused: Refused | None = None) -> Response:
    case, party = _claimed(claim)
    status = refused.status if refused else 200
    shown = {"case": case, "party": party, "statement": statement, "refused": refused}
    return page("dispute/form.html", status, **shown)


def _claimed(claim: Any) -> tuple[Any, Any]:
    """Return the case and what it says of the party, or None for what is not public now."""
    try:
        case = visit.get(f"/cases/{claim['case_id']}")
    except Refused:
        return None, None
    parties = [each for each in case["parties"] if each["party_id"] == claim["party_id"]]
    return case, next(iter(parties), None)
