"""The subscribers that handle events: policies, and the builds of query services that answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from application.engine.builds import name_of, open_build, serving_build
from application.engine.query_service import QueryService
from application.engine.whole_log import events_of
from application.ports.checkpoints import START, Checkpoint, Checkpoints
from application.ports.codec import RecordedEvent
from application.ports.history import History
from application.ports.read_models import ReadModels
from application.system import policy_types, query_services

POLICY, QUERY = "policy", "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A subscriber of events.

    ``service`` is the context of a policy, or the query service. ``subscriber`` is the name under
    which its events are parked; ``handles`` are the stored names of the events that it declares.
    """

    kind: str
    name: str
    service: str
    subscriber: str
    handles: Sequence[str]
    topics: Sequence[str]
    checkpoint: Callable[[], Checkpoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhandled:
    """Events of a log that a subscriber has not handled, the oldest first. ``behind`` counts all
    events of the log after its position, also those that it does not declare."""

    log: str
    behind: int
    events: Sequence[RecordedEvent]


class Handlers:
    """Finds the subscribers, and what each has handled. It reads no more than it is asked for."""

    def __init__(self, checkpoints: Checkpoints, models: ReadModels, history: History) -> None:
        self._checkpoints = checkpoints
        self._models = models
        self._history = history

    def __iter__(self) -> Iterator[Handler]:
        for policy in policy_types():
            yield Handler(
                kind=POLICY,
                name=policy.name,
                service=policy.service,
                subscriber=policy.name,
                handles=policy.handles,
                topics=policy.topics,
                checkpoint=partial(self._checkpoints.load, policy.name),
            )
        yield from map(self._query, query_services())

    def of(self, event_type: str) -> list[Handler]:
        """Return the subscribers that declare the event."""
        return [each for each in self if event_type in each.handles]

    def unhandled(self, handler: Handler, most: int) -> list[Unhandled]:
        """Return up to ``most`` declared events of each log that the subscriber has not handled."""
        checkpoint = handler.checkpoint()
        return [self._unhandled(handler, log, checkpoint.at(log), most) for log in handler.topics]

    def _unhandled(self, handler: Handler, log: str, position: int, most: int) -> Unhandled:
        following = events_of(self._history, log, position)
        declared = (event for event in following if event.type in handler.handles)
        return Unhandled(
            log=log,
            behind=max(0, self._history.last_position(log) - position),
            events=list(islice(declared, most)),
        )

    def _query(self, service: QueryService[object]) -> Handler:
        return Handler(
            kind=QUERY,
            name=service.name,
            service=service.name,
            subscriber=name_of(service, serving_build(service, self._models)),
            handles=service.handles,
            topics=service.topics,
            checkpoint=partial(self._of_query, service),
        )

    def _of_query(self, service: QueryService[object]) -> Checkpoint:
        build = serving_build(service, self._models)
        return open_build(service, self._models, build).checkpoint() if build else START
