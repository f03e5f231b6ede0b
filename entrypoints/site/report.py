"""Report a case: one form. Without scripts it is sent with its files; with them, the phone keeps
drafts and sends those itself (static/js/report/)."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, redirect, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as AnyResponse

from entrypoints.site.evidence_form import EvidenceForm, EvidenceForms, Rooms
from entrypoints.site.language import gettext as _
from entrypoints.site.pages import page
from entrypoints.site.report_words import REPORT_WORDS
from entrypoints.site.visit import UNAUTHORIZED, Refused, visit
from entrypoints.site.words import WORDS

Fields = MultiDict[str, str]


def report_pages(rooms: Rooms) -> Blueprint:
    """The pages. Its forms check the token of their page themselves, because Flask-WTF would read
    the files into temporary ones."""
    blp = Blueprint("report", __name__)
    forms = EvidenceForms(rooms)

    @blp.get("/report")
    def report_form() -> Response:
        return _form_page(EvidenceForm(_new()))

    @blp.get("/report/send")
    def sent_before() -> AnyResponse:
        """Lead on who reloads the page that followed a form."""
        return redirect("/report", 303)

    @blp.post("/report/send")
    def send() -> AnyResponse:
        form = forms.receive()
        if not form.is_good:
            return _form_page(form, _status(form.refused))
        try:
            visit.send("POST", "/cases", _body(form))
        except Refused as refused:
            if refused.code != "already-reported":
                form.refused = refused
                return _form_page(form, refused.status)
        return redirect(f"/report/{form.fields['case_id']}", 303)

    @blp.get("/report/<uuid:case_id>")
    def progress(case_id: UUID) -> Response:
        return _progress_page(case_id, EvidenceForm())

    @blp.post("/report/<uuid:case_id>/evidence")
    def attach(case_id: UUID) -> AnyResponse:
        form = forms.receive()
        try:
            if form.evidence and form.trusted:
                visit.send("POST", f"/cases/{case_id}/evidence", {"evidence": form.evidence})
        except Refused as refused:
            form.refused = refused
        if not form.is_good:
            return _progress_page(case_id, form, _status(form.refused))
        return redirect(f"/report/{case_id}", 303)

    return blp


def _new() -> Fields:
    """Return the fields of a new report. Who is afraid should not have to look for the choice."""
    return MultiDict({"case_id": str(uuid4()), "who": "anonymous", "precision": "neighbourhood"})


def _status(refused: Refused | None) -> int:
    return refused.status if refused else 422


def _form_page(form: EvidenceForm, status: int = 200) -> Response:
    ended = form.refused is not None and form.refused.status == UNAUTHORIZED
    reply = page(
        "report/form.html",
        status,
        form=form.fields,
        sent=form,
        refused=form.refused,
        again=request.method == "POST",
        signs_in=request.method == "POST" and (ended or visit.person is None),
        instance=visit.get("/instance"),
        today=date.today().isoformat(),  # noqa: DTZ011 - only the latest day that can be chosen
        words=_words(),
    )
    # The script asks the phone for its place when the visitor presses the button for it.
    reply.headers["Permissions-Policy"] = "geolocation=(self), microphone=(), camera=()"
    return reply


def _progress_page(case_id: UUID, form: EvidenceForm, status: int = 200) -> Response:
    case = visit.get(f"/cases/{case_id}")
    cited = case.get("cited", ())
    return page(
        "report/progress.html",
        status,
        case=case,
        awaited=[each for each in cited if each["progress"] == "awaited"],
        rejected=[each for each in cited if each["progress"] == "refused"],
        sent=form,
        refused=form.refused,
        instance=visit.get("/instance"),
    )


def _body(form: EvidenceForm) -> dict[str, Any]:
    """Return the report as the API takes it. Fields that were left empty are left out."""
    fields = form.fields
    body = {
        "case_id": fields["case_id"],
        "title": fields.get("title", "").strip(),
        "story": _story(fields),
        "category": fields.get("category", "other"),
        "occurred_on": fields.get("occurred_on"),
        "location": _location(fields),
        "anonymous": fields.get("who") == "anonymous",
        "publish_within": _hours(fields),
        "evidence": form.evidence,
    }
    return {name: value for name, value in body.items() if value not in (None, "", [])}


def _story(fields: Fields) -> str:
    """Return the story. The API takes the name of a place only with its coordinates, so without
    those it is added here, as the page says."""
    story, name = _lines(fields.get("story", "")), fields.get("place", "").strip()
    if not story or not name or _location(fields):
        return story
    return f"{story}\n\n{_('Where: %(place)s', place=name)}"


def _lines(text: str) -> str:
    return "\n".join(text.strip().splitlines())


def _location(fields: Fields) -> dict[str, Any] | None:
    if not fields.get("lat") and not fields.get("lon"):
        return None
    return {
        "lat": _number(fields.get("lat", "")),
        "lon": _number(fields.get("lon", "")),
        "precision": fields.get("precision", "neighbourhood"),
        "name": fields.get("place", "").strip(),
    }


def _number(text: str) -> float | str:
    """Return a number, or else the text, which the API refuses by the name of its field."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return text


def _hours(fields: Fields) -> int | None:
    hours = fields.get("publish_within", "")
    return int(hours) if hours.isdecimal() and fields.get("who") == "anonymous" else None


def _words() -> dict[str, str]:
    """Return what the scripts say, in the visitor's language, by code."""
    return {code: _(text) for code, text in {**WORDS, **REPORT_WORDS}.items()}
