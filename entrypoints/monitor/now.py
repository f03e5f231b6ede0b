"""The first page: how the system is, in words and tables."""

from collections.abc import Sequence
from math import inf

from flask import Blueprint, Response

from application.use_cases.operations.overview import SubscriberState
from application.use_cases.operations.parked_causes import masked_error
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools


def now_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("now", __name__, url_prefix=ROOT)

    @blp.get("")
    def now() -> Response:
        overview = tools.overview()
        return page(
            "now.html", overview=overview, by_lag=by_lag, masked_error=masked_error, live=True
        )

    return blp


def by_lag(subscribers: Sequence[SubscriberState]) -> list[SubscriberState]:
    """Return those first that are furthest behind; what is unknown comes before what is well."""

    def place(state: SubscriberState) -> tuple[bool, float, float, str]:
        is_well = not (state.error or state.parked or state.waits_for_newer)
        behind = inf if state.behind is None else state.behind
        oldest = inf if state.oldest_seconds is None else state.oldest_seconds
        return is_well, -behind, -oldest, state.name

    return sorted(subscribers, key=place)
