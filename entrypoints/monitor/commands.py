"""One command followed through all services."""

from flask import Blueprint, Response, request

from application.use_cases.operations.follow import Followed
from application.use_cases.operations.masking import masked
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools


def command_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("commands", __name__, url_prefix=f"{ROOT}/commands")

    @blp.get("")
    def follow() -> Response:
        correlation_id = request.args.get("id", "").strip()
        followed = tools.follow(correlation_id) if correlation_id else None
        unread = sum(followed.unread.values()) if followed else 0
        return page(
            "command.html",
            correlation_id=correlation_id,
            followed=followed,
            unread=unread,
            positions=_positions(followed),
            masked=masked,
            live=bool(unread),
        )

    return blp


def _positions(followed: Followed | None) -> dict[str, int]:
    """Return the numbers under which the page names the events, by their ids."""
    steps = followed.steps if followed else ()
    return {step.event.id: number for number, step in enumerate(steps, start=1)}
