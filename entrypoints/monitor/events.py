"""The event browser: events of a log, with what is personal sealed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from flask import Blueprint, Response, abort, request

from application.engine.whole_log import events_of
from application.ports.codec import NewerProgram, RecordedEvent
from application.ports.history import History
from application.system import CONTEXTS
from application.use_cases.operations.masking import masked
from domain.catalog import EVENTS
from domain.decider import DomainError
from entrypoints.monitor.access import ROOT
from entrypoints.monitor.explained import explanation
from entrypoints.monitor.pages import page
from entrypoints.monitor.tools import MonitorTools

A_PAGE = 50
MOST_DIGITS = 18
MOST_LOOKED_AT = 5000
"""How many events one page looks at for those of a type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Events, and the position from which to go on; None at the end of the log."""

    events: Sequence[RecordedEvent]
    next: int | None


def event_pages(tools: MonitorTools) -> Blueprint:
    blp = Blueprint("events", __name__, url_prefix=f"{ROOT}/events")
    history = tools.history

    @blp.get("")
    def browse() -> Response:
        log = request.args.get("log", CONTEXTS[0])
        if log not in CONTEXTS:
            abort(404)
        end = history.last_position(log)
        stream, event_type = request.args.get("stream", "").strip(), request.args.get("type", "")
        after, wrong = _beginning(history, log, end, stream)
        found = _found(history, log, after, stream, event_type)
        return page(
            "events.html",
            log=log,
            logs=CONTEXTS,
            types=[name for name in EVENTS.types if name.partition(".")[0] == log],
            stream=stream,
            type=event_type,
            day=request.args.get("day", ""),
            after=after,
            end=end,
            before=max(0, after - A_PAGE),
            found=found,
            masked=masked,
            looked_at=MOST_LOOKED_AT,
            wrong=wrong,
        )

    def event_or_404(event_id: str) -> RecordedEvent:
        return tools.open_events.find(event_id) or abort(404)

    def shown(event: RecordedEvent, status: int = 200, **more: object) -> Response:
        return page(
            "event.html",
            status,
            event=event,
            masked=masked(event),
            handlers=tools.handlers.of(event.type),
            **{"opened": None, "wrong": "", "erased": False, "form": request.form, **more},
        )

    @blp.get("/one")
    def one() -> Response:
        return shown(event_or_404(request.args.get("id", "")))

    @blp.post("/one")
    def open_one() -> Response:
        event = event_or_404(request.form.get("id", ""))
        if not masked(event).opens:
            abort(400)
        try:
            values = tools.open_events.open(event, explanation())
        except DomainError as refused:
            return shown(event, 422, wrong=refused.message)
        except NewerProgram:
            return shown(event, 409, wrong="Only a newer version of Klarity can read this event.")
        return shown(event, opened=values, erased=values is None)

    return blp


def _beginning(history: History, log: str, end: int, stream: str) -> tuple[int, str]:
    """Return the position after which the page begins, and what was wrong with the request.

    In a stream it is a version. Without a position or a day, a page begins with the first event of
    a stream, or shows the newest of a log.
    """
    newest = max(0, end - A_PAGE)
    after = request.args.get("after", "")
    if after.isdecimal() and len(after) <= MOST_DIGITS:
        return int(after), ""
    if not (day := request.args.get("day", "")):
        return (0 if stream or request.args.get("type") else newest), ""
    try:
        first = date.fromisoformat(day)
    except ValueError:
        return (0 if stream else newest), "Write a day as 2026-03-01."
    if stream:
        return sum(_day_of(event) < first for event in history.stream(log, stream)), ""
    return position_of_day(history, log, first, end), ""


def position_of_day(history: History, log: str, day: date, end: int) -> int:
    """Return the position before the first event of the day or later, by halving.

    The day of a commit is that of its stamp. Nothing more exact is used: the clock of a reporter's
    day stays unknown to the page.
    """
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        following = history.read(log, middle, 1)
        if following and _day_of(following[0]) < day:
            low = middle + 1
        else:
            high = middle
    return low


def _day_of(event: RecordedEvent) -> date:
    return datetime.fromtimestamp(event.stamp / 1_000_000, UTC).date()


def _found(history: History, log: str, after: int, stream: str, event_type: str) -> Found:
    if stream:
        events = [e for e in history.stream(log, stream) if event_type in ("", e.type)]
        return _in_stream(events, after)
    if event_type:
        return _of_type(history, log, after, lambda event: event.type == event_type)
    events = history.read(log, after, A_PAGE)[:A_PAGE]
    return Found(events=events, next=events[-1].position if events else None)


def _in_stream(events: Sequence[RecordedEvent], after: int) -> Found:
    """Return events of one stream. These are counted by their versions."""
    following = [event for event in events if event.version > after]
    shown = following[:A_PAGE]
    return Found(events=shown, next=shown[-1].version if len(following) > A_PAGE else None)


def _of_type(
    history: History, log: str, after: int, wanted: Callable[[RecordedEvent], bool]
) -> Found:
    """Return the wanted events among the next MOST_LOOKED_AT."""
    found: list[RecordedEvent] = []
    for event in events_of(history, log, after):
        if wanted(event):
            found.append(event)
        if len(found) == A_PAGE or event.position >= after + MOST_LOOKED_AT:
            return Found(events=found, next=event.position)
    return Found(events=found, next=None)
