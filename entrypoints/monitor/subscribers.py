"""One subscriber: what it handles, and the events that it has not handled."""

from flask import Blueprint, Response, abort

from application.use_cases.operations.handlers import Handler
from application.use_cases.operations.masking import masked
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools

EVENTS_A_LOG = 50


def subscriber_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("subscribers", __name__, url_prefix=f"{ROOT}/subscribers")

    def handler_named(kind: str, name: str) -> Handler:
        found = (each for each in tools.handlers if (each.kind, each.name) == (kind, name))
        return next(found, None) or abort(404)

    @blp.get("/<any(policy, query):kind>/<name>")
    def one(kind: str, name: str) -> Response:
        handler = handler_named(kind, name)
        parked = [each for each in tools.parked.list() if each.service == handler.name]
        return page(
            "subscriber.html",
            handler=handler,
            checkpoint=handler.checkpoint(),
            unhandled=tools.handlers.unhandled(handler, EVENTS_A_LOG),
            parked=parked,
            dropped=sorted(tools.parked.dropped(handler.name)),
            most=EVENTS_A_LOG,
            masked=masked,
        )

    return blp
