"""Read models: how rebuilds go, what differs from the logs, and what operators ask for."""

from flask import Blueprint, Response, abort, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from application.ports.rebuilds import NO_REBUILD, Phase, RebuildState
from application.system import query_services
from application.use_cases.operations.intervene import ON_READ_MODELS
from domain.decider import DomainError
from domain.operations.intervention import Action
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.explained import explanation
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools

BUTTONS = {
    Action.COMPARE: "Compare with the logs",
    Action.REBUILD: "Rebuild and hold",
    Action.REBUILD_AND_SWAP: "Rebuild and let it serve",
    Action.THROTTLE: "Limit the speed",
    Action.SWAP: "Let the new build serve",
    Action.CANCEL: "Cancel it",
    Action.ROLL_BACK: "Let the kept build serve",
}
WITH_SPEED = (Action.COMPARE, Action.REBUILD, Action.REBUILD_AND_SWAP, Action.THROTTLE)


def rebuild_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("rebuilds", __name__, url_prefix=f"{ROOT}/rebuilds")
    services = {service.name: service for service in query_services()}

    def show(name: str, wrong: str = "", status: int = 200) -> Response:
        state = tools.rebuilds.state(services.get(name) or abort(404))
        buttons = {action.value: BUTTONS[action] for action in possible(state)}
        return page(
            "rebuild.html",
            status,
            name=name,
            state=state,
            buttons=buttons,
            limits_speed=buttons.keys() & WITH_SPEED,
            wrong=wrong,
            form=request.form,
            live=state.is_moving,
        )

    @blp.get("")
    def every() -> Response:
        states = {name: tools.rebuilds.state(service) for name, service in services.items()}
        moved = {name: state for name, state in states.items() if state != NO_REBUILD}
        return page("rebuilds.html", moved=moved, others=states.keys() - moved.keys(), live=True)

    @blp.get("/<name>")
    def one(name: str) -> Response:
        return show(name)

    @blp.post("/<name>")
    def ask(name: str) -> AnyResponse:
        action = request.form.get("action", "")
        if name not in services or action not in ON_READ_MODELS:
            abort(400)
        try:
            speed = _speed() if action in WITH_SPEED else 0.0
            begun = tools.intervene.do(Action(action), name, explanation(), events_a_second=speed)
        except DomainError as refused:
            return show(name, refused.message, 422)
        return redirect(url_for("interventions.one", intervention_id=begun), 303)

    return blp


def possible(state: RebuildState) -> list[Action]:
    """Return what an operator can ask for now."""
    if state.phase is Phase.ROLLING_BACK:
        return [Action.CANCEL]
    if state.phase is Phase.HELD:
        return [Action.SWAP, Action.CANCEL]
    if state.in_progress:
        return [Action.THROTTLE, Action.CANCEL]
    begin = [Action.COMPARE, Action.REBUILD, Action.REBUILD_AND_SWAP]
    return [*begin, *([Action.ROLL_BACK] if state.kept else [])]


def _speed() -> float:
    """Return the events a second that the form asks for. Raises DomainError if it is no number."""
    given = request.form.get("events_a_second") or "0"
    try:
        return float(given)
    except ValueError:
        raise DomainError("bad-intervention", "Give the speed as a number.") from None
