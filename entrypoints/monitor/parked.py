"""Parked events: by cause, with what can be seen of them, and what operators decide."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from application.ports.parked import ParkedEvent
from application.use_cases.operations.intervene import target_of
from application.use_cases.operations.masking import masked
from application.use_cases.operations.parked_causes import ParkedCause, causes_of, masked_error
from domain.decider import DomainError
from domain.operations.intervention import MOST_TARGETS, Action
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.explained import explanation
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools

EVENTS_SHOWN = 50
ACTIONS = (Action.RETRY, Action.DROP)


def parked_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("parked", __name__, url_prefix=f"{ROOT}/parked")

    def cause_of(key: str) -> ParkedCause:
        return next((c for c in causes_of(tools.parked.list()) if c.key == key), None) or abort(404)

    def one_of(subscriber: str, event_id: str) -> ParkedEvent:
        found = (each for each in tools.parked.list(subscriber) if each.event.id == event_id)
        return next(found, None) or abort(404)

    def settled(parked: list[ParkedEvent]) -> AnyResponse:
        action = _action()
        targets = [target_of(each) for each in parked[:MOST_TARGETS]]
        begun = tools.intervene.settle(action, targets, explanation())
        return redirect(url_for("interventions.one", intervention_id=begun), 303)

    def show_cause(cause: ParkedCause, wrong: str = "", status: int = 200) -> Response:
        return page(
            "cause.html",
            status,
            cause=cause,
            shown=EVENTS_SHOWN,
            most=MOST_TARGETS,
            wrong=wrong,
            form=request.form,
        )

    def show_one(parked: ParkedEvent, wrong: str = "", status: int = 200) -> Response:
        return page(
            "parked_event.html",
            status,
            parked=parked,
            event=parked.event,
            masked=masked(parked.event),
            masked_error=masked_error,
            wrong=wrong,
            form=request.form,
        )

    @blp.get("")
    def causes() -> Response:
        return page("parked.html", causes=causes_of(tools.parked.list()), live=True)

    @blp.get("/causes/<key>")
    def cause(key: str) -> Response:
        return show_cause(cause_of(key))

    @blp.post("/causes/<key>")
    def decide_on_cause(key: str) -> AnyResponse:
        found = cause_of(key)
        try:
            return settled(list(found.failed))
        except DomainError as refused:
            return show_cause(found, refused.message, 422)

    @blp.get("/event")
    def one() -> Response:
        return show_one(one_of(request.args.get("subscriber", ""), request.args.get("id", "")))

    @blp.post("/event")
    def decide_on_one() -> AnyResponse:
        found = one_of(request.form.get("subscriber", ""), request.form.get("id", ""))
        try:
            return settled([found])
        except DomainError as refused:
            return show_one(found, refused.message, 422)

    return blp


def _action() -> Action:
    """Return what the form asks. To drop has to be confirmed, because it cannot be undone soon."""
    try:
        action = Action(request.form.get("action", ""))
    except ValueError:
        abort(400)
    if action not in ACTIONS:
        abort(400)
    if action is Action.DROP and "confirmed" not in request.form:
        raise DomainError("bad-intervention", "Tick the box to confirm that the events are lost.")
    return action
