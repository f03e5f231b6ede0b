"""What the pages of the monitor ask and do."""

from collections.abc import Callable
from dataclasses import dataclass

from application.engine.answers import Answers
from application.engine.rebuild import Rebuilds
from application.ports.history import History
from application.ports.parked import ParkedEvents
from application.queries.alerts import AlertDocument
from application.queries.interventions import InterventionDocument
from application.use_cases.operations.follow import FollowCommand
from application.use_cases.operations.handlers import Handlers
from application.use_cases.operations.intervene import Intervene
from application.use_cases.operations.open_event import OpenEvents
from application.use_cases.operations.overview import Overview


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorTools:
    """The dependencies of the pages. ``overview`` returns how the system was a moment ago."""

    overview: Callable[[], Overview]
    parked: ParkedEvents
    history: History
    handlers: Handlers
    intervene: Intervene
    open_events: OpenEvents
    follow: FollowCommand
    interventions: Answers[InterventionDocument]
    alerts: Answers[AlertDocument]
    rebuilds: Rebuilds
