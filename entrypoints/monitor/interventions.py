"""What operators did, and why."""

from flask import Blueprint, Response, abort, g, request

from application.engine.answers import NotCaughtUp, Token
from application.engine.query_service import Viewer
from domain.operations.intervention import Action, intervention_decider
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools

A_PAGE = 50


def intervention_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("interventions", __name__, url_prefix=f"{ROOT}/interventions")
    answers = tools.interventions

    @blp.get("")
    def every() -> Response:
        found = answers.page(Viewer(g.operator), {"action": _action()}, limit=A_PAGE)
        return page("interventions.html", found=found.documents, action=_action(), actions=Action)

    @blp.get("/<uuid:intervention_id>")
    def one(intervention_id: object) -> Response:
        """Show one as its log has it, even if the read model has to catch up for that."""
        key = str(intervention_id)
        stream = intervention_decider.stream(key)
        if not (events := tools.history.stream("operations", stream)):
            abort(404)
        token = Token("operations", stream, events[-1].version)
        try:
            found = answers.one(key, Viewer(g.operator), token)
        except NotCaughtUp:
            text = "It is recorded, and is carried out. The list of them has not caught up yet."
            return page("error.html", 202, title="Recorded", text=text)
        return page("intervention.html", one=found or abort(404))

    return blp


def _action() -> Action | None:
    chosen = request.args.get("action", "")
    return Action(chosen) if chosen in set(Action) else None
