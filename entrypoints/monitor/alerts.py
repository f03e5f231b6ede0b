"""The alerts that were raised, eased and resolved."""

from flask import Blueprint, Response, g, request

from application.engine.query_service import Viewer
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools

A_PAGE = 100


def alert_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("alerts", __name__, url_prefix=ROOT)

    @blp.get("/alerts")
    def history() -> Response:
        subject = request.args.get("subject") or None
        filters = {"is_open": None, "subject": subject}
        found = tools.alerts.page(Viewer(g.operator), filters, limit=A_PAGE)
        return page("alerts.html", found=found.documents, subject=subject)

    return blp
